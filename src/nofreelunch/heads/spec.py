"""The head's section of params.yaml."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationError

from nofreelunch.base.options import Count, NotNegative, Positive
from nofreelunch.base.spec import Spec
from nofreelunch.heads.scaling import Scaling
from nofreelunch.heads.softmax import Intercept


class _Head(Spec):
    """What all heads have.

    Attributes:
        linear: whether its scores are linear in the features, which some strategies need.
        scaling: ``none``, ``unit`` (each row to length 1) or ``standardize`` (each feature to mean 0 and
            variance 1 over the pool). Query strategies see the scaled features too.
        centre: whether the pool's mean is taken from pool and test rows first, so that what all rows have in common,
            which says nothing of any class, does not count.
    """

    linear: ClassVar[bool] = True
    scaling: Scaling = "unit"
    centre: bool = True


class LogisticSpec(_Head):
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


class MlpSpec(_Head):
    """A network with one hidden layer of rectified units, fitted anew in every round from the same initial weights.

    Attributes:
        hidden: units of the hidden layer.
        C: inverse strength of the penalty on the weights of both layers.
        iterations: at most so many steps of L-BFGS.
    """

    linear: ClassVar[bool] = False
    kind: Literal["mlp"]
    hidden: Count = 128
    C: Positive = 100.0
    iterations: Count = 200


class KnnSpec(_Head):
    """Votes of the nearest labelled rows.

    Attributes:
        neighbours: how many vote; all labelled rows where there are fewer.
        weights: each vote counts alike (``uniform``) or by 1 / distance (``distance``).
        smoothing: pseudo-votes shared out evenly among the classes that have a label; 0 lets a class without a vote
            have probability 0.
    """

    linear: ClassVar[bool] = False
    kind: Literal["knn"]
    neighbours: Count = 10
    weights: Literal["uniform", "distance"] = "distance"
    smoothing: NotNegative = 1.0


class LdaSpec(_Head):
    """Linear discriminant analysis: Gaussian classes with one covariance, shrunk towards a multiple of the identity.

    Attributes:
        shrinkage: 0 < s ≤ 1, or ``auto`` for that of Ledoit & Wolf (2004).
    """

    kind: Literal["lda"]
    shrinkage: Annotated[float, Field(gt=0, le=1)] | Literal["auto"] = "auto"


class RidgeSpec(_Head):
    """Ridge regression on class indicators; probabilities by a softmax whose temperature leave-one-out scores set.

    Attributes:
        alpha: strength of the penalty, as in scikit-learn's ``RidgeClassifier``.
    """

    kind: Literal["ridge"]
    alpha: Positive = 1.0


def _own_options(value: Any) -> Any:
    """``value`` as a logistic head where it names no kind, and without options that only heads of another kind take.

    So ``dvc exp run -S head.kind=knn`` works where options of another kind stand; what no head takes stays, and is
    refused.
    """
    if not isinstance(value, dict):
        return value
    said = {"kind": "logistic", **value}
    own = _KINDS.get(str(said["kind"]))
    others = [spec for spec in _KINDS.values() if spec is not own]
    if own is None:
        return said
    return {
        key: option
        for key, option in said.items()
        if key == "kind" or _takes(own, key, option) or not any(_takes(spec, key, option) for spec in others)
    }


def _takes(spec: type[_Head], key: Any, option: Any) -> bool:
    kind = next(kind for kind, known in _KINDS.items() if known is spec)
    try:
        spec.model_validate({"kind": kind, key: option})
    except ValidationError:
        return False
    return True


_KINDS: dict[str, type[_Head]] = {
    "logistic": LogisticSpec,
    "mlp": MlpSpec,
    "knn": KnnSpec,
    "lda": LdaSpec,
    "ridge": RidgeSpec,
}

HeadSpec = Annotated[
    Annotated[LogisticSpec | MlpSpec | KnnSpec | LdaSpec | RidgeSpec, Field(discriminator="kind")],
    BeforeValidator(_own_options),
]
