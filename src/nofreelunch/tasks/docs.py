"""The four built-in tasks, made from the docstrings of pinned, installed packages."""

import json
from collections import Counter, defaultdict
from dataclasses import astuple
from typing import Any

import numpy as np

from nofreelunch.base.provenance import code_digest
from nofreelunch.base.storage import Memo, digest
from nofreelunch.tasks.docs_rows import PACKAGES, SKIP, Row, make_rows, rank
from nofreelunch.tasks.docstrings import Documented, distribution, documented
from nofreelunch.tasks.prose import Novelty
from nofreelunch.tasks.spec import DocsTask
from nofreelunch.tasks.table import Split, Task, cap, deduplicate


def build_docs_task(spec: DocsTask, memo: Memo) -> Task:
    """Make the built-in task of ``spec``; the same for the same package versions on every machine.

    Args:
        spec: which task, and how large.
        memo: keeps what was read of the packages for the other built-in tasks.

    Raises:
        UserError: a package is not installed, or the caps leave too little.
    """
    things = [thing for name, package in PACKAGES.items() for thing in _read(name, package, memo)]
    novelty = Novelty()
    rows = make_rows(spec.task)(things, novelty)
    rows.sort(key=lambda row: rank(spec.seed, row.group, row.text, row.text_pair or ""))
    names = tuple(sorted({row.label for row in rows}))
    share = (spec.test or 1500) / ((spec.test or 1500) + (spec.train or 4000))
    held_out = _held_out(rows, share, spec.seed)
    train = _split([row for row in rows if row.group not in held_out], names)
    test = _split([row for row in rows if row.group in held_out], names)
    train, test, removed = deduplicate(train, test)
    where = f"docs_{spec.task}"
    card = _card(spec, {"train": len(train), "test": len(test)}, removed | {"near_copies": novelty.refused})
    return Task(
        names,
        cap(train, spec.train, where, "train", spec.seed),
        cap(test, spec.test, where, "test", spec.seed),
        card,
    )


def _read(name: str, package: str, memo: Memo) -> list[Documented]:
    installed = distribution(name).read_text("RECORD") or ""
    key = digest(name, package, {"skip": SKIP}, installed, code_digest("nofreelunch.tasks.docstrings"))

    def read() -> dict[str, Any]:
        things = [astuple(thing) for thing in documented(name, package, SKIP)]
        return {"json": np.frombuffer(json.dumps(things).encode(), np.uint8)}

    stored = memo.once(key, read)
    return [Documented(*fields) for fields in json.loads(stored["json"].tobytes())]


def _held_out(rows: list[Row], share: float, seed: int) -> set[str]:
    """Groups for the test split, at random, until they hold ``share`` of the rows of each class.

    A group counts for the class of its first row.
    """
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    wanted = {label: share * count for label, count in Counter(row.label for row in rows).items()}
    chosen: set[str] = set()
    for group in sorted(groups, key=lambda name: rank(seed, "split", name)):
        if wanted[groups[group][0].label] > 0:
            chosen.add(group)
            for row in groups[group]:
                wanted[row.label] -= 1
    return chosen


def _split(rows: list[Row], names: tuple[str, ...]) -> Split:
    label = np.array([names.index(row.label) for row in rows], np.int64)
    pairs = [row.text_pair for row in rows if row.text_pair is not None]
    return Split([row.text for row in rows], pairs or None, label)


def _card(spec: DocsTask, sizes: dict[str, int], removed: dict[str, int]) -> dict[str, Any]:
    return {
        "source": "docstrings of installed packages",
        "packages": {name: {"version": _release(name), "licence": _licence(name)} for name in PACKAGES},
        "settings": spec.model_dump(exclude={"budget"}),
        "rows_before_cap": sizes,
        "duplicates_removed": removed,
    }


def _release(name: str) -> str:
    """The version without the build's own part, such as ``+cpu``: the docstrings are those of the release."""
    return distribution(name).version.partition("+")[0]


def _licence(name: str) -> str:
    """The licence that the package's metadata state, as an SPDX expression where there is one."""
    facts = distribution(name).metadata
    classifiers = [text for text in facts.get_all("Classifier") or [] if text.startswith("License :: ")]
    stated = facts.get_all("License-Expression") or [text.split(" :: ")[-1] for text in classifiers]
    return "; ".join(stated or facts.get_all("License") or ["not stated"]).splitlines()[0]
