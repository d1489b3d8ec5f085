"""Heads: classifiers on frozen embeddings."""
