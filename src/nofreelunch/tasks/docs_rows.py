"""The rows of the four built-in tasks, made from docstrings."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from nofreelunch.tasks.docstrings import Documented, entries, paragraphs, sections
from nofreelunch.tasks.prose import Novelty, forbid, sentences

# Distributions, each with the package that it installs.
PACKAGES = {
    "matplotlib": "matplotlib",
    "networkx": "networkx",
    "numpy": "numpy",
    "pandas": "pandas",
    "scikit-learn": "sklearn",
    "scipy": "scipy",
    "sympy": "sympy",
    "torch": "torch",
    "transformers": "transformers",
}
# What the names of modules left unread start with: large, internal, repetitive, or not installed on every platform.
SKIP = (
    "matplotlib._", "numpy.distutils", "numpy.f2py", "numpy._typing", "pandas._", "pandas.compat",
    "scipy._", "sympy.parsing", "sympy.printing", "sympy.polys.ring", "sympy.polys.dense", "sympy.physics.quantum",
    "torch._", "torch.distributed._", "torch.distributed.checkpoint", "torch.distributed.tensor",
    "torch.fx.experimental", "torch.onnx", "torch.sparse", "torch.testing", "torch.utils._", "torch.utils.benchmark",
    "transformers.cli", "transformers.exporters", "transformers.integrations", "transformers.models",
    "transformers.testing_utils",
)  # fmt: skip
# Cut out of every text, with the names of PACKAGES.
NAMES = forbid(
    [
        *PACKAGES, *PACKAGES.values(), "np", "pd", "plt", "mpl", "sp", "nx", "pytorch", "scikit", "scikits",
        "huggingface", "hugging face", "pyplot", "pylab", "mpmath", "cython", "seaborn", "statsmodels", "tensorflow",
        "jax", "keras",
    ]
)  # fmt: skip
# Packages whose second-level modules are still too wide to be a class of the module task.
WIDE = ("networkx.algorithms.", "pandas.core.", "sympy.physics.", "torch.distributed.", "torch.nn.")
# The module task: rows that a class has at least, and the largest class over the smallest.
LEAST, RATIO = 60, 3
# The kind task: what modules are for, by the longest of these that their names start with.
KINDS = {
    "graphs": ("networkx",),
    "plotting": ("matplotlib", "pandas.plotting", "networkx.drawing", "sympy.plotting", "sklearn.inspection"),
    "tables": ("pandas.core",),
    "files": ("pandas.io", "scipy.io", "numpy.lib._npyio", "networkx.readwrite", "sklearn.datasets"),
    "statistics": ("scipy.stats", "torch.distributions", "sympy.stats", "sklearn.metrics", "numpy.random"),
    "algebra": (
        "numpy.linalg", "scipy.linalg", "scipy.sparse", "sympy.matrices", "networkx.linalg", "numpy.polynomial",
        "sympy.polys", "sympy.combinatorics", "sympy.ntheory",
    ),
    "calculus": (
        "scipy.integrate", "scipy.interpolate", "sympy.integrals", "sympy.solvers", "sympy.series", "sympy.calculus",
        "sympy.concrete", "scipy.special",
    ),
    "signals": ("scipy.signal", "scipy.ndimage", "scipy.fft", "numpy.fft", "torch.signal"),
    "optimization": ("scipy.optimize", "torch.optim", "sklearn.model_selection"),
    "geometry": ("scipy.spatial", "sympy.geometry", "sympy.vector"),
    "physics": ("sympy.physics",),
    "learning": (
        "sklearn.cluster", "sklearn.decomposition", "sklearn.ensemble", "sklearn.linear_model", "sklearn.neighbors",
        "sklearn.svm", "sklearn.tree", "sklearn.naive_bayes", "sklearn.mixture", "sklearn.manifold",
        "sklearn.preprocessing", "sklearn.feature_selection", "sklearn.impute", "sklearn.semi_supervised",
    ),
    "networks": ("torch.nn", "torch.autograd"),
    "language": ("sklearn.feature_extraction.text", "transformers.generation", "transformers.tokenization"),
    "computing": ("torch.distributed", "torch.cuda", "torch.multiprocessing"),
}  # fmt: skip
OWN, OTHER = "own", "other"
PARAMETERS_EACH = 6


@dataclass(frozen=True)
class Row:
    """One row before the split: rows of one ``group`` go to the same split."""

    label: str
    text: str
    text_pair: str | None
    group: str


def rank(*parts: str | int) -> str:
    """A key that orders things as if at random, on every machine, without regard to which others there are."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()


def make_rows(task: str) -> Callable[[list[Documented], Novelty], list[Row]]:
    """What turns documented things into the rows of the built-in ``task``, near-copies left out."""
    return {"library": library_rows, "module": module_rows, "kind": kind_rows, "param": param_rows}[task]


def library_rows(things: list[Documented], novelty: Novelty) -> list[Row]:
    """Which library a passage describes; every class has as many rows as the smallest."""
    return _balance(_described(things, novelty, lambda thing: thing.library, _passages, _file), 1)


def module_rows(things: list[Documented], novelty: Novelty) -> list[Row]:
    """Which module a passage describes; small modules are left out, large ones cut."""
    rows = _described(things, novelty, module_class, _passages, _thing)
    sizes = Counter(row.label for row in rows)
    return _balance([row for row in rows if sizes[row.label] >= LEAST], RATIO)


def kind_rows(things: list[Documented], novelty: Novelty) -> list[Row]:
    """What kind of work the summary of a docstring is about; imbalanced."""
    return _described(things, novelty, kind_class, _summaries, _file)


def param_rows(things: list[Documented], novelty: Novelty) -> list[Row]:
    """Whether the description of a parameter belongs to the function of a summary.

    Every description occurs once. Half of them are exchanged among functions of other modules of the same library,
    so that neither text alone tells the class. No description has the name of the function it stands beside.
    """
    rows: list[Row] = []
    for library in sorted({thing.library for thing in things}):
        pairs = sorted(
            _parameters([thing for thing in things if thing.library == library], novelty),
            key=lambda pair: rank("param", pair[0].module, pair[0].name, pair[2]),
        )
        half = len(pairs) // 2
        rows.extend(Row(OWN, summary, text, _file(thing)) for thing, summary, text in pairs[:half])
        waiting = [(thing.module, text) for thing, _, text in pairs[half:]]
        for thing, summary, _ in pairs[half:]:
            for place, (module, text) in enumerate(waiting):
                if module != thing.module and _own_names(thing).isdisjoint(_words(text)):
                    rows.append(Row(OTHER, summary, text, _file(thing)))
                    del waiting[place]
                    break
    return rows


def module_class(thing: Documented) -> str | None:
    """The public name of the module at the second level, at the third in ``WIDE`` packages."""
    parts = thing.module.split(".")[: 3 if thing.module.startswith(WIDE) else 2]
    return ".".join([*parts[:-1], parts[-1].strip("_")]) if len(parts) > 1 else None


def kind_class(thing: Documented) -> str | None:
    """The kind of work of the thing's module, None if ``KINDS`` has none for it."""
    fitting = [
        (len(prefix), kind)
        for kind, prefixes in KINDS.items()
        for prefix in prefixes
        if re.match(rf"{re.escape(prefix)}(?![a-z0-9])", thing.module)
    ]
    return max(fitting)[1] if fitting else None


def _described(
    things: list[Documented],
    novelty: Novelty,
    label: Callable[[Documented], str | None],
    texts: Callable[[Documented], Iterable[str]],
    group: Callable[[Documented], str],
) -> list[Row]:
    """One row for each of the ``texts`` of each thing with a ``label``, but for variations of earlier ones."""
    return [
        Row(name, text, None, group(thing))
        for thing in things
        if (name := label(thing)) is not None
        for text in texts(thing)
        if novelty.admits(text)
    ]


def _file(thing: Documented) -> str:
    return thing.module


def _thing(thing: Documented) -> str:
    return f"{thing.module}:{thing.name}"


def _balance(rows: list[Row], ratio: int) -> list[Row]:
    """At most ``ratio`` times as many rows of a class as the smallest class has, as if at random."""
    by_class: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_class[row.label].append(row)
    most = ratio * min(map(len, by_class.values()), default=0)
    return [
        row
        for found in by_class.values()
        for row in sorted(found, key=lambda row: rank("balance", row.group, row.text))[:most]
    ]


def _passages(thing: Documented, least: int = 18, enough: int = 40) -> Iterator[str]:
    """Passages about ``thing`` of at least ``least`` words, and of at most four sentences or ``enough`` words."""
    running: list[list[str]] = []
    for section in sections(thing.doc):
        if section.title in ("prose", "notes", "warnings"):
            running.append([s for paragraph in paragraphs(section.body) for s in sentences(paragraph, NAMES)])
        elif section.title in ("parameters", "attributes", "returns"):
            running.extend(sentences(text, NAMES) for _, text in entries(section.body))
    for found in running:
        passage: list[str] = []
        for sentence in found:
            passage.append(sentence)
            if len(passage) == 4 or _length(passage) >= enough:
                yield " ".join(passage)
                passage = []
        if _length(passage) >= least:
            yield " ".join(passage)


def _length(passage: list[str]) -> int:
    return sum(len(sentence.split()) for sentence in passage)


def _summaries(thing: Documented, least: int = 7, enough: int = 15) -> Iterator[str]:
    """The first sentence about ``thing``, with the second where the first is shorter than ``enough`` words."""
    prose = next((section for section in sections(thing.doc) if section.title == "prose"), None)
    if prose is None:
        return
    found = [s for paragraph in paragraphs(prose.body)[:2] for s in sentences(paragraph, NAMES)]
    summary = found[: 1 if found and len(found[0].split()) >= enough else 2]
    if _length(summary) >= least:
        yield " ".join(summary)


def _parameters(things: list[Documented], novelty: Novelty) -> Iterator[tuple[Documented, str, str]]:
    """(thing, summary, description of one of its parameters), descriptions that name either left out."""
    for thing in things:
        summary = next(_summaries(thing, least=4), None)
        if summary is None or thing.kind == "module":
            continue
        found = []
        for section in sections(thing.doc):
            for name, text in entries(section.body) if section.title == "parameters" else ():
                description = " ".join(sentences(text, NAMES)[:2])
                unnamed = (_own_names(thing) | _words(name)).isdisjoint(_words(description))
                if len(description.split()) >= 6 and unnamed and novelty.admits(description):
                    found.append(description)
        for description in sorted(found, key=lambda text: rank("parameter", text))[:PARAMETERS_EACH]:
            yield thing, summary, description


def _own_names(thing: Documented) -> set[str]:
    return set(thing.name.lower().split("."))


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
