"""The head's section of params.yaml."""

from typing import Literal

from pydantic import Field

from nofreelunch.spec import Spec


class HeadSpec(Spec):
    """L2-regularised multinomial logistic regression and the scaling of its features.

    Attributes:
        C: inverse strength of the penalty, as in scikit-learn's ``LogisticRegression``.
        scaling: ``none``, ``unit`` (each row to length 1) or ``standardize`` (each feature to mean 0 and
            variance 1 over the pool). Query strategies see the scaled features too.
    """

    C: float = Field(gt=0, allow_inf_nan=False)
    scaling: Literal["none", "unit", "standardize"]
