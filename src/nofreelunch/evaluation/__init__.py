"""From finished runs to tables: curves, areas, wins, ranks, significance, embedding quality."""
