"""What everything stands on: errors, names and paths, storage, randomness, provenance."""
