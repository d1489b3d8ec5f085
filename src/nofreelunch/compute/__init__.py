"""Independent pieces of work and who does them: this process, worker processes, a Dask cluster."""
