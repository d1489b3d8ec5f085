"""What a person should know after a batch, in plain words: for the terminal and for the page."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from nofreelunch.evaluation.audit import Estimate
from nofreelunch.labelling.loop import LabelLoop, Mistake

# Of labelled texts: beyond it they look noisy; of them before that is said.
NOISY, FEWEST_NOISY = 0.1, 100
# Audited texts before a model that is not surely better than one fixed answer is spoken of.
FEWEST_AUDITED = 20
SHOWN = 12


@dataclass(frozen=True)
class ClassRow:
    """A class.

    Attributes:
        name: of the class.
        labelled: distinct texts.
        accuracy: of the model on the class's texts; None where the audit has too few.
    """

    name: str
    labelled: int
    accuracy: Estimate | None


def share(value: float) -> str:
    """0.876 as 87.6 %."""
    return f"{100 * value:.1f}\u00a0%"


def points(value: float) -> str:
    """A difference of shares in points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "−")


def interval(found: Estimate) -> str:
    """A share with its interval."""
    return f"{share(found.value)} (95\u00a0% from {share(found.low)} to {share(found.high)})"


def counts(loop: LabelLoop) -> str:
    """How far the file is."""
    n = loop.counts
    parts = [f"{n['rows']:,} rows", f"{n['distinct']:,} distinct texts", f"{n['labelled']:,} of them labelled"]
    parts += [f"{n['skipped']:,} skipped"] if n["skipped"] else []
    parts += [f"{n['twins']:,} near-duplicates of others, asked once"] if n["twins"] else []
    parts += [f"{n['empty']:,} rows without a text, left out"] if n["empty"] else []
    return ", ".join(parts) + "."


def accuracy(loop: LabelLoop) -> list[str]:
    """How good the model is, and against what."""
    found = loop.assessment
    if not loop.learns:
        return ["There is no model yet: at least two classes need a label."]
    if not loop.options.audited:
        return ["The accuracy is not known: the audit is off (--audit 0)."]
    if found is None:
        return ["The accuracy is not known yet: no text of the audit is labelled."]
    common = loop.answers.names[found.majority_class]
    lines = [
        f"Accuracy {interval(found.overall)}, from {found.overall.n} audited texts: drawn at random, each predicted by "
        "a model that did not see its label.",
        f"Always answering '{common}' is right for {share(found.majority.value)}; the model gains "
        f"{points(found.gain.value)} points over it (95\u00a0% from {points(found.gain.low)} to "
        f"{points(found.gain.high)}).",
    ]
    if len(loop.state.next_audit(1)) == 0:
        lines.append("The audit's reserve is used up: no further text can join it.")
    return lines


def warnings(loop: LabelLoop) -> list[str]:
    """What does not go well, said plainly."""
    said, found, answers = [], loop.assessment, loop.answers
    if found is not None and found.overall.n >= FEWEST_AUDITED and found.gain.low <= 0:
        said.append(
            f"After {loop.counts['labelled']} labels the model is not surely better than always answering "
            f"'{answers.names[found.majority_class]}'. Either the classes need more labels, or this embedder does not "
            "tell them apart: try another by --embedder."
        )
    if loop.advice.random_may_do:
        said.append(loop.advice.random_may_do)
    labelled, mistakes = loop.counts["labelled"], len(loop.mistakes)
    if labelled >= FEWEST_NOISY and mistakes > NOISY * labelled:
        said.append(
            f"Labels look noisy: {mistakes} of {labelled} labelled texts are contradicted by a near-duplicate or by "
            "the model. Agree on what each class means before labelling more."
        )
    said += [f"No text of class '{name}' has been seen yet." for name in answers.unseen]
    said += [f"'{name}' is not among the classes that you named." for name in answers.unexpected[:SHOWN]]
    said += [f"Is '{rare}' a slip for '{frequent}'?" for rare, frequent in answers.slips[:SHOWN]]
    for name, ways in list(answers.spelled.items())[:SHOWN]:
        shown = ", ".join(f"{way!r} ({count})" for way, count in ways.items())
        said.append(f"Read as one class '{name}': {shown}.")
    few = [name for name, count in loop.per_class().items() if count == 1]
    if few and loop.learns:
        more = f" and {len(few) - SHOWN} more" if len(few) > SHOWN else ""
        said.append(f"Classes with one labelled text: {', '.join(few[:SHOWN])}{more}. --aim NAME looks for others.")
    return said


def classes(loop: LabelLoop) -> list[ClassRow]:
    """Every class, the most labelled first."""
    by_class = loop.assessment.by_class if loop.assessment else {}
    rows = [
        ClassRow(name, count, by_class.get(number)) for number, (name, count) in enumerate(loop.per_class().items())
    ]
    return sorted(rows, key=lambda row: -row.labelled)


def mistakes(loop: LabelLoop, place: Callable[[int], str], most: int = 20) -> list[str]:
    """Answers to look at again, at most so many; ``place`` says where a row stands."""
    lines = [mistake(found, place) for found in loop.mistakes[:most]]
    return [*lines, f"and {len(loop.mistakes) - most} more"] if len(loop.mistakes) > most else lines


def mistake(found: Mistake, place: Callable[[int], str]) -> str:
    """One of them."""
    if found.suggestion:
        return (
            f"{place(found.rows[0])}: '{found.labels[0]}', but the model says '{found.suggestion}' "
            f"({found.probability:.2f})"
        )
    parts = [f"{place(row)} '{label}'" for row, label in zip(found.rows[:4], found.labels, strict=False)]
    more = f" and {len(found.rows) - 4} more" if len(found.rows) > 4 else ""
    return f"near-duplicates that contradict each other: {', '.join(parts)}{more}"


def reasons(loop: LabelLoop) -> str:
    """What the next batch is made of."""
    kinds = Counter(item.why.partition(" between ")[0] for item in loop.batch)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())


def forecast(loop: LabelLoop) -> str:
    """What more labels would bring."""
    known = loop.signals
    if known is None or known.forecast is None:
        return "No forecast yet: it takes three batches and 20 audited texts."
    return f"{known.forecast}, with a 95 % interval in brackets."
