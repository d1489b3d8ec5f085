"""The report: figures, and one HTML file that holds all it shows and asks for nothing else."""
