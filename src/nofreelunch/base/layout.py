"""Every path of every artifact, relative to the folder that holds dvc.yaml."""

from dataclasses import dataclass
from pathlib import Path

TASKS = Path("data/tasks")
EMBEDDINGS = Path("data/embeddings")
POOLS = Path("data/pools")
RUNS = Path("data/runs")
OUTSIDE = Path("data/outside")
OWN_VECTORS = Path("data/own_vectors")
# Of this machine alone: no output of any stage, neither hashed nor committed, and absent where DVC restored a stage.
TIMINGS = Path("data/timings")
METRICS = Path("metrics")
PLOTS = Path("plots")
SUMMARY = Path("data/summary")
REPORT = PLOTS / "report.html"
# What `recommend` learns from: of the grid at hand, of the one that a project was started from, and of the study, which
# comes with the package.
EVIDENCE = PLOTS / "evidence"
SHIPPED = Path("evidence")
STUDY = Path(__file__).parents[1] / "study"


@dataclass(frozen=True)
class Results:
    """Where what is made of the runs goes; by default where DVC expects it.

    Attributes:
        summary: a folder of tables, and the claims.
        metrics: a folder of JSON files, one per embedder.
        evidence: a folder of the tables that `recommend` learns from.
        curves: a CSV file that DVC plots.
        figures: a folder of pictures.
        report: an HTML file.
    """

    summary: Path = SUMMARY
    metrics: Path = METRICS
    evidence: Path = EVIDENCE
    curves: Path = PLOTS / "curves.csv"
    figures: Path = PLOTS / "figures"
    report: Path = REPORT

    @classmethod
    def within(cls, folder: Path) -> "Results":
        """All of it in ``folder``, under the same names."""
        names = {field: getattr(cls, field).name for field in cls.__dataclass_fields__}
        return cls(**{field: folder / name for field, name in names.items()})


HERE = Results()


def task_split(dataset: str, split: str) -> Path:
    """The ``train`` (pool) or ``test`` rows of a task: text, text_pair (pair tasks), label, and where each row stands
    in its source (source_row, source_line, id)."""
    return TASKS / dataset / f"{split}.parquet"


def own_file(dataset: str, split: str) -> Path:
    """A link to the user's own file that a split is read from, through which DVC watches it."""
    return TASKS / dataset / f"own_{split}_file"


def task_card(dataset: str) -> Path:
    """Where a task comes from and what is in it."""
    return TASKS / dataset / "card.json"


def outside(section: str) -> Path:
    """Digests of the code from outside that the grid's ``pools``, ``strategies`` or ``head`` are made of."""
    return OUTSIDE / f"{section}.json"


def outside_embedders() -> Path:
    """A folder of the same for each embedder of the grid, so that another's code concerns no stage of its own."""
    return OUTSIDE / "embedders"


def outside_links() -> Path:
    """A folder of links to that code, through which DVC watches it."""
    return OUTSIDE / "files"


def own_vectors() -> Path:
    """A folder of digests of the user's own files that cells are embedded with."""
    return OWN_VECTORS / "digests"


def own_vectors_of(dataset: str, embedder: str) -> Path:
    """Those of one cell."""
    return own_vectors() / dataset / f"{embedder}.json"


def own_vectors_links() -> Path:
    """A folder of links to these files, through which DVC watches them."""
    return OWN_VECTORS / "files"


def embedding(dataset: str, embedder: str, split: str) -> Path:
    """The (n, d) matrix of one split, row i = row i of the task."""
    return EMBEDDINGS / dataset / f"{embedder}.{split}.npy"


def embedding_card(dataset: str, embedder: str) -> Path:
    """How an embedding was made."""
    return EMBEDDINGS / dataset / f"{embedder}.json"


def labels(dataset: str, embedder: str) -> Path:
    """Class names and the labels of both splits, row i = row i of the embedding."""
    return EMBEDDINGS / dataset / f"{embedder}.labels.json"


def pools(dataset: str, embedder: str) -> Path:
    """Initial pools, long form: ips, seed, rank, row."""
    return POOLS / dataset / f"{embedder}.parquet"


def runs(dataset: str, embedder: str) -> Path:
    """Learning curves, one row per (ips, strategy, seed, round)."""
    return RUNS / dataset / f"{embedder}.parquet"


def acquired(dataset: str, embedder: str) -> Path:
    """Acquired rows, one row per (ips, strategy, seed, round, rank)."""
    return RUNS / dataset / f"{embedder}.acquired.parquet"


def seconds(dataset: str, embedder: str) -> Path:
    """Query and training seconds, one row per (ips, strategy, seed, round)."""
    return TIMINGS / dataset / f"{embedder}.seconds.parquet"


def encoding_rate(dataset: str, embedder: str) -> Path:
    """How fast an embedding was made, and on what device: texts_per_second of one GPU, or of one core of a CPU."""
    return TIMINGS / dataset / f"{embedder}.embed.json"


def probe(dataset: str, embedder: str) -> Path:
    """Test metrics of the linear probe fitted on the full pool."""
    return RUNS / dataset / f"{embedder}.probe.json"


def correct(dataset: str, embedder: str) -> Path:
    """Packed bits, (rows of `runs` + 2, ⌈m / 8⌉) uint8: which test rows the head got right, row by row of `runs`.

    The last but one row is the full-pool probe's, the last that of the pool's most frequent class.
    """
    return RUNS / dataset / f"{embedder}.correct.npy"


def diagnostics(dataset: str, embedder: str) -> Path:
    """What the embedding of the pool looks like, without and with labels."""
    return RUNS / dataset / f"{embedder}.diagnostics.json"


def plane(dataset: str, embedder: str) -> Path:
    """A flat picture of the pool, row i = row i of the task: x, y."""
    return RUNS / dataset / f"{embedder}.plane.parquet"
