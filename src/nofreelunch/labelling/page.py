"""The one-page report of a labelling loop, as HTML that needs nothing else."""

from collections.abc import Callable
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from nofreelunch.evaluation.audit import Estimate
from nofreelunch.labelling import words
from nofreelunch.labelling.loop import LabelLoop

SHOWN = 10
WIDTH, LEFT, RIGHT, BAR = 420, 120, 20, 34


def _row(row: int) -> str:
    return f"row {row + 1}"


def render(loop: LabelLoop, name: str, stop: str = "", place: Callable[[int], str] = _row) -> str:
    """The page.

    Args:
        loop: what is known.
        name: of the file.
        stop: what the rule for stopping says, in a sentence.
        place: where a row stands, in words.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["share"] = words.share
    page = environment.from_string(files("nofreelunch.labelling").joinpath("page.html.j2").read_text("utf-8"))
    style = files("nofreelunch.report").joinpath("report.css").read_text("utf-8")
    return page.render(
        name=name,
        counts=words.counts(loop),
        embedder=loop.embedder,
        advice=loop.advice.reason,
        cards=_cards(loop),
        warnings=words.warnings(loop),
        accuracy=words.accuracy(loop),
        bars=bars(loop),
        forecast=words.forecast(loop),
        stop=stop,
        classes=words.classes(loop),
        mistakes=words.mistakes(loop, place),
        next=loop.batch,
        reasons=words.reasons(loop),
        shown=SHOWN,
        style=Markup(style),  # noqa: S704 - our own file
    )


def _cards(loop: LabelLoop) -> list[dict[str, str]]:
    n, found = loop.counts, loop.assessment
    cards = [{"value": f"{n['labelled']:,}", "text": f"of {n['distinct']:,} distinct texts are labelled"}]
    if found is None:
        cards.append({"value": "–", "text": words.accuracy(loop)[0]})
    else:
        span = f"{words.share(found.overall.low)} to {words.share(found.overall.high)}"
        text = f"accuracy; 95 % interval {span}, from {found.overall.n} audited texts"
        cards.append({"value": words.share(found.overall.value), "text": text})
        common = loop.answers.names[found.majority_class]
        cards.append({"value": f"{words.points(found.gain.value)} points", "text": f"over always answering “{common}”"})
    forecast = loop.signals and loop.signals.forecast
    if forecast:
        span = f"{words.points(forecast.low)} to {words.points(forecast.high)}"
        text = f"by {forecast.more} more labels; 95 % interval {span}"
        cards.append({"value": f"{words.points(forecast.gain)} points", "text": text})
    return cards


def bars(loop: LabelLoop) -> Markup:
    """The accuracies of the model and of one fixed answer, with their intervals, as SVG; nothing before the audit."""
    found = loop.assessment
    if found is None:
        return Markup("")
    rows = [("the model", found.overall), (f"always “{loop.answers.names[found.majority_class]}”"[:18], found.majority)]
    height = BAR * len(rows) + 26
    marks = [_axis(height, (0, 0.25, 0.5, 0.75, 1))]
    for place, (name, estimate) in enumerate(rows):
        marks.append(_bar(name, estimate, 14 + BAR * place))
    return _svg(height, "Accuracy of the model and of one fixed answer, with 95 % intervals", marks)


def _bar(name: str, found: Estimate, y: int) -> Markup:
    return Markup(
        '<text x="{}" y="{}" text-anchor="end">{}</text>'
        '<line x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}" stroke="var(--link)" stroke-width="3"/>'
        '<circle cx="{:.1f}" cy="{}" r="5" fill="var(--link)"/>'
    ).format(LEFT - 10, y + 4, name, _x(found.low), _x(found.high), y, y, _x(found.value), y)


def _x(value: float) -> float:
    return LEFT + value * (WIDTH - LEFT - RIGHT)


def _axis(height: int, ticks: tuple[float, ...]) -> Markup:
    lines = [
        Markup(
            '<line x1="{0:.1f}" x2="{0:.1f}" y1="0" y2="{1}" stroke="var(--line)"/>'
            '<text class="muted" x="{0:.1f}" y="{2}" text-anchor="middle">{3:.0f} %</text>'
        ).format(_x(tick), height - 20, height - 4, 100 * tick)
        for tick in ticks
    ]
    return Markup("").join(lines)


def _svg(height: int, title: str, marks: list[Markup]) -> Markup:
    head = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(WIDTH, height, escape(title))
    return head + Markup("").join(marks) + Markup("</svg>")
