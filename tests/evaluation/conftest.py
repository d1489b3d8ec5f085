"""Synthetic runs that tests of this folder share."""

import pandas as pd
import pytest
import synthetic_runs

Runs = tuple[pd.DataFrame, ...]


@pytest.fixture(scope="session")
def runs() -> Runs:
    """Two datasets, four embedders, two pools, four strategies, five seeds; margin gains, coreset loses."""
    truth = synthetic_runs.Truth(
        strategy_gain={"margin": 0.03, "coreset": -0.03, "badge": 0.02},
        strategy_slope={"badge": 0.04},
        pool_gain={"typiclust": 0.02},
        pool_slope={"typiclust": 0.06},
        run_noise=0.002,
        seed_noise=0.004,
    )
    return synthetic_runs.make(
        ["easy", "hard"],
        ["weak", "fair", "good", "best"],
        ["random", "typiclust"],
        ["random", "margin", "coreset", "badge"],
        5,
        truth,
        rounds=6,
    )
