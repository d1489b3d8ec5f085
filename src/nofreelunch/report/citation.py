"""How to cite the benchmark and the study that it rebuilds; the same as in CITATION.cff."""

BIBTEX = """\
@software{nofreelunch,
  title   = {No Free Lunch: a benchmark of active learning on frozen text embeddings},
  author  = {{The No Free Lunch developers}},
  version = {0.1.0},
}

@article{rauch2025nofreelunch,
  title   = {No Free Lunch in Active Learning: LLM Embedding Quality Dictates Query Strategy Success},
  author  = {Rauch and Wirth and Huseljic and Herde and Sick and A{\\ss}enmacher},
  journal = {arXiv preprint arXiv:2506.01992},
  url     = {https://arxiv.org/abs/2506.01992},
  year    = {2025},
}
"""
