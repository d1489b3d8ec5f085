"""A flat picture of an embedding, by principal components."""

import numpy as np

from nofreelunch.base.arrays import AnyFloatArray, FloatArray
from nofreelunch.base.randomness import generator
from nofreelunch.space.rows import unit_rows


def plane(features: AnyFloatArray) -> dict[str, FloatArray]:
    """The first two principal components of rows scaled to length 1; the sign makes the largest value positive.

    Args:
        features: (n, d).

    Returns:
        x and y, (n,) float32; zeros where there is no such component.
    """
    from sklearn.utils.extmath import randomized_svd

    rows = unit_rows(np.asarray(features, dtype=np.float32))
    places = np.zeros((len(rows), 2), np.float32)
    found = min(2, *rows.shape)
    seed = int(generator("plane").integers(2**31))
    left, values, _ = randomized_svd(rows - rows.mean(axis=0), found, random_state=seed)
    places[:, :found] = left * values
    largest = places[np.abs(places).argmax(axis=0), [0, 1]]
    places *= np.where(largest < 0, -1, 1)
    return {"x": places[:, 0].copy(), "y": places[:, 1].copy()}
