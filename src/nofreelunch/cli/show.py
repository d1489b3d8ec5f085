"""Show the tasks and embedders of params.yaml, and which embedders were trained with labels of which tasks."""

import argparse
from pathlib import Path

from nofreelunch import params
from nofreelunch.base.registry import TASKS
from nofreelunch.cli.text_table import text_table
from nofreelunch.embedders.facts import dimensions_of, facts_of, seen_by
from nofreelunch.embedders.prompts import resolve
from nofreelunch.params import Params
from nofreelunch.tasks.spec import DocsTask, HubTask, TaskSpec

MARKS = {"yes": "X", "related": "x", "no": "·", "unknown": "?"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(arguments: argparse.Namespace) -> None:
    """Print three tables (tasks, embedders, contamination), the evidence for the last, and the prompts."""
    loaded = params.load()
    print("Tasks (* in the grid; pool and test after the caps)\n")
    print(tasks_table(loaded))
    print("\nEmbedders (* in the grid; MTEB: average over the 56 English tasks)\n")
    print(embedders_table(loaded))
    print("\nTrained with labels of the task? X yes, x on data it is made from or close to, · no, ? not known\n")
    print(contamination_table(loaded))
    print("\n" + "\n".join(evidence(loaded)))
    print("\nPrompts, with what takes the place of {task}\n")
    print("\n".join(prompts(loaded)))


def tasks_table(loaded: Params) -> str:
    """One line for each task."""
    rows = []
    for name, spec in loaded.datasets.items():
        facts = TASKS.get(spec.identity or "")
        sizes = (None, None) if facts is None else (facts.train, facts.test)
        rows.append(
            [
                _starred(name, loaded.grid.datasets),
                _origin(spec),
                "–" if facts is None else str(facts.classes),
                _size(spec.train, sizes[0]),
                _size(spec.test, sizes[1]),
                _columns(spec),
                "–" if facts is None else facts.licence,
            ]
        )
    return text_table(["task", "from", "classes", "pool", "test", "text → label", "licence"], rows)


def embedders_table(loaded: Params) -> str:
    """One line for each embedder."""
    rows = []
    for name, spec in loaded.embedders.items():
        facts = facts_of(spec)
        about = spec.about()
        rows.append(
            [
                _starred(name, loaded.grid.embedders),
                _short(about.model, about.revision),
                str(dimensions_of(spec) or "–"),
                str(about.tokens or "–"),
                about.pooling or "–",
                about.dtype or "–",
                "yes" if about.prompt else "",
                "yes" if about.remote_code else "",
                "–" if facts is None or facts.mteb is None else f"{facts.mteb:.2f}",
                "–" if facts is None else facts.licence,
            ]
        )
    header = ["embedder", "model", "dim", "tokens", "pooling", "dtype", "prompt", "remote code", "MTEB", "licence"]
    return text_table(header, rows)


def contamination_table(loaded: Params) -> str:
    """Embedders × tasks, with the marks of ``MARKS``."""
    rows = [
        [name, *(MARKS[seen_by(spec, task.identity)] for task in loaded.datasets.values())]
        for name, spec in loaded.embedders.items()
    ]
    return text_table(["embedder", *loaded.datasets], rows)


def evidence(loaded: Params) -> list[str]:
    """Where the marks come from, one line for each source, and notes on embedders and tasks."""
    lines: dict[str, list[str]] = {}
    for name, spec in loaded.embedders.items():
        facts = facts_of(spec)
        for task, source in () if facts is None else [*facts.trained_on.items(), *facts.related.items()]:
            lines.setdefault(f"{task}: {source}", []).append(name)
    embedders = {name: facts_of(spec) for name, spec in loaded.embedders.items()}
    tasks = {name: TASKS.get(spec.identity or "") for name, spec in loaded.datasets.items()}
    notes = [f"{name}: {facts.note}" for name, facts in [*embedders.items(), *tasks.items()] if facts and facts.note]
    return [*(f"{line} ({', '.join(names)})" for line, names in sorted(lines.items())), "", *notes]


def prompts(loaded: Params) -> list[str]:
    """The embedders that put a prompt before a text, and the instruction of each task, the entry's own ones apart."""
    entries = {name: about for name, spec in loaded.embedders.items() if (about := spec.about()).prompt}
    own = {
        f"{name}, {task}: {instruction}"
        for name, about in entries.items()
        for task, instruction in about.instructions.items()
    }
    return [
        *(f"{name}: {about.prompt!r}" for name, about in entries.items()),
        "",
        *(f"{task}: {resolve('{task}', {}, task)}" for task in loaded.datasets),
        *sorted(own),
    ]


def _starred(name: str, grid: list[str]) -> str:
    return f"{name} *" if name in grid else name


def _origin(spec: TaskSpec) -> str:
    if isinstance(spec, DocsTask):
        return f"installed packages, {spec.task}"
    if isinstance(spec, HubTask):
        return _short(spec.hub, spec.revision) + ("" if spec.config is None else f" {spec.config}")
    return Path(spec.train_file).name


def _columns(spec: TaskSpec) -> str:
    if isinstance(spec, DocsTask):
        return f"pair, {spec.pair_format}" if spec.task == "param" else ""
    if spec.text_pair is None:
        return f"{spec.text} → {spec.label}"
    return f"{spec.text} + {spec.text_pair} ({spec.pair_format}) → {spec.label}"


def _size(cap: int | None, official: int | None) -> str:
    if official is None:
        return "all" if cap is None else f"≤ {cap:,}"
    return f"{official:,}" if cap is None or cap >= official else f"{cap:,} of {official:,}"


def _short(model: str, revision: str | None) -> str:
    return model if revision is None else f"{model}@{revision[:7]}"
