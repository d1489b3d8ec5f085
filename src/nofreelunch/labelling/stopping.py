"""When to stop: what can be known after a batch, and rules on it that a person can type.

A rule is a comparison, or several joined by ``and`` and ``or`` (``and`` binds more closely). Those known from papers:

* ``uncertainty<0.05``: overall uncertainty (Zhu, Wang & Hovy 2008, ACL C08-1142);
* ``doubt<0.1``: maximum uncertainty (Zhu & Hovy 2007, ACL D07-1082; in C08-1142 max-confidence);
* ``changed<=0``: classification change (C08-1142);
* ``agreement>0.99``: stabilising predictions (Bloodgood & Vijay-Shanker 2009, ACL W09-1107, arXiv 1409.5165);
* ``labels>=500``: a fixed budget;

and ``gain`` and ``accuracy`` from the audit's sample. docs/label_evidence.md has what each costs.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from nofreelunch.base.arrays import AnyFloatArray, Float64Array, IntArray
from nofreelunch.base.errors import UserError, unknown
from nofreelunch.evaluation.audit import Estimate
from nofreelunch.labelling.forecast import Forecast

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_PART = re.compile(r"\s*([A-Za-z_]+)\s*(<=|>=|<|>)\s*(-?\d*\.?\d+)\s*(%?)\s*")
# Models whose agreement is averaged, as Bloodgood and Vijay-Shanker do; batches without a change, as Zhu et al. do.
WINDOW, QUIET = 3, 2


@dataclass(frozen=True)
class Signals:
    """What is known after a batch; None where it is not.

    Attributes:
        labels: texts labelled.
        accuracy: of the model on the file, by the audit.
        forecast: of what 100 more labels bring.
        uncertainty: the mean over open texts of the entropy of their probabilities, in units of log C.
        doubt: the largest of these entropies.
        agreement: Cohen's kappa between the models before and after a batch on all texts, mean over the last WINDOW.
        changed: the share of open texts whose class a batch changed, the largest over the last QUIET batches.
    """

    labels: int
    accuracy: Estimate | None = None
    forecast: Forecast | None = None
    uncertainty: float | None = None
    doubt: float | None = None
    agreement: float | None = None
    changed: float | None = None


@dataclass(frozen=True)
class _Measure:
    """Something to compare: its value, the direction in which it means enough, and how to say it."""

    value: Callable[[Signals], float | None]
    below: bool
    words: Callable[[Signals], str]


def _gain(signals: Signals) -> float | None:
    return None if signals.forecast is None else 100 * signals.forecast.gain


def _surely(signals: Signals) -> float | None:
    return None if signals.accuracy is None else signals.accuracy.low


def _forecast_words(signals: Signals) -> str:
    return "no forecast yet" if signals.forecast is None else str(signals.forecast)


def _accuracy_words(signals: Signals) -> str:
    known = signals.accuracy
    if known is None:
        return "no audited text yet"
    return f"the accuracy is {100 * known.value:.1f} %, surely above {100 * known.low:.1f} %"


def _said(name: str, what: str) -> Callable[[Signals], str]:
    def words(signals: Signals) -> str:
        value = getattr(signals, name)
        return f"{what} is not known yet" if value is None else f"{what} is {value:.3f}"

    return words


def _changed_words(signals: Signals) -> str:
    what = "the share of texts whose class a batch changed"
    return f"{what} is not known yet" if signals.changed is None else f"{what} is {100 * signals.changed:.2f} %"


MEASURES: Mapping[str, _Measure] = {
    "gain": _Measure(_gain, True, _forecast_words),
    "accuracy": _Measure(_surely, False, _accuracy_words),
    "labels": _Measure(lambda signals: signals.labels, False, lambda signals: f"{signals.labels} texts are labelled"),
    "uncertainty": _Measure(
        lambda signals: signals.uncertainty, True, _said("uncertainty", "the mean uncertainty of open texts")
    ),
    "doubt": _Measure(lambda signals: signals.doubt, True, _said("doubt", "the largest uncertainty of a text")),
    "agreement": _Measure(
        lambda signals: signals.agreement, False, _said("agreement", "the agreement of the last models")
    ),
    "changed": _Measure(lambda signals: signals.changed, True, _changed_words),
}


@dataclass(frozen=True)
class Condition:
    """One comparison.

    Attributes:
        name: of a measure.
        sign: of the comparison.
        bound: in points for ``gain``, else as the measure is.
    """

    name: str
    sign: str
    bound: float

    def holds(self, signals: Signals) -> bool:
        """Whether it is met; what is not known meets nothing."""
        value = MEASURES[self.name].value(signals)
        return value is not None and bool(_COMPARISONS[self.sign](value, self.bound))

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{self.bound:g}"


@dataclass(frozen=True)
class Rule:
    """When to stop: all conditions of one of ``ways``."""

    ways: tuple[tuple[Condition, ...], ...]

    def holds(self, signals: Signals) -> bool:
        """Whether it says stop."""
        return any(all(condition.holds(signals) for condition in way) for way in self.ways)

    def words(self, signals: Signals) -> str:
        """One sentence: stop or go on, and by what."""
        names = dict.fromkeys(condition.name for way in self.ways for condition in way)
        known = "; ".join(MEASURES[name].words(signals) for name in names)
        return f"{'Stop' if self.holds(signals) else 'Go on'} ({self}): {known}."

    def __str__(self) -> str:
        return " or ".join(" and ".join(map(str, way)) for way in self.ways)


def parse(text: str) -> Rule:
    """The rule that ``text`` says, such as ``gain<0.5`` (points by 100 more labels), ``accuracy>0.9``, ``accuracy>90%
    and gain<1``.

    ``accuracy`` is the lower end of its interval: an estimate that is looked at after every batch passes any bound by
    luck.

    Raises:
        UserError: it is none; says how to write one.
    """
    return Rule(
        tuple(tuple(_condition(part, text) for part in re.split(r"\band\b", way)) for way in re.split(r"\bor\b", text))
    )


def _condition(part: str, text: str) -> Condition:
    found = _PART.fullmatch(part)
    if not found:
        raise UserError(
            f"'{text}' is no rule for stopping: '{part.strip()}' is not like gain<0.5 or accuracy>0.9. Join such parts "
            f"by 'and' or 'or'; legal names: {', '.join(MEASURES)}."
        )
    name, sign, bound = found[1], found[2], float(found[3])
    if name not in MEASURES:
        raise UserError(unknown("name in a rule for stopping", name, MEASURES))
    if ("<" in sign) != MEASURES[name].below:
        right = sign.translate(str.maketrans("<>", "><"))
        raise UserError(
            f"'{part.strip()}' would stop at the start: a rule says when it is enough. Write {name}{right}{found[3]}."
        )
    if found[4] and name != "gain":
        bound /= 100
    if name == "accuracy" and bound >= 1:
        raise UserError(f"no accuracy is surely above {bound:g}: write a share, as accuracy>0.9, or accuracy>90%.")
    return Condition(name, sign, bound)


def kappa(before: IntArray, after: IntArray, classes: int) -> float:
    """Cohen's kappa (1960) between two models' classes of the same texts ((n,) each); 1 where both name one class."""
    table = np.bincount(before * classes + after, minlength=classes * classes).reshape(classes, classes) / len(before)
    observed, expected = float(np.trace(table)), float(table.sum(axis=1) @ table.sum(axis=0))
    return 1.0 if expected == 1 else (observed - expected) / (1 - expected)


def uncertainties(probabilities: AnyFloatArray) -> Float64Array:
    """(n,) float64 entropy of each row of (n, C) ``probabilities``, in units of log C; 0 for one class."""
    classes = probabilities.shape[1]
    if classes < 2:
        return np.zeros(len(probabilities))
    safe = np.maximum(probabilities, 1e-12).astype(np.float64)
    return np.asarray(-(probabilities * np.log(safe)).sum(axis=1) / np.log(classes))
