"""What one (task, embedder) cell computes: initial pools, runs, diagnostics."""
