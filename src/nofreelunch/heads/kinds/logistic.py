"""Logistic regression, on a device the heads of many runs at once."""

from typing import Literal

from nofreelunch.base.options import Positive
from nofreelunch.heads import logistic
from nofreelunch.heads.head import Trainer
from nofreelunch.heads.section import Kind, Section
from nofreelunch.heads.softmax import Intercept
from nofreelunch.space.device import DeviceRows
from nofreelunch.space.rows import Rows


class LogisticSpec(Section):
    """L2-regularised multinomial logistic regression, the default.

    Attributes:
        C: inverse strength of the penalty, as in scikit-learn's ``LogisticRegression``, or ``cv``: chosen by
            cross-validation on the labelled rows.
        intercept: ``free`` as in scikit-learn, where it follows every chance surplus of a class among few labels;
            ``none``, which takes all classes to be equally frequent; or ``penalised`` by a normal prior whose strength
            does not depend on C (`softmax.INTERCEPT_VARIANCE`), which moves from the one to the other with the labels.
    """

    kind: Literal["logistic"] = "logistic"
    C: Positive | Literal["cv"] = "cv"
    intercept: Intercept = "penalised"


def trainer(rows: Rows, class_count: int, *, C: float | str, intercept: Intercept) -> Trainer:
    """What fits such heads on the pool ``rows``."""
    alone = logistic.Trainer(rows, class_count, C=C, intercept=intercept)
    if not isinstance(rows, DeviceRows):
        return alone
    from nofreelunch.heads import logistic_lockstep

    return logistic_lockstep.Trainer(alone, rows)


ENTRY = Kind(LogisticSpec, trainer)
