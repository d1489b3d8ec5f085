"""The embedding matrix and its products."""
