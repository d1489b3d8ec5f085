"""Fitting one logistic regression head against scikit-learn's, at equal optimum.

Run: python -m benchmarks.head

For each (d features, C classes, n labelled): median milliseconds of our cold and warm fit, of scikit-learn at its
default tolerance, and of scikit-learn at the loosest tolerance that comes within 1e-4 of the optimum in every
probability. Then nearest neighbours and LDA, a fit and the scores of 5,000 rows, against scikit-learn's own.
The features are unit-norm Gaussian clusters with a decaying spectrum, as text embeddings have.
"""

import time
import warnings
from collections.abc import Callable

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from nofreelunch.heads import softmax
from nofreelunch.heads.head import SCORED
from nofreelunch.heads.kinds import KINDS
from nofreelunch.heads.linear import LinearHead
from nofreelunch.space.rows import Rows

PENALTY = 100.0
SIZES = [(384, 4, 500), (384, 4, 1600), (384, 77, 500), (384, 77, 1600), (1024, 77, 1000), (4096, 4, 500)]
KIND_SIZES = [(384, 4, 100), (384, 77, 1000), (4096, 4, 200), (4096, 77, 1000)]
PEERS = {
    "knn": ({"neighbours": 10, "weights": "distance", "smoothing": 0.0}, KNeighborsClassifier(10, weights="distance")),
    "lda": ({"shrinkage": "auto"}, LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")),
}
SCORED_ROWS = 5000
CLOSE = 1e-4
BATCH = 100


def clusters(n: int, d: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    spectrum = np.arange(1, d + 1) ** -0.5
    labels = np.concatenate([np.arange(classes), rng.integers(classes, size=n - classes)])
    features = (rng.normal(size=(classes, d))[labels] * 0.6 + rng.normal(size=(n, d))) * spectrum
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32), labels


def milliseconds(work: Callable[[], object], repeats: int = 9) -> float:
    times = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return 1000 * float(np.median(times))


def scikit(tol: float) -> LogisticRegression:
    return LogisticRegression(C=PENALTY, tol=tol, max_iter=100_000)


def compare(d: int, classes: int, n: int) -> None:
    features, labels = clusters(n + 2000, d, classes)
    basis = softmax.Basis.of(Rows(features))
    z, y = basis.rotate(features[:n]), labels[:n]
    optimum = scikit(1e-10).fit(features[:n].astype(np.float64), y).predict_proba(features.astype(np.float64))

    before = softmax.fit(z[:-BATCH], y[:-BATCH], PENALTY)
    ours = softmax.fit(z, y, PENALTY)
    head = LinearHead(classes, ours.classes, *ours.unrotate(basis))
    gap = np.abs(head.probabilities(features) - optimum).max()
    cold = milliseconds(lambda: softmax.fit(z, y, PENALTY))
    warm = milliseconds(lambda: softmax.fit(z, y, PENALTY, before))
    default = milliseconds(lambda: scikit(1e-4).fit(features[:n], y))
    equal = float("nan")
    for tol in (1e-4, 1e-5, 1e-6, 1e-7, 1e-8):
        model = scikit(tol).fit(features[:n].astype(np.float64), y)
        if np.abs(model.predict_proba(features.astype(np.float64)) - optimum).max() <= CLOSE:
            equal = milliseconds(lambda tol=tol: scikit(tol).fit(features[:n].astype(np.float64), y), 3)
            break
    print(
        f"| {d}, {classes}, {n} | {cold:.1f} | {warm:.1f} | {gap:.0e} | {default:.1f} | {equal:.1f} | "
        f"{equal / cold:.1f} | {equal / warm:.1f} |",
        flush=True,
    )


def compare_kind(kind: str, d: int, classes: int, n: int) -> None:
    features, labels = clusters(n + SCORED_ROWS, d, classes)
    options, peer = PEERS[kind]
    trainer = KINDS[kind].trainer(Rows(features), classes, **options)
    rows, rest = np.arange(n), features[n:]

    def ours() -> np.ndarray:
        return trainer.learner(np.random.default_rng(0)).fit(rows, labels[:n]).probabilities(rest)

    def theirs() -> np.ndarray:
        fitted = peer.fit(features[:n], labels[:n])
        return np.concatenate([fitted.predict_proba(rest[at : at + SCORED]) for at in range(0, len(rest), SCORED)])

    alike = (ours().argmax(axis=1) == theirs().argmax(axis=1)).mean()
    own, other = milliseconds(ours, 3), milliseconds(theirs, 1)
    print(f"| {kind} | {d}, {classes}, {n} | {own:.0f} | {other:.0f} | {other / own:.1f} | {alike:.3f} |", flush=True)


def main() -> None:
    warnings.filterwarnings("ignore", category=UserWarning)
    print("| d, C, n | cold ms | warm ms | largest gap | scikit-learn default | … equal optimum | × cold | × warm |")
    print("|---|---|---|---|---|---|---|---|")
    with threadpool_limits(1):
        for size in SIZES:
            compare(*size)
        print("\n| kind | d, C, n | ms | scikit-learn ms | × | same prediction |\n|---|---|---|---|---|---|")
        for kind in PEERS:
            for size in KIND_SIZES:
                compare_kind(kind, *size)


if __name__ == "__main__":
    main()
