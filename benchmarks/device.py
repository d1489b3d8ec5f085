"""What a GPU is worth: embedding against SentenceTransformer.encode on it, learning against all cores of its host.

Run: python -m benchmarks.device --out device.json         (one card, its host otherwise idle; under five minutes)
     python -m benchmarks.device --device torch --small     (tiny shapes on torch's CPU device, to see that it runs)

Embedding: models of four shapes with random weights in bfloat16, texts of AG News, Yelp and Banking77 (from --data,
else the built-in tasks). `ours` is the pipeline with its memo, all of it; `theirs` is the best of three batch sizes;
both run the same weights, and the smallest cosine between their vectors is shown. FLOP are two for each weight a token
is multiplied with. Learning: seconds of the wall for a round of a run, in a process of its own for each device: ten
runs of a strategy together on the GPU, one on the CPU, whose products have all cores. A dash: left out, for want of
time or memory.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.head import clusters
from benchmarks.machine import describe, number
from benchmarks.random_models import REAL, SMALL, Shape, random_weights, save_folder
from nofreelunch import params
from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo, read_table
from nofreelunch.cells.simulation import Cell, Run, simulate
from nofreelunch.embedders.encoding import encode
from nofreelunch.embedders.gpu_model import GpuModel
from nofreelunch.embedders.settings import Settings
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.space.device import VARIABLE
from nofreelunch.tasks.docs import build_docs_task

TASKS = ("ag_news", "yelp5", "banking77")
BUILT_IN = ("docs_library", "docs_module", "docs_kind")
BATCH_SIZES = (32, 128, 512)
# Texts of each shape, so that a pass takes seconds.
TEXTS = {"MiniLM": 8_192, "BERT-base": 4_096, "Qwen2 1.5B": 1_024, "Qwen2 7B": 512}
SMALL_TEXTS = 96
NAMES = ("random", "margin", "coreset", "badge", "typiclust", "dropquery", "alfamix", "bait")
BATCH = 100


@dataclass(frozen=True)
class Learning:
    """A cell to learn: n pool rows of d dimensions and C classes, up to so many seeds and rounds."""

    n: int
    d: int
    classes: int
    seeds: int
    rounds: int


CELLS = [Learning(20_000, 384, 4, 10, 2), Learning(20_000, 4_096, 77, 10, 2)]
SMALL_CELLS = [Learning(300, 8, 3, 2, 1)]


def peaks(device: str, small: bool) -> dict[str, float]:
    """FLOP/s of square products in bfloat16 and in float32 without TF32."""
    import torch

    size = 256 if small else 8_192
    found = {}
    for name in ("bfloat16", "float32"):
        a, b = (torch.randn(size, size, device=device).to(getattr(torch, name)) for _ in range(2))
        _synchronise(device)
        times = []
        for _ in range(3 if small else 10):
            started = time.perf_counter()
            a @ b
            _synchronise(device)
            times.append(time.perf_counter() - started)
        found[name] = 2 * size**3 / min(times)
    return found


def _synchronise(device: str) -> None:
    import torch

    if device != "cpu":
        torch.cuda.synchronize()


def texts_of(folder: Path, small: bool) -> dict[str, list[str]]:
    """Distinct train texts of the three tasks, or of built-in ones where those are not there."""
    most = SMALL_TEXTS if small else max(TEXTS.values())
    if all((folder / name / "train.parquet").is_file() for name in TASKS):
        columns = {name: list(read_table(folder / name / "train.parquet")["text"]) for name in TASKS}
    else:
        with tempfile.TemporaryDirectory() as temporary:
            memo, known = Memo(Path(temporary)), params.load().datasets
            names = BUILT_IN[:1] if small else BUILT_IN
            columns = {name: build_docs_task(known[name], memo).train.text for name in names}
    return {name: list(dict.fromkeys(filter(str.strip, texts)))[:most] for name, texts in columns.items()}


def timed(work: Callable[[], np.ndarray], device: str) -> tuple[float, np.ndarray]:
    _synchronise(device)
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def ours(model: GpuModel, texts: list[str]) -> np.ndarray:
    """Vectors by way of the memo, as a stage makes them."""
    with tempfile.TemporaryDirectory() as temporary:
        run = partial(model.run, layers=(None,))
        prepare = partial(model.prepare, prompt="")
        made = encode(texts, "key", lambda: [run], Memo(Path(temporary)), "ours", kind="cuda", prepare=prepare)
        vectors = np.empty((len(texts), made.dim), np.float32)
        made.fill([(vectors, np.arange(len(texts)))])
    return vectors


def compare(shape: Shape, corpus: dict[str, list[str]], device: str, small: bool, until: float) -> list[dict[str, Any]]:
    """A row of the first table for each task, as long as there is time and the card has the memory."""
    import torch
    from sentence_transformers import SentenceTransformer

    rows: list[dict[str, Any]] = []
    everything = [text for texts in corpus.values() for text in texts]
    with tempfile.TemporaryDirectory() as temporary, random_weights(device, "bfloat16"):
        folder = save_folder(shape, everything, Path(temporary))
        settings = Settings(shape.max_tokens, None, None, False, None, False, "bfloat16", False)
        try:
            model = GpuModel(folder, settings, "cpu" if device == "cpu" else "cuda:0")
            peer = SentenceTransformer(str(folder), device=device)
        except (UserError, torch.OutOfMemoryError) as error:
            print(f"{shape.name} is left out: {error}", file=sys.stderr)
            return [{"shape": shape.name, "task": task} for task in corpus]
        peer.max_seq_length = shape.max_tokens
        for task, all_texts in corpus.items():
            texts = all_texts[: SMALL_TEXTS if small else TEXTS[shape.name]]
            row: dict[str, Any] = {"shape": shape.name, "task": task, "texts": len(texts), "budget": model.budget}
            if time.monotonic() < until:
                row |= _measured(shape, model, peer, texts, device)
            rows.append(row)
    return rows


def _measured(shape: Shape, model: GpuModel, peer: Any, texts: list[str], device: str) -> dict[str, Any]:
    import torch

    def theirs(size: int) -> np.ndarray:
        return np.asarray(peer.encode(texts, batch_size=size, show_progress_bar=False), np.float32)

    ours(model, texts[:64])
    peer.encode(texts[:64], batch_size=min(BATCH_SIZES), show_progress_bar=False)
    mine, vectors = timed(partial(ours, model, texts), device)
    passes = {}
    for size in BATCH_SIZES:
        with suppress(torch.OutOfMemoryError):
            passes[size] = timed(partial(theirs, size), device)
    if not passes:
        return {}
    best = min(passes, key=lambda size: passes[size][0])
    seconds, other = passes[best]
    lengths = model.prepare(texts, "").lengths
    tokens = 0 if lengths is None else int(lengths.sum())
    return {
        "tokens": tokens / len(texts),
        "ours": len(texts) / mine,
        "theirs": len(texts) / seconds,
        "their_batch_size": best,
        "ratio": seconds / mine,
        "flops": 2 * shape.active * tokens / mine,
        "smallest_cosine": float((vectors * other).sum(1).min()),
    }


def learn(cell: Learning, limit: float) -> Iterator[dict[str, Any]]:
    """For each strategy the seconds of a round of a run on this process's device; of one run and round where that takes
    longer than ``limit``."""
    features, labels = clusters(cell.n + cell.n // 4, cell.d, cell.classes)
    pool, test = features[: cell.n], features[cell.n :]
    made = Cell.of("benchmark", "clusters", pool, test, labels[cell.n :], cell.classes, params.load().head)
    for name in NAMES:

        def run(seeds: int, rounds: int, name: str = name) -> float:
            runs = [
                Run(
                    ips="random",
                    strategy=name,
                    seed=seed,
                    initial=np.random.default_rng(seed).permutation(cell.n)[:BATCH],
                    entry=STRATEGIES[name],
                    batch=BATCH,
                    rounds=rounds,
                )
                for seed in range(seeds)
            ]
            started = time.perf_counter()
            simulate(made, lambda rows, seed: labels[rows], runs)
            return (time.perf_counter() - started) / (seeds * rounds)

        seconds, runs = run(1, 1), 1
        if seconds * cell.rounds <= limit:
            seconds, runs = run(cell.seeds, cell.rounds), cell.seeds
        yield {"strategy": name, "seconds": seconds, "runs": runs}


def apart(cell: Learning, device: str, limit: float, timeout: float) -> dict[str, dict[str, Any]]:
    """What `learn` says in a process of its own on ``device``, as far as it comes in the time, and in the memory."""
    cores = str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), cores)
    command = [sys.executable, "-m", "benchmarks.device", "--learn", json.dumps([asdict(cell), limit])]
    environment = os.environ | threads | {VARIABLE: device}
    try:
        said = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, check=True, timeout=max(1.0, timeout)
        ).stdout
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        said = error.stdout or b""
    lines = said.decode().splitlines(keepends=True)
    return {row["strategy"]: row for row in (json.loads(line) for line in lines if line.endswith("}\n"))}


def learning(cell: Learning, device: str, limit: float, until: float) -> list[dict[str, Any]]:
    """A row of the second table for each strategy, and one for all together."""
    name = "torch" if device == "cpu" else "cuda"
    there = apart(cell, name, limit, until - time.monotonic())
    # Its runs follow one after another, so that one says as much as ten.
    here = apart(Learning(cell.n, cell.d, cell.classes, 1, cell.rounds), "cpu", limit, until - time.monotonic())
    shape = {"n": cell.n, "d": cell.d, "classes": cell.classes}
    rows = []
    for strategy in NAMES:
        pair = [found.get(strategy, {}).get("seconds", float("nan")) for found in (there, here)]
        together = there.get(strategy, {}).get("runs", 0)
        row = {"strategy": strategy, "runs": together, "device": pair[0], "host": pair[1], "ratio": pair[1] / pair[0]}
        rows.append(shape | row)
    device_sum, host_sum = (sum(row[where] for row in rows) for where in ("device", "host"))
    return [*rows, shape | {"strategy": "all", "device": device_sum, "host": host_sum, "ratio": host_sum / device_sum}]


def shown(found: dict[str, Any]) -> str:
    """Both tables as text."""
    lines = [
        f"{found['card']}; host: {found['host']}",
        ", ".join(f"{name} products {flops / 1e12:,.4g} TFLOP/s" for name, flops in found["peaks"].items()),
        "",
        "| shape | task | tokens | ours, texts/s | theirs (batch size) | ratio | ours, TFLOP/s | of peak | cosine |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in found["embedding"]:
        cells = ["–"] * 7
        if "ours" in row:
            share = row["flops"] / found["peaks"]["bfloat16"]
            cells = [
                f"{row['tokens']:.0f}", f"{row['ours']:,.0f}", f"{row['theirs']:,.0f} ({row['their_batch_size']})",
                f"{row['ratio']:.2f}", number(row["flops"] / 1e12), f"{share:.1%}", f"{row['smallest_cosine']:.4f}",
            ]  # fmt: skip
        lines.append(f"| {row['shape']} | {row['task']} | {' | '.join(cells)} |")
    lines += ["", "| n, d, C | strategy | device, s | host, s | host ÷ device |", "|---|---|---|---|---|"]
    for row in found["learning"]:
        numbers = " | ".join(number(row[key]) for key in ("device", "host", "ratio"))
        lines.append(f"| {row['n']:,}, {row['d']:,}, {row['classes']} | {row['strategy']} | {numbers} |")
    return "\n".join([*lines, "", f"{found['seconds']:.0f} s in all"])


def main() -> None:
    """Print both tables, and their numbers as JSON."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--device", choices=["cuda", "torch"], default="cuda", help="torch: its CPU device")
    flags.add_argument("--small", action="store_true", help="tiny shapes: whether it runs, and no numbers to quote")
    flags.add_argument("--minutes", type=float, default=5.0, help="after which nothing more is begun (5)")
    flags.add_argument("--data", type=Path, default=Path("../shared/data"), help="holds <task>/train.parquet")
    flags.add_argument("--out", type=Path, help="file for the JSON, which is printed without it")
    flags.add_argument("--learn", help=argparse.SUPPRESS)
    chosen = flags.parse_args()
    if chosen.learn is not None:
        sizes, limit = json.loads(chosen.learn)
        for row in learn(Learning(**sizes), limit):
            print(json.dumps(row), flush=True)
        return
    import torch

    if chosen.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit(
            f"torch {torch.__version__} sees no CUDA device here, and without one there is nothing to measure. To see "
            "that the benchmark runs: python -m benchmarks.device --device torch --small"
        )
    if chosen.device == "torch" and not chosen.small:
        raise SystemExit("torch's CPU device is for tests; add --small, or take --device cuda.")
    begun, device, small = time.monotonic(), "cpu" if chosen.device == "torch" else "cuda", chosen.small
    # What is begun last may take half a minute.
    until = begun + 60 * chosen.minutes - 30
    shapes, cells = (SMALL, SMALL_CELLS) if small else (REAL, CELLS)
    found: dict[str, Any] = {
        "card": "torch's CPU device" if device == "cpu" else torch.cuda.get_device_name(0),
        "host": describe().partition("; one BLAS")[0],
        "torch": torch.__version__,
    }
    # First, while the card is free for the process that learns.
    found["learning"] = [
        row for cell in cells for row in learning(cell, device, 0.1 if small else 5.0, (begun + until) / 2)
    ]
    found["peaks"] = peaks(device, small)
    corpus = texts_of(chosen.data, small)
    found["embedding"] = []
    for shape in shapes:
        found["embedding"] += compare(shape, corpus, device, small, until)
        if device != "cpu":
            torch.cuda.empty_cache()
    found["seconds"] = time.monotonic() - begun
    print(shown(found))
    text = json.dumps(found, indent=1)
    if chosen.out is None:
        print(text)
    else:
        chosen.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
