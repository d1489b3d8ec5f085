import numpy as np
import pandas as pd
import pytest

from nofreelunch.base.randomness import generator
from nofreelunch.evaluation import explanations


def sites(values, **columns):
    rows = [(f"d{i}", f"e{j}", value) for (i, j), value in np.ndenumerate(values)]
    return pd.DataFrame(rows, columns=["dataset", "embedder", "value"]).assign(**columns)


def test_explain_finds_the_measure_that_an_outcome_depends_on():
    rng = generator("test", "explain")
    cause, other = rng.normal(size=(6, 5)), rng.normal(size=(6, 5))
    outcome = 2 * cause + 10 * np.arange(6)[:, None] + 0.1 * rng.normal(size=(6, 5))
    measures = pd.concat([sites(cause, measure="cause"), sites(other, measure="other")])
    table = explanations.explain(measures, sites(outcome, outcome="gain")).set_index("measure")
    assert table.loc["cause", "r2"] > 0.98
    assert table.loc["all", "r2"] > 0.9
    assert table.loc["other", "r2"] < 0.2
    centred = cause - cause.mean(axis=1, keepdims=True)
    assert table.loc["cause", "slope"] == pytest.approx(2 * centred.std(), rel=0.05)


def test_explain_of_one_dataset_or_a_constant_is_unknown():
    one = sites(np.arange(4.0)[None], measure="m")
    assert explanations.explain(one, sites(np.arange(4.0)[None], outcome="o"))["r2"].isna().all()
    two = sites(np.arange(8.0).reshape(2, 4), measure="m")
    assert explanations.explain(two, sites(np.ones((2, 4)), outcome="o"))["r2"].isna().all()
