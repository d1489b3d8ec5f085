"""Embed a few sentences with an embedder's real weights, and compare with what its model card publishes."""

import argparse

import numpy as np

from nofreelunch import params
from nofreelunch.base.arrays import FloatArray
from nofreelunch.base.card_examples import CARD_EXAMPLES, CardExample
from nofreelunch.base.errors import UserError, unknown
from nofreelunch.base.storage import Memo
from nofreelunch.embedders.adapter import devices
from nofreelunch.embedders.model_embedder import ModelEmbedder
from nofreelunch.embedders.model_entry import ModelEntry
from nofreelunch.embedders.sentence_model import SentenceModel

SENTENCE = "Hello world"
# Cards compute in half precision, some of them; a wrong token or mask moves a similarity by far more.
NEAR = 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The embedder."""
    parser.add_argument("embedder", help="a name from embedders in params.yaml; its weights are fetched if need be")


def run(arguments: argparse.Namespace) -> None:
    """Print ids, pooling and norm, and how far the card's similarities are.

    Raises:
        UserError: the embedder is no transformer, its model does not fit its entry, or a similarity is not the card's.
    """
    embedders, name = params.load().embedders, arguments.embedder
    if name not in embedders:
        raise UserError(unknown("embedder", name, embedders))
    spec = embedders[name].transformer
    if spec is None:
        raise UserError(f"{name} runs no transformer, so there is nothing to compare; name one that does.")
    print("\n".join(report(spec)))


def report(spec: ModelEntry) -> list[str]:
    """The lines of `run`."""
    embedder = ModelEmbedder(spec, Memo.default(), None, devices()[:1])
    tokens = embedder.tokens
    model = embedder.models[0]
    vectors, counts = model.encode([SENTENCE], "")
    around = "by a module of its own" if tokens is None else tokens.facts()
    lines = [
        f"model     {spec.hub}, {embedder.files.source}, revision {embedder.files.revision}",
        f"weights   SHA-256 {embedder.files.weights}",
        f"runs on   {model.device}, {model.settings.dtype}",
        f"pooling   {embedder.pooling}; attention {spec.attention or 'as the model says'}",
        f"tokens    {around}",
        f"ids       {SENTENCE!r} → {counts[0] if tokens is None else tokens.ids(SENTENCE)}",
        f"vector    {vectors.shape[1]} dimensions, norm {np.linalg.norm(vectors[0]):.6f}",
    ]
    example = CARD_EXAMPLES.get(spec.hub)
    if example is None:
        return [*lines, "card      no similarities of the card are known here; nothing was compared"]
    return [*lines, *compare(model, spec.prompt or "", example)]


def compare(model: SentenceModel, prompt: str, example: CardExample) -> list[str]:
    """Ours beside the card's similarities.

    Raises:
        UserError: one is further than ``NEAR`` from the card's.
    """
    queries, _ = model.encode(list(example.queries), prompt.replace("{task}", example.task))
    documents, _ = model.encode(list(example.documents), "")
    ours = _unit(queries) @ _unit(documents).T
    apart = float(np.abs(ours - np.array(example.cosines)).max())
    if apart > NEAR:
        raise UserError(
            f"the similarities of the card's example are {np.round(ours, 4).tolist()}, and the card prints "
            f"{[list(row) for row in example.cosines]}: {apart:.4f} apart. Check the revision, the prompt and the "
            "settings of this embedder against docs/paper_grid.md before you use its vectors."
        )
    return [f"card      its example's similarities are {apart:.4f} apart at most (up to {NEAR} is rounding)"]


def _unit(rows: FloatArray) -> FloatArray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
