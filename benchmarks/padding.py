"""How much of a GPU's batches is padding: at most so much would attention without padding spare.

Run: python -m benchmarks.padding      (seconds of one core; no GPU and no model, only the tokenizer of an embedder)

Chunks and their order are those of `GpuModel`, budgets those of up to 0.5, of 1.5 and of 7 billion weights. First of
batches as full as the budget lets them be, then of those that also end where texts get too short (`even_batches`), with
their number.
"""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from nofreelunch import params
from nofreelunch.base.storage import Memo, read_table
from nofreelunch.embedders.encoding import chunks
from nofreelunch.embedders.gpu_model import even_batches
from nofreelunch.embedders.model_embedder import ModelEmbedder
from nofreelunch.embedders.sentence_model import batches

TASKS = ("ag_news", "yelp5", "banking77")
BUDGETS = (262_144, 65_536, 16_384)


def padding(parts: list[np.ndarray], rule: Callable[[np.ndarray, int], Iterable[slice]], budget: int) -> str:
    """Share of the tokens of all batches that pad, and how many batches there are.

    Args:
        parts: tokens of the texts of each chunk, from long to short.
        rule: makes batches of a chunk.
        budget: of a batch.
    """
    made = [lengths[row] for lengths in parts for row in rule(lengths, budget)]
    share = 1 - sum(part.sum() for part in made) / sum(part[0] * len(part) for part in made)
    return f"{share:>9.1%} ({len(made)})"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="holds <task>/train.parquet")
    parser.add_argument("--texts", type=int, default=20_000, help="the first so many of each task")
    parser.add_argument("--embedder", default="minilm", help="an entry of params.yaml, for its tokenizer")
    arguments = parser.parse_args()
    spec = params.load().embedders[arguments.embedder].transformer
    tokens = None if spec is None else ModelEmbedder(spec, Memo.default()).tokens
    if tokens is None:
        raise SystemExit(f"{arguments.embedder} has no tokenizer of its own")
    print(f"{'task':<12}{'texts':>8}{'tokens':>8}" + 2 * "".join(f"{budget:>14,}" for budget in BUDGETS))
    for task in TASKS:
        table = read_table(arguments.data / task / "train.parquet")
        texts = list(dict.fromkeys(map(str, table["text"].tolist())))[: arguments.texts]
        parts = [
            -np.sort(-tokens.features([texts[i] for i in part], "")[0]["attention_mask"].sum(1).numpy())
            for part in chunks(texts, "cuda")
        ]
        shares = [padding(parts, rule, budget) for rule in (batches, even_batches) for budget in BUDGETS]
        print(f"{task:<12}{len(texts):>8,}{np.concatenate(parts).mean():>8.1f}" + "".join(f"{s:>14}" for s in shares))


if __name__ == "__main__":
    main()
