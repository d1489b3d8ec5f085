import numpy as np
import pytest

from nofreelunch.labelling.forecast import EXPONENTS, Forecast, extrapolate, points

LABELS = np.array([50, 100, 200, 300, 400])


def audits(rng, rows, exponent, top=0.9, fall=2.0, spread=0.0):
    """Which of so many rows are right after each of LABELS: a row once learned stays so, but for a share of luck."""
    level = top - fall * LABELS**-exponent
    right = rng.random(rows) < level[:, None]
    return np.where(rng.random((len(LABELS), rows)) < spread, right, rng.random(rows)[None] < level[:, None])


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_the_interval_holds_the_gain_of_a_curve_of_its_family(exponent):
    rng = np.random.default_rng(3)
    fall = 0.4 * 50**exponent
    real = fall * (400.0**-exponent - 500.0**-exponent)
    found = [extrapolate(LABELS, audits(rng, 60, exponent, fall=fall, spread=0.3), 0.05, 100, rng) for _ in range(60)]
    inside = [one.low <= real <= one.high for one in found]
    assert np.mean(inside) >= 0.85


def test_a_curve_without_noise_is_continued_by_the_mean_over_the_exponents():
    # The whole curve's rise is shared by all rows: every bootstrap sample has the same heights.
    right = np.tile((np.arange(10) < np.array([[5], [6], [7], [7], [8]])), (1, 1))
    found = extrapolate(LABELS, np.repeat(right, 2000, axis=1), 0.0, 100, np.random.default_rng(0))
    heights = np.array([0.5, 0.6, 0.7, 0.7, 0.8])
    gains = []
    for c in EXPONENTS:
        slope, _ = np.polyfit(-(LABELS.astype(float) ** -c), heights, 1)
        gains.append(slope * (400.0**-c - 500.0**-c))
    assert found.gain == pytest.approx(np.mean(gains), rel=0.02)
    assert min(gains) * 0.9 < found.low < found.high < max(gains) * 1.1


def test_a_flat_or_falling_curve_promises_nothing():
    right = np.repeat([[True], [True], [True], [False], [False]], 30, axis=1)
    found = extrapolate(LABELS, right, 0.0, 100, np.random.default_rng(0))
    assert (found.gain, found.low, found.high) == (0, 0, 0)
    assert extrapolate(LABELS, right, 0.1, 100, np.random.default_rng(0)).low < 0


def test_points_are_spread_by_ratio_and_end_with_the_last():
    assert points(3).tolist() == [0, 1, 2]
    assert points(20)[-1] == 19
    assert len(points(20)) <= 6


def test_a_forecast_reads_as_a_person_would_say_it():
    assert str(Forecast(400, 100, 0.012, -0.003, 0.024)) == "100 more labels: +1.2 points (−0.3 to +2.4)"
