import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from nofreelunch.evaluation import aulc, gains, quality

FEW = st.integers(0, 5).map(float)


@given(
    st.integers(3, 12).flatmap(
        lambda n: st.tuples(hnp.arrays(float, n, elements=FEW), hnp.arrays(float, n, elements=FEW))
    )
)
def test_coefficients_are_those_of_scipy_with_ties(pair):
    x, y = pair
    got = float(quality.spearman(x, y)), float(quality.kendall(x, y))
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(got).all()
    else:
        assert got == pytest.approx((stats.spearmanr(x, y).statistic, stats.kendalltau(x, y).statistic))


def test_coefficients_take_many_samples_at_once():
    x = np.array([[1.0, 2, 3, 4], [1, 2, 3, 4]])
    y = np.array([[1.0, 2, 3, 4], [4, 3, 2, 1]])
    assert quality.spearman(x, y).tolist() == [1, -1]
    assert quality.kendall(x, y).tolist() == [1, -1]


@given(
    hnp.arrays(float, (2, 6), elements=FEW),
    hnp.arrays(np.int64, 6, elements=st.integers(0, 3)).filter(lambda counts: counts.sum() > 1),
)
def test_a_sample_told_by_counts_is_the_sample_written_out(pair, counts):
    x, y = pair
    rho, tau = quality.resampled(x, y, counts[None])
    repeated = np.repeat(x, counts), np.repeat(y, counts)
    expected = [float(quality.spearman(*repeated)), float(quality.kendall(*repeated))]
    assert [rho[0], tau[0]] == pytest.approx(expected, nan_ok=True, abs=1e-12)


def table(values):
    rows = [(d, e, value) for (d, e), value in values.items()]
    frame = pd.DataFrame(rows, columns=["dataset", "embedder", "value"])
    return frame.astype({"dataset": "category", "embedder": "category"})


def test_within_removes_what_datasets_add():
    # In each dataset gain rises with quality; across them the easier dataset gains less.
    known = table(
        {("hard", e): 0.3 + i / 100 for i, e in enumerate("abcd")}
        | {("easy", e): 0.8 + i / 100 for i, e in enumerate("abcd")}
    )
    gain = table(
        {("hard", e): 9.0 + i for i, e in enumerate("abcd")} | {("easy", e): 1.0 + i for i, e in enumerate("abcd")}
    )
    rows = quality.correlations(known.assign(measure="m"), gain.assign(outcome="o")).set_index("level")
    assert rows.loc["within", ["n", "embedders", "spearman", "kendall"]].tolist() == [8, 4, 1, 1]
    assert rows.loc["pooled", "spearman"] == pytest.approx(stats.spearmanr(known["value"], gain["value"]).statistic)
    assert rows.loc["pooled", "spearman"] < 0
    assert (rows["caveat"] == "").all()
    assert rows.loc["pooled", "spearman_lo"] <= rows.loc["pooled", "spearman"] <= rows.loc["pooled", "spearman_hi"]


def test_fewer_than_four_embedders_carry_a_caveat_and_one_has_no_correlation():
    three = table({("d", e): float(i) for i, e in enumerate("abc")})
    rows = quality.correlations(three.assign(measure="m"), three.assign(outcome="o"))
    assert rows["caveat"].str.startswith("only 3 embedder").all()
    one = table({("d", "a"): 1.0})
    rows = quality.correlations(one.assign(measure="m"), one.assign(outcome="o"))
    assert rows[["spearman", "kendall", "spearman_lo"]].isna().all(axis=None)


def test_the_built_in_dependence_on_quality_is_found(runs):
    frame, probes, diagnostics, *_ = runs
    scores = aulc.run_areas(frame, probes)
    reached = quality.outcomes(scores, gains.strategy_gains(scores), gains.pool_gains(scores))
    known = quality.measures(probes.assign(mteb=np.nan), diagnostics).query("measure == 'probe_accuracy'")
    rows = quality.correlations(known, reached).set_index(["outcome", "level"])
    expected = {"initial.random", "initial.typiclust", "pool_gain.typiclust.initial", "pool_gain.typiclust.early"}
    expected |= {f"aulc.{s}" for s in ("random", "margin", "coreset", "badge")}
    expected |= {f"strategy_gain.{s}" for s in ("margin", "coreset", "badge")}
    assert set(reached["outcome"]) == expected
    assert rows.loc[("pool_gain.typiclust.initial", "within"), "spearman"] > 0.9
    assert rows.loc[("strategy_gain.badge", "within"), "spearman"] > 0.9
    own = scores.query("metric == 'accuracy' and dataset == 'hard' and embedder == 'fair' and ips == 'typiclust'")
    got = reached.query("outcome == 'initial.typiclust' and dataset == 'hard' and embedder == 'fair'")["value"].iloc[0]
    assert got == pytest.approx(own["initial"].mean())


def test_measures_are_the_probe_the_diagnostics_and_mteb_where_it_is_published():
    probes = pd.DataFrame({"dataset": ["d", "d"], "embedder": ["minilm", "own"], "quality": [0.8, 0.9]})
    probes = probes.assign(mteb=[56.3, np.nan])
    diagnostics = pd.DataFrame(
        {
            "dataset": "d",
            "embedder": ["minilm", "own"],
            "measure": "hubness",
            "labelled": False,
            "value": [2.0, np.nan],
        }
    )
    found = quality.measures(probes, diagnostics)
    assert {(row.embedder, row.measure): row.value for row in found.itertuples()} == {
        ("minilm", "probe_accuracy"): 0.8,
        ("own", "probe_accuracy"): 0.9,
        ("minilm", "mteb"): 56.3,
        ("minilm", "hubness"): 2.0,
    }
