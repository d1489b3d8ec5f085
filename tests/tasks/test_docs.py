"""The built-in tasks, on two small installed libraries where that is enough."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from nofreelunch.base.storage import Memo
from nofreelunch.tasks import docs, docs_rows
from nofreelunch.tasks.docs_rows import NAMES, OTHER, OWN, Row, kind_class, make_rows, module_class
from nofreelunch.tasks.docstrings import Documented, documented
from nofreelunch.tasks.prose import Novelty
from nofreelunch.tasks.spec import DocsTask
from nofreelunch.tasks.table import validate

SMALL = {"networkx": "networkx", "numpy": "numpy"}
TASKS = ("library", "module", "kind", "param")


@pytest.fixture(scope="module")
def things():
    return [thing for name, package in SMALL.items() for thing in documented(name, package, docs_rows.SKIP)]


@pytest.fixture
def small(monkeypatch, things):
    """Tasks of two libraries only, each read once."""
    monkeypatch.setattr(docs, "PACKAGES", SMALL)
    monkeypatch.setattr(docs, "documented", lambda name, *_: [thing for thing in things if thing.library == name])


@pytest.mark.parametrize("name", TASKS)
def test_built_tasks_are_sound(small, name, tmp_path):
    spec = DocsTask(source="docs", task=name, train=300, test=100)
    task = validate(docs.build_docs_task(spec, Memo(tmp_path)), name)
    assert (len(task.train), len(task.test)) == (300, 100)
    assert task.card["rows_before_cap"]["train"] > 300
    assert task.card["packages"]["numpy"]["licence"].startswith("BSD-3-Clause")
    assert (task.train.text_pair is not None) == (name == "param")
    assert not set(task.train.keys()) & set(task.test.keys())
    assert len(set(task.train.keys())) == 300
    for split in (task.train, task.test):
        for text in split.text + (split.text_pair or []):
            assert not NAMES.search(text)
            assert text.isascii()
            assert len(text.split()) >= 4
        assert len(set(split.label[:50].tolist())) > 1, "rows are not sorted by class"
    if name in ("library", "param"):
        assert max(Counter(task.train.label.tolist()).values()) < 180
    other = docs.build_docs_task(spec.model_copy(update={"seed": 1}), Memo(tmp_path))
    assert other.test.text != task.test.text


def test_packages_are_read_once_for_all_tasks(small, monkeypatch, tmp_path):
    first = docs.build_docs_task(DocsTask(source="docs", task="kind", train=300, test=100), Memo(tmp_path))
    monkeypatch.setattr(docs, "documented", None)
    again = docs.build_docs_task(DocsTask(source="docs", task="kind", train=300, test=100), Memo(tmp_path))
    assert again.train.digest() == first.train.digest()
    docs.build_docs_task(DocsTask(source="docs", task="param", train=300, test=100), Memo(tmp_path))


def test_the_hash_seed_changes_nothing(tmp_path):
    script = (
        "import sys; from pathlib import Path; from nofreelunch.base.storage import Memo\n"
        "from nofreelunch.tasks import docs; from nofreelunch.tasks.spec import DocsTask\n"
        "docs.PACKAGES = {'networkx': 'networkx'}\n"
        "for name in ('kind', 'param'):\n"
        "    task = docs.build_docs_task(DocsTask(source='docs', task=name), Memo(Path(sys.argv[1])))\n"
        "    print(task.train.digest(), task.test.digest(), task.class_names)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", script, tmp_path / seed],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(runs[0]) > 100


def test_near_copies_never_straddle(things):
    """No row shares more than half of its runs of four words with the rows before it, whatever the split."""
    rows = make_rows("kind")(things, Novelty())
    again = Novelty()
    assert all(again.admits(row.text) for row in rows)


def test_rows_of_a_group_stay_together():
    rows = [Row("ab"[i % 2], f"text {i}", None, f"group {i // 3}") for i in range(300)]
    held_out = docs._held_out(rows, 0.25, seed=0)
    count = Counter(row.label for row in rows if row.group in held_out)
    assert all(abs(count[label] - 0.25 * 150) <= 3 for label in "ab")
    fewer = docs._held_out(rows[:150], 0.25, seed=0)
    assert len(fewer) < len(held_out)


def test_param_pairs(things):
    rows = make_rows("param")(things, Novelty())
    count = Counter(row.label for row in rows)
    assert abs(count[OWN] - count[OTHER]) < 0.02 * len(rows)
    assert len({row.text_pair for row in rows}) == len(rows), "every description occurs once"
    home = {}
    for thing in things:
        for section in docs_rows.sections(thing.doc):
            for name, text in docs_rows.entries(section.body):
                home.setdefault(" ".join(docs_rows.sentences(text, NAMES)[:2]), set()).add((thing.module, name))
    for row in rows:
        modules = {module for module, _ in home[row.text_pair]}
        if row.label == OWN:
            assert row.group in modules
            names = {name.lower() for module, name in home[row.text_pair] if module == row.group}
            assert any(name not in docs_rows._words(row.text_pair) for name in names)
        else:
            assert modules != {row.group}


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        ("scipy.stats._morestats", "scipy.stats"),
        ("networkx.algorithms.centrality.load", "networkx.algorithms.centrality"),
        ("networkx.algorithms", "networkx.algorithms"),
        ("numpy._core.fromnumeric", "numpy.core"),
        ("numpy", None),
    ],
)
def test_module_class(module, wanted):
    assert module_class(Documented("x", module, "f", "function", "doc")) == wanted


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        ("networkx.algorithms.clique", "graphs"),
        ("networkx.drawing.layout", "plotting"),
        ("torch.distributions.normal", "statistics"),
        ("torch.distributed.rpc", "computing"),
        ("scipy.fftpack", None),
        ("transformers.tokenization_utils_base", "language"),
        ("torch.nn.modules.conv", "networks"),
        ("pandas.errors", None),
    ],
)
def test_kind_class(module, wanted):
    assert kind_class(Documented("x", module, "f", "function", "doc")) == wanted
