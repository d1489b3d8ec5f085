"""No Free Lunch: a benchmark of active learning on frozen LLM text embeddings."""

__version__ = "0.1.0"
