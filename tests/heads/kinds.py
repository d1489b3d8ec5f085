"""One section of params.yaml for each kind of head, and heads fitted by it."""

import numpy as np

from nofreelunch.heads import trainer
from nofreelunch.heads.head import Head
from nofreelunch.heads.kinds.knn import KnnSpec
from nofreelunch.heads.kinds.lda import LdaSpec
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.heads.kinds.mlp import MlpSpec
from nofreelunch.heads.kinds.ridge import RidgeSpec
from nofreelunch.heads.kinds.sklearn import EstimatorSpec
from nofreelunch.heads.spec import HeadSpec
from nofreelunch.space.rows import Rows

KINDS: list[HeadSpec] = [
    LogisticSpec(C=10.0, intercept="free"),
    LogisticSpec(C="cv", intercept="penalised"),
    MlpSpec(kind="mlp", hidden=24, C=10.0),
    KnnSpec(kind="knn"),
    KnnSpec(kind="knn", neighbours=3, weights="uniform", smoothing=0.0),
    LdaSpec(kind="lda"),
    LdaSpec(kind="lda", shrinkage=0.3),
    RidgeSpec(kind="ridge"),
    EstimatorSpec(kind="sklearn", estimator="sklearn.linear_model.LogisticRegression", options={"C": 10.0}),
]


def blobs(n: int, d: int, classes: int, seed: int, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of length 1 around one centre per class, and their labels; the first rows hold one of each class."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, d))
    labels = np.concatenate([np.arange(classes), rng.integers(classes, size=n - classes)])
    features = centres[labels] + spread * rng.normal(size=(n, d))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return features.astype(np.float32), labels.astype(np.int64)


def fitted(spec: HeadSpec, features: np.ndarray, labels: np.ndarray, classes: int, seed: int = 0) -> Head:
    """The head for all rows."""
    learner = trainer(spec, Rows(features), classes).learner(np.random.default_rng(seed))
    return learner.fit(np.arange(len(features)), labels)
