"""The stages of the DVC pipeline: each parses its names, calls the library, and writes."""
