"""What a grid will cost: texts, hours and disk of the stages that are still to run."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nofreelunch.base import layout, storage
from nofreelunch.base.registry import TASKS
from nofreelunch.embedders.facts import dimensions_of, facts_of
from nofreelunch.embedders.prompts import resolve
from nofreelunch.embedders.spec import EmbedderSpec
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.params import Params
from nofreelunch.tasks.build import build_task
from nofreelunch.tasks.columns import unreadable_parquet
from nofreelunch.tasks.files import own_files
from nofreelunch.tasks.mirror import mirror_root
from nofreelunch.tasks.spec import DocsTask, FilesTask, HubTask
from nofreelunch.tasks.table import Split, read_split

# Where nothing is known: tokens of a row, characters of a token, and dimensions of a vector.
TOKENS, CHARACTERS, DIMENSIONS = 60, 4.4, 1024
# Share of the matrix product's rate that encoding reaches on a CPU.
CPU_SHARE = 0.6
# On a GPU, by the weights that a token meets, as one NVIDIA H200 with 790 TFLOP/s did before texts were prepared ahead
# (docs/scale.md): MiniLM, BERT-base, Qwen2 1.5B and 7B, means over texts of 16 to 168 tokens.
GPU_SHARES = {1.06e7: 0.0019, 8.5e7: 0.020, 1.31e9: 0.094, 6.53e9: 0.15}
# Texts per second of embedders without a transformer.
PLAIN_RATE = 4_000.0
# Seconds of one query of one run in a pool of 20,000 × 384 on one core, measured (DropQuery, ALFA-Mix and FALCUN at
# 125,000 × 1,024 and 77 classes, in proportion); the one below stands for all others.
QUERY_ROWS, QUERY_DIMENSIONS = 20_000, 384
QUERY_SECONDS = {
    "random": 0.0,
    "margin": 0.0017,
    "entropy": 0.0018,
    "least_confident": 0.0018,
    "coreset": 0.021,
    "badge": 0.047,
    "typiclust": 0.12,
    "dropquery": 0.44,
    "alfamix": 0.14,
    "falcun": 0.14,
    "uncertainty_herding": 0.26,
}
OTHER_QUERY_SECONDS = 0.3
# BAIT multiplies n × d and d × d matrices: so much times n·d, and so much times n·d² (measured at 20,000 × 384,
# 20,000 × 1,024 and 20,000 × 4,096; docs/scale.md).
BAIT_SECONDS, BAIT_SECONDS_PER_DIMENSION = 3.6e-8, 2.7e-11
# Likewise of one selection of an initial pool of 100 (measured at 125,000 × 1,024, in proportion).
POOL_SECONDS = {"random": 0.0, "coreset": 0.4, "typiclust": 0.6, "kmeans": 0.6}
OTHER_POOL_SECONDS = 20.0
# Bytes that a round of a run leaves behind, measured at batches of 50.
ROUND_BYTES = 175
# Of one fit of the head and its test scores, measured likewise: so much for each dimension, and so much more for each
# of its classes.
FIT_SECONDS, FIT_SECONDS_PER_CLASS = 5.8e-6, 1.4e-6
# How many times as much it is where C is chosen now and then (benchmarks/choice.py).
CHOOSING = 3.0


@dataclass(frozen=True)
class TaskSize:
    """How much text a task holds.

    Attributes:
        train, test: rows after the caps.
        tokens: mean tokens of a row, both texts of a pair together.
        parts: 2 where both texts of a pair are embedded alone, else 1.
        measured: whether the rows were counted, or are those of the registry and the caps.
    """

    train: int
    test: int
    tokens: float
    parts: int
    measured: bool


@dataclass(frozen=True)
class Embedding:
    """The cost of one embed stage.

    Attributes:
        texts: to embed, repetitions and finished chunks included.
        tokens: of all texts, prompts included, after truncation.
        operations: floating point operations of the transformer; 0 for embedders without one, NaN where its size is
            not registered.
        gpu_share: share of a matrix product's rate that it reaches on a GPU.
        cpu_rate: texts per second of an earlier run of the cell on a CPU, None if there was none.
        gpu_rate: likewise on a GPU.
        disk: bytes of the vectors in data/, in DVC's cache and in the memo.
    """

    texts: int
    tokens: float
    operations: float
    gpu_share: float
    cpu_rate: float | None
    gpu_rate: float | None
    disk: int


def task_size(params: Params, name: str, *, official: bool = False) -> TaskSize:
    """Rows and tokens of a task: from its files where they are there, else from the mirror, the registry, the caps.

    ``official`` takes known tasks at the sizes of the registry, without caps.
    """
    spec = params.datasets[name]
    facts = TASKS.get(spec.identity or "")
    pair = spec.task == "param" if isinstance(spec, DocsTask) else spec.text_pair is not None
    parts = 2 if pair and spec.pair_format == "concat" else 1
    tokens = float(TOKENS if facts is None else facts.tokens)
    if official and facts is not None:
        return TaskSize(facts.train, facts.test, tokens, parts, False)
    card = layout.task_card(name)
    if card.is_file():
        found = storage.read_json(card)
        return TaskSize(found["train"]["rows"], found["test"]["rows"], _mean_tokens(name) or tokens, parts, True)
    sizes: tuple[int | None, int | None] = (None, None) if facts is None else (facts.train, facts.test)
    root = mirror_root()
    if isinstance(spec, HubTask) and root is not None:
        sizes = _parquet_rows(root / name / "train.parquet"), _parquet_rows(root / name / "test.parquet")
    if isinstance(spec, FilesTask) and all(path.is_file() for path in own_files(spec).values()):
        task = build_task(spec, name)
        return TaskSize(len(task.train), len(task.test), _tokens(task.train), parts, True)
    train, test = (
        min(count for count in (cap, size, 10**9) if count is not None)
        for cap, size in zip((spec.train, spec.test), sizes, strict=True)
    )
    return TaskSize(train, test, tokens, parts, False)


def _mean_tokens(name: str) -> float | None:
    if not layout.task_split(name, "train").is_file():
        return None
    return _tokens(read_split(name, "train"))


def _tokens(split: Split) -> float:
    """Mean tokens of a row, by the characters of the first 2,000."""
    texts = [column[:2000] for column in (split.text, split.text_pair) if column is not None]
    return sum(len(text) for column in texts for text in column) / len(texts[0]) / CHARACTERS


def _parquet_rows(path: Path) -> int | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_metadata(path).num_rows if path.is_file() else None
    except (pa.ArrowException, OSError) as error:
        raise unreadable_parquet(path, error) from error


def embedding(params: Params, dataset: str, embedder: str, size: TaskSize) -> Embedding:
    """The cost of embedding one task by one embedder."""
    spec = params.embedders[embedder]
    rows = size.train + size.test
    texts, tokens, operations, share = rows * size.parts, size.tokens * rows, 0.0, 1.0
    model = spec.transformer
    if model is not None:
        prompt = len(resolve(model.prompt or "", model.instructions, dataset)) / CHARACTERS
        tokens = texts * min(model.max_tokens, size.tokens / size.parts + prompt)
        facts = facts_of(spec)
        operations = math.nan if facts is None else 2.0 * tokens * facts.active
        share = 1.0 if facts is None else gpu_share(facts.active)
    dim = dimensions(embedder, spec, dataset)
    width = dim * (4 if size.parts == 2 else 1)
    memo = texts * dim if spec.in_memo else 0
    rates = _known_rates(dataset, embedder)
    disk = 4 * (2 * rows * width + memo)
    return Embedding(texts, tokens, operations, share, rates.get("cpu"), rates.get("cuda"), disk)


def gpu_share(active: int) -> float:
    """Share of a matrix product's rate on a GPU that a model of so many ``active`` weights reaches, between those of
    ``GPU_SHARES`` on a line through the logarithms."""
    sizes, shares = np.log(list(GPU_SHARES)), np.log(list(GPU_SHARES.values()))
    return float(np.exp(np.interp(np.log(max(1, active)), sizes, shares)))


def _known_rates(dataset: str, embedder: str) -> dict[str, float]:
    """Texts per second by device, where this machine has embedded the cell."""
    known = layout.encoding_rate(dataset, embedder)
    found = storage.read_json(known) if known.is_file() else None
    return {} if found is None else {found["device"]: float(found["texts_per_second"])}


def dimensions(embedder: str, spec: EmbedderSpec, dataset: str) -> int:
    """Dimensions of an embedder's vectors, as far as known."""
    return dimensions_of(spec, dataset) or DIMENSIONS


def weight_bytes(embedder: str, spec: EmbedderSpec) -> int:
    """Bytes to download for an embedder: 2 for each weight of models above a billion, else 4."""
    facts = facts_of(spec)
    if facts is None:
        return 0
    parameters = facts.parameters
    return parameters * (2 if parameters > 10**9 else 4)


def learning_seconds(params: Params, dataset: str, embedder: str, size: TaskSize) -> float:
    """Seconds of one core for the AL runs of a cell: queries by rows × dimensions, fits by dimensions and classes.

    The cost of a round is that of earlier runs of the same cell where there are any.
    """
    grid = params.grid
    facts = TASKS.get(params.datasets[dataset].identity or "")
    classes = 2 if facts is None else facts.classes
    budget = params.rounds(dataset, classes)
    rounds = 1 + min(budget.rounds, max(0, (size.train - budget.initial) // budget.batch))
    width = dimensions(embedder, params.embedders[embedder], dataset) * (4 if size.parts == 2 else 1)
    runs = len(grid.pools) * grid.seeds
    known = layout.seconds(dataset, embedder)
    if known.is_file():
        columns = storage.read_table(known)
        spent = sum(float(values.sum()) for key, values in columns.items() if key.endswith("seconds"))
        return rounds * runs * len(grid.strategies) * spent / max(1, len(columns["round"]))
    strategies = [params.strategies[name].get("strategy", name) for name in grid.strategies]
    query = sum(QUERY_SECONDS.get(name, OTHER_QUERY_SECONDS) for name in strategies if name != "bait")
    query *= size.train * width / (QUERY_ROWS * QUERY_DIMENSIONS)
    if "bait" in strategies:
        query += strategies.count("bait") * bait_seconds(size.train, width)
    fit = len(grid.strategies) * width * (FIT_SECONDS + FIT_SECONDS_PER_CLASS * classes)
    if isinstance(params.head, LogisticSpec) and params.head.C == "cv":
        fit *= CHOOSING
    return rounds * runs * (query + fit)


def bait_seconds(rows: int, width: int) -> float:
    """Seconds of one core for a query of BAIT in a pool of ``rows`` × ``width``."""
    return rows * width * (BAIT_SECONDS + BAIT_SECONDS_PER_DIMENSION * width)


def start_seconds(params: Params, dataset: str, embedder: str, size: TaskSize) -> float:
    """Seconds of one core for the initial pools of a cell, by rows × dimensions."""
    width = dimensions(embedder, params.embedders[embedder], dataset) * (4 if size.parts == 2 else 1)
    pools = [params.pools[name].get("pool", name) for name in params.grid.pools]
    seconds = sum(POOL_SECONDS.get(name, OTHER_POOL_SECONDS) for name in pools)
    return params.grid.seeds * seconds * size.train * width / (QUERY_ROWS * QUERY_DIMENSIONS)


def text_bytes(size: TaskSize) -> int:
    """Bytes of a task's texts in data/ and in DVC's cache, uncompressed."""
    return int(2 * (size.train + size.test) * size.tokens * CHARACTERS)


def run_bytes(params: Params, dataset: str) -> int:
    """Bytes of the runs of a cell in data/, in DVC's cache and in the memo."""
    grid, facts = params.grid, TASKS.get(params.datasets[dataset].identity or "")
    rounds = 1 + params.rounds(dataset, 2 if facts is None else facts.classes).rounds
    return 3 * ROUND_BYTES * rounds * grid.runs_per_cell


@dataclass(frozen=True)
class Fleet:
    """Machines to spread the work over.

    Attributes:
        gpus: that embed; without one the cores do.
        cores: that do all the rest.
    """

    gpus: int
    cores: int

    def hours(self, gpu_hours: float, cpu_embedding_hours: float, core_hours: float) -> tuple[float, float]:
        """Hours until all is embedded, and hours of what follows, both spread without loss."""
        embedding = gpu_hours / self.gpus if self.gpus else cpu_embedding_hours / self.cores
        return embedding, core_hours / self.cores


@dataclass(frozen=True)
class Stages:
    """Stages that may run.

    Attributes:
        download: tasks.
        embed, initialize, active_learn: cells (task, embedder).
        aggregate, plot, report: whether they do.
    """

    download: list[str]
    embed: list[tuple[str, str]]
    initialize: list[tuple[str, str]]
    active_learn: list[tuple[str, str]]
    aggregate: bool
    plot: bool
    report: bool

    def __str__(self) -> str:
        counts = {name: int(value) if isinstance(value, bool) else len(value) for name, value in vars(self).items()}
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"


def downstream(changed: Collection[str], datasets: Iterable[str], embedders: Collection[str]) -> Stages:
    """The changed stages and all that depend on them.

    Args:
        changed: stage names as DVC writes them, e.g. ``embed@ag_news-minilm``.
        datasets: tasks of the grid.
        embedders: embedders of the grid.
    """
    download: list[str] = []
    cells: dict[str, list[tuple[str, str]]] = {"embed": [], "initialize": [], "active_learn": []}
    for dataset in datasets:
        fetched = f"download@{dataset}" in changed
        if fetched:
            download.append(dataset)
        for embedder in embedders:
            runs = fetched
            for kind, found in cells.items():
                runs = runs or f"{kind}@{dataset}-{embedder}" in changed
                if runs:
                    found.append((dataset, embedder))
    aggregate = bool(cells["active_learn"]) or "aggregate" in changed
    plot, report = (aggregate or name in changed for name in ("plot", "report"))
    return Stages(download, **cells, aggregate=aggregate, plot=plot, report=report)
