import numpy as np
import pytest

from nofreelunch.base.randomness import generator
from nofreelunch.evaluation.regret import cross_fitted


def test_by_hand():
    # Without the first seed the second option is best (worth 1 there), without the second the first (worth 0).
    values = np.array([[3.0, 0.0], [1.0, 2.0]])
    assert cross_fitted(values).tolist() == [(1 + 0 - 3) / 2, (1 + 0 - 3) / 2]
    assert np.isnan(cross_fitted(np.ones((3, 1)))).all()


def test_equal_options_have_no_regret_on_average_though_the_best_of_them_seems_better():
    rng = generator("test", "regret")
    draws = rng.normal(size=(2000, 7, 5))
    naive = [(v.mean(axis=1).max() - v.mean(axis=1)).mean() for v in draws]
    fair = [cross_fitted(v).mean() for v in draws]
    assert np.mean(naive) > 0.5
    assert abs(np.mean(fair)) < 4 * np.std(fair) / np.sqrt(len(fair))


def test_without_noise_it_is_the_plain_regret():
    values = np.tile(np.array([[0.2], [0.5], [0.4]]), (1, 4))
    assert cross_fitted(values) == pytest.approx([0.3, 0, 0.1])
