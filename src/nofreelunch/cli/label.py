"""Label your own texts: which next, how good the model is, what more labels would bring, and when to stop."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nofreelunch.base.errors import UserError
from nofreelunch.base.words import counted
from nofreelunch.cli.options import legal
from nofreelunch.cli.text_table import text_table
from nofreelunch.tasks.columns import Reading, legal_delimiter, legal_encoding

if TYPE_CHECKING:
    from nofreelunch.labelling.desk import Desk
    from nofreelunch.labelling.loop import Options

# The status with which the command ends where a rule says stop.
STOP = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, how to go about it, and what to do with it."""
    add = parser.add_argument
    add("file", type=Path, help="CSV, TSV, JSON lines, parquet, .xlsx or Label Studio JSON; empty labels are open")
    add("--text", default="text", help="the column that holds the texts (default: text)")
    add("--label", default="label", help="the column that holds the labels (default: label)")
    add("--batch", type=int, default=50, help="how many texts to label next (default: 50)")
    add("--audit", type=int, help="how many of them are drawn at random to measure accuracy (default: a fifth; 0: off)")
    add("--classes", type=_names, default=(), help="names of classes that exist, as a,b,c")
    add("--aim", help="find more texts of this class")
    add("--embedder", help="an embedder of params.yaml (default: focus.embedder)")
    add("--start", help="how the first texts are chosen (default: as the benchmark recommends)")
    add("--strategy", help="how the next ones are chosen (default: as the benchmark recommends)")
    add(
        "--merge", type=Path, metavar="LIST", help="put the answers of this list, or Label Studio export, into the file"
    )
    add("--accept-new", action="store_true", help="labels that differ by case or blanks alone are different classes")
    add("--skip-mark", default="?", help="stands for a label where you would not answer (default: ?)")
    add("--keep-twins", action="store_true", help="ask near-duplicates, too")
    add("--stop-when", metavar="RULE", help=f"'gain<0.5', 'accuracy>0.9' …: end with status {STOP} when it holds")
    add("--predict", type=Path, metavar="CSV", help="write label and probability of every row")
    add("--export-label-studio", type=Path, metavar="JSON", help="write the next texts as tasks with predictions")
    add("--next", type=Path, metavar="CSV", help="where the list of next texts goes (default: beside the file)")
    add("--report", type=Path, metavar="HTML", help="where the page goes (default: beside the file)")
    add("--encoding", type=legal(legal_encoding), help="of the file (default: UTF-8, or by its mark)")
    add("--delimiter", type=legal(legal_delimiter), help="of a CSV or TSV (default: found)")
    add("--sheet", help="of a workbook (default: the only one)")
    add("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    add(
        "--simulate",
        action="store_true",
        help="replay the loop on the labelled rows, and show what it would have saved",
    )
    add("--seeds", type=int, default=10, help="repetitions of --simulate (default: 10)")
    add("--seconds-per-label", type=float, default=10.0, help="what a label costs, for --simulate (default: 10)")


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def run(arguments: argparse.Namespace) -> None:
    """Merge what is to be merged, write what is next, and say how far the file is.

    Raises:
        UserError: something is wrong with the file, an answer, or an option.
    """
    from nofreelunch.labelling import words
    from nofreelunch.labelling.loop import Options
    from nofreelunch.labelling.stopping import parse

    rule = None if arguments.stop_when is None else parse(arguments.stop_when)
    options = Options(
        batch=arguments.batch,
        audit=arguments.audit,
        classes=arguments.classes,
        embedder=arguments.embedder,
        start=arguments.start,
        strategy=arguments.strategy,
        skip_mark=arguments.skip_mark,
        aim=arguments.aim,
        accept_new=arguments.accept_new,
        keep_twins=arguments.keep_twins,
        seed=arguments.seed,
    )
    desk = _opened(arguments, options)
    if arguments.merge is not None:
        print(_merged(desk, arguments.merge))
        desk = _opened(arguments, options)
    if arguments.simulate:
        print(_replayed(desk, arguments))
        return
    loop = desk.loop
    known = loop.signals
    stop = "" if rule is None or known is None else rule.words(known)
    next_path = arguments.next or desk.beside("next.csv")
    report = arguments.report or desk.beside("report.html")
    desk.hand_out(next_path)
    desk.write_report(report, stop)
    if arguments.predict is not None:
        desk.write_predictions(arguments.predict)
    if arguments.export_label_studio is not None:
        desk.export_tasks(arguments.export_label_studio)

    print(f"{arguments.file}: {words.counts(loop)}")
    print("\n".join([loop.advice.reason, *words.accuracy(loop)]))
    if loop.learns:
        print(words.forecast(loop))
    print("".join(f"! {line}\n" for line in words.warnings(loop)), end="")
    rows = [
        [row.name, f"{row.labelled}", words.interval(row.accuracy) if row.accuracy else "–"]
        for row in words.classes(loop)[: words.SHOWN]
    ]
    if rows:
        print("\n" + text_table(["class", "labelled", "found by the model"], rows))
    mistakes = words.mistakes(loop, desk.place, 5)
    print(
        "".join(["\nLook at these answers again:\n", *(f"- {line}\n" for line in mistakes)]) if mistakes else "", end=""
    )
    print(f"\n{next_path}: {counted(len(loop.batch), 'text')} to label next ({words.reasons(loop) or 'none is left'})")
    for what in (report, arguments.predict, arguments.export_label_studio):
        print(f"{what}" if what is not None else "", end="\n" if what is not None else "")
    if stop:
        print(stop)
    if rule is not None and known is not None and rule.holds(known):
        sys.exit(STOP)


def _opened(arguments: argparse.Namespace, options: Options) -> Desk:
    from nofreelunch.labelling.desk import Desk

    reading = Reading(arguments.encoding, arguments.delimiter, arguments.sheet)
    return Desk.open(arguments.file, arguments.text, arguments.label, options, reading)


def _merged(desk: Desk, path: Path) -> str:
    """Merge the answers at ``path``, and say what became of them.

    Raises:
        UserError: some were not taken.
    """
    found = desk.merge(path)
    said = f"{path}: {counted(len(found.taken), 'answer')} put into {desk.table.path.name}, {found.already} stood there"
    if found.new:
        said += f"; new: {', '.join(found.new)}"
    if found.refused:
        lines = "\n".join(f"- {line}" for line in found.refused)
        raise UserError(f"{said}; {len(found.refused)} not taken, and nothing new is handed out before:\n{lines}")
    return said + "."


def _replayed(desk: Desk, arguments: argparse.Namespace) -> str:
    """What the loop would have saved on the rows that are labelled."""
    from nofreelunch.labelling.simulate import Plan, simulate

    loop = desk.loop
    state, advice = loop.state, loop.advice
    rows, options = state.labelled, loop.options
    plan = Plan(options.batch, options.audited, options.audited / options.batch, len(rows), state.head)
    arms = [(advice.start.name, advice.strategy.name)]
    vectors = loop.vectors[loop.firsts[rows]]
    name = desk.table.path.name
    found = simulate(name, vectors, state.labels[rows], state.classes, arms, plan, arguments.seeds)
    header, table = found.table(arguments.seconds_per_label)
    return f"{name}: replayed on {counted(len(rows), 'labelled text')}, {arguments.seeds} times\n" + text_table(
        header, table
    )
