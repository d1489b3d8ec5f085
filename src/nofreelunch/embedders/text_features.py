"""Embedders without a model: hashed words, and latent semantic analysis fitted on the pool."""

from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from nofreelunch.base.arrays import AnyArray, FloatArray
from nofreelunch.base.errors import UserError

Columns = Sequence[Sequence[str]]


def hashing(dim: int, train: Columns, test: Columns) -> tuple[list[FloatArray], list[FloatArray]]:
    """Signed counts of hashed lower-case words, rows of unit length (scikit-learn's HashingVectorizer).

    Args:
        dim: number of buckets.
        train: columns of texts.
        test: columns of texts.

    Returns:
        One (n, dim) float32 array for each column of train and of test.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(n_features=dim, norm="l2", dtype=np.float32)

    def vectors(texts: Sequence[str]) -> FloatArray:
        return vectorizer.transform(texts).toarray()  # type: ignore[no-any-return]

    return [vectors(column) for column in train], [vectors(column) for column in test]


def lsa(dim: int, train: Columns, test: Columns) -> tuple[list[FloatArray], list[FloatArray]]:
    """TF-IDF (log term counts) and truncated SVD, both fitted on all train columns; test rows are only transformed.

    Computed by one BLAS thread: two round the SVD's sums in another order, and give other bits.

    Args:
        dim: number of components, capped by the rank of the pool's TF-IDF matrix.
        train: columns of texts.
        test: columns of texts.

    Returns:
        One (n, at most dim) float32 array for each column of train and of test.

    Raises:
        UserError: no train text holds a word.

    Source: Deerwester et al. 1990.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(sublinear_tf=True)
    try:
        counts = vectorizer.fit_transform([text for column in train for text in column])
    except ValueError as error:
        raise UserError(
            "no train text holds a word of two letters or more, which 'lsa' needs; use 'hashing'."
        ) from error
    with threadpool_limits(1):
        svd = TruncatedSVD(min(dim, *counts.shape), algorithm="randomized", n_iter=7, random_state=0).fit(counts)
    scale = svd.singular_values_
    kept = scale > scale[0] * max(counts.shape) * np.finfo(np.float64).eps
    projection: AnyArray = svd.components_[kept].T

    def vectors(texts: Sequence[str]) -> FloatArray:
        return (vectorizer.transform(texts) @ projection).astype(np.float32)  # type: ignore[no-any-return]

    return [vectors(column) for column in train], [vectors(column) for column in test]
