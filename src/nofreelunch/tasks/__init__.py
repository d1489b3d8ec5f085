"""Tasks: text classification data sets, from wherever they come."""
