"""The commands of ``python -m nofreelunch``, one module each: ``add_arguments(parser)`` and ``run(arguments)``."""
