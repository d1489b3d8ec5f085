"""Embedders: from texts to a matrix of frozen features."""
