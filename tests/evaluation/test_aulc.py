import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.integrate import quad

from nofreelunch.evaluation import aulc
from nofreelunch.evaluation.runs import AREAS

LABELS = np.array([10.0, 20.0, 40.0, 100.0])
CURVE = np.array([0.2, 0.4, 0.5, 0.8])


def test_area_by_hand():
    # 10·0.3 + 20·0.45 + 60·0.65 = 3 + 9 + 39 = 51, span 90
    assert aulc.aulc(LABELS, CURVE) == pytest.approx(51 / 90)


def test_thirds_by_hand():
    # cuts at 40 and 70; the curve at 70 is 0.65: (3 + 9) / 30, 30·0.575 / 30, 30·0.725 / 30
    assert aulc.thirds(LABELS, CURVE) == pytest.approx([0.4, 0.575, 0.725])


@st.composite
def a_curve(draw):
    steps = draw(st.lists(st.integers(1, 50), min_size=1, max_size=8))
    labels = np.cumsum([draw(st.integers(1, 100)), *steps]).astype(float)
    values = draw(hnp.arrays(float, len(labels), elements=st.floats(0, 1)))
    return labels, values


@given(a_curve())
def test_areas_are_those_of_the_interpolated_curve(curve):
    labels, values = curve
    cuts = np.linspace(labels[0], labels[-1], 4)
    got = aulc.thirds(labels, values)
    for i in range(3):
        inside = [x for x in labels if cuts[i] < x < cuts[i + 1]]
        area = quad(lambda x: np.interp(x, labels, values), cuts[i], cuts[i + 1], points=inside or None)[0]
        assert got[i] == pytest.approx(area / (cuts[i + 1] - cuts[i]), abs=1e-7)
    whole = aulc.aulc(labels, values)
    assert whole == pytest.approx(got.mean())
    assert whole == pytest.approx(np.trapezoid(values, labels) / np.ptp(labels))


@given(a_curve(), st.floats(0, 1))
def test_a_flat_curve_is_its_height_and_runs_do_not_mix(curve, height):
    labels, values = curve
    both = np.stack([values, np.full_like(values, height)])
    got = aulc.aulc(labels, both)
    assert got[0] == pytest.approx(aulc.aulc(labels, values))
    assert got[1] == pytest.approx(height)


def test_no_span_is_the_mean():
    assert aulc.aulc(np.array([5.0, 5.0]), np.array([0.2, 0.4])) == pytest.approx(0.3)
    assert aulc.aulc(np.array([5.0]), np.array([0.2])) == 0.2


def test_labels_to_a_target():
    values = np.array([[0.2, 0.5, 0.4, 0.8], [0.9, 0.1, 0.1, 0.1], [0.1, 0.2, 0.3, 0.4]])
    got = aulc.labels_to(LABELS, values, np.array([0.5, 0.9, 0.41]))
    assert got[:2].tolist() == [20, 10]
    assert got[2] == np.inf


def test_scores_of_a_run(runs):
    frame, probes, *_ = runs
    table = aulc.run_areas(frame, probes)
    assert len(table) == 2 * 4 * 2 * 4 * 5 * len(AREAS)
    keys = {"dataset": "easy", "embedder": "fair", "ips": "random", "strategy": "margin", "seed": 4}

    def pick(rows):
        return rows[np.logical_and.reduce([rows[key] == value for key, value in keys.items()])]

    curve = pick(frame).sort_values("round")
    row = pick(table[table["metric"] == "balanced_accuracy"]).iloc[0]
    probe = probes.set_index(["dataset", "embedder"]).loc[("easy", "fair"), "balanced_accuracy"]
    values = curve["balanced_accuracy"].to_numpy()
    assert row["aulc"] == pytest.approx(np.trapezoid(values, curve["labels"]) / 600)
    assert (row["initial"], row["final"]) == (values[0], values[-1])
    assert row["headroom"] == pytest.approx(probe - values[-1])
    first = curve.loc[values >= 0.097 + 0.9 * (probe - 0.097), "labels"]
    assert row["labels_to_90"] == (np.inf if first.empty else first.iloc[0])


def test_a_probe_at_chance_has_no_shares(runs):
    frame, probes, *_ = runs
    at = (probes["dataset"] == "easy") & (probes["embedder"] == "weak")
    # 0.03 above chance with an error of 0.01 is not 0.02 above it for sure, 0.04 is.
    for lift, known in ((0.03, False), (0.04, True)):
        low = probes.assign(chance_accuracy=probes["chance_accuracy"].where(~at, probes["accuracy"] - lift))
        table = aulc.run_areas(frame, low).query("dataset == 'easy' and embedder == 'weak' and metric == 'accuracy'")
        assert (table["clear"] == known).all()
        assert (table["labels_to_90"].notna() == known).all()
        assert (aulc.shares(table, "final").notna() == known).all()


def test_a_share_is_of_the_way_from_chance_to_the_probe():
    # 0.8 of accuracy between 0.5 by chance and 0.9 by the probe: three quarters of the way, not 89 %.
    table = pd.DataFrame({"final": [0.8, 0.8], "chance": 0.5, "probe": 0.9, "clear": [True, False]})
    assert aulc.shares(table, "final").tolist()[0] == pytest.approx(0.75)
    assert np.isnan(aulc.shares(table, "final")[1])


def test_runs_that_never_arrive_are_censored():
    values = {
        "labels_to_75": [10, 10, 20],
        "labels_to_90": [10, 30, np.inf],
        "labels_to_95": [10, np.inf, np.inf],
        "labels_to_99": [np.nan] * 3,
    }
    row = aulc.arrivals(pd.DataFrame(values).assign(cell="c"), ["cell"]).iloc[0]
    # Without the third run the mean of the first target would be 20, and that of the second 10.
    assert row["labels_to_90"] == 30
    assert row["labels_to_95"] == np.inf
    assert np.isnan(row["labels_to_99"])
    assert row["arrived_90"] == pytest.approx(2 / 3)
    assert np.isnan(row["arrived_99"])
