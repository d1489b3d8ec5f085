"""scikit-learn's network with one hidden layer of rectified units, fitted by L-BFGS on all labelled rows."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Literal

from nofreelunch.base.options import Count, Positive
from nofreelunch.heads.estimator import Trainer
from nofreelunch.heads.section import Kind, Section
from nofreelunch.space.rows import Rows


class MlpSpec(Section):
    """A network with one hidden layer of rectified units, fitted anew in every round from the same initial weights.

    It minimises C · Σ cross-entropy + ½ (‖V‖² + ‖W‖²), V and W the weights of the two layers, biases free.

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


def _made(options: Mapping[str, Any], seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(**options, random_state=seed)


def _trainer(rows: Rows, class_count: int, *, hidden: int, C: float, iterations: int) -> Trainer:
    options = {
        "hidden_layer_sizes": (hidden,),
        "alpha": 1 / C,
        "solver": "lbfgs",
        "max_iter": iterations,
        "max_fun": 2 * iterations,
        "tol": 1e-6,
    }
    return Trainer(rows.features, class_count, partial(_made, options), C)


ENTRY = Kind(MlpSpec, _trainer)
