import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nofreelunch.evaluation import aulc, wins
from nofreelunch.evaluation.runs import AREAS, FACTORS


def frame_of(curves, seed=0):
    """One cell; ``curves`` gives each strategy's accuracy per round."""
    rows = [
        ("d", "e", "p", strategy, seed, number, 10 * (number + 1), value)
        for strategy, values in curves.items()
        for number, value in enumerate(values)
    ]
    frame = pd.DataFrame(rows, columns=[*FACTORS, "seed", "round", "labels", "accuracy"])
    return frame.assign(
        **{factor: pd.Categorical(frame[factor], categories=frame[factor].unique()) for factor in FACTORS}
    )


CURVES = {"random": [0.5, 0.6, 0.7, 0.8], "margin": [0.5, 0.7, 0.7, 0.7], "badge": [0.5, 0.8, 0.7, 0.9]}


def pair(table, a, b):
    return table[(table["strategy"] == a) & (table["opponent"] == b)].iloc[0]


def test_wins_by_hand_with_ties_as_halves():
    # margin against random: tie, win, tie, loss
    row = pair(wins.win_matrix(frame_of(CURVES)), "margin", "random")
    assert row[["pairs", "wins", "ties", "losses", "rate"]].tolist() == [4, 1, 2, 1, 0.5]
    row = pair(wins.win_matrix(frame_of(CURVES)), "badge", "random")
    assert row[["wins", "ties", "losses", "rate"]].tolist() == [2, 2, 0, 0.75]


def test_the_older_definition_leaves_out_round_0_and_ties():
    table = wins.win_matrix(frame_of(CURVES), legacy=True)
    assert pair(table, "margin", "random")[["pairs", "wins", "ties", "losses"]].tolist() == [3, 1, 1, 1]
    assert pair(table, "margin", "random")["rate"] == pytest.approx(1 / 3)
    assert pair(table, "badge", "margin")["rate"] == pytest.approx(2 / 3)


def test_wins_equal_a_plain_loop_and_rates_are_complementary(runs):
    frame = runs[0]
    table = wins.win_matrix(frame)
    part = frame[frame["strategy"].isin(["badge", "margin"])]
    won = tied = total = 0
    for _, group in part.groupby(["dataset", "embedder", "ips", "seed", "round"], observed=True):
        values = group.set_index("strategy")["accuracy"]
        won += values["badge"] > values["margin"]
        tied += values["badge"] == values["margin"]
        total += 1
    row = pair(table, "badge", "margin")
    assert row[["pairs", "wins", "ties"]].tolist() == [total, won, tied]
    assert row["rate"] == (won + tied / 2) / total
    back = table.rename(columns={"strategy": "opponent", "opponent": "strategy"})
    both = table.merge(back, on=["strategy", "opponent"])
    assert (both["rate_x"] + both["rate_y"]).to_numpy() == pytest.approx(np.ones(len(both)))
    assert (both["wins_x"] == both["losses_y"]).all()
    assert (both["ties_x"] == both["ties_y"]).all()


def test_win_table_covers_all_cells_and_each_embedder(runs):
    table = wins.win_table(runs[0])
    assert list(table["scope"].unique()) == ["all", "weak", "fair", "good", "best"]
    whole = table[(table["scope"] == "all") & (table["definition"] == "ties_half")]
    parts = table[(table["scope"] != "all") & (table["definition"] == "ties_half")]
    keys = ["strategy", "opponent"]
    counts = ["pairs", "wins", "ties", "losses"]
    added = parts.groupby(keys, observed=True)[counts].sum()
    assert (added == whole.groupby(keys, observed=True)[counts].sum()).all(axis=None)


def test_ranks_by_hand():
    same = CURVES | {"entropy": CURVES["margin"]}
    frame = frame_of(same).assign(balanced_accuracy=0.0, macro_f1=0.0, held_accuracy=0.0)
    probes = pd.DataFrame(
        {"dataset": ["d"], "embedder": ["e"], "accuracy": [0.9], "balanced_accuracy": 1.0, "macro_f1": 1.0}
    ).assign(held_accuracy=0.9, lift_error=0.01, **{f"chance_{name}": 0.1 for name in AREAS})
    table = wins.ranks(aulc.scores(frame, probes)).query("metric == 'accuracy'").set_index("strategy")
    # areas: random (.55+.65+.75)/3 = .65, margin (.6+.7+.7)/3 = 2/3, badge (.65+.75+.8)/3 = 2.2/3
    assert table["rank"].to_dict() == {"random": 4, "margin": 2.5, "badge": 1, "entropy": 2.5}
    assert table.loc["badge", "gain"] == pytest.approx(2.2 / 3 - 0.65)
    assert table.loc["badge", "regret"] == 0
    assert table.loc["margin", "regret"] == pytest.approx(0.2 / 3)
    at_chance = wins.ranks(aulc.scores(frame, probes.assign(chance_accuracy=0.87))).query("metric == 'accuracy'")
    assert at_chance["rank"].isna().all()
    assert at_chance["regret"].isna().all()
    assert at_chance["gain"].notna().all()


def test_ranks_are_those_of_scipy_in_every_cell(runs):
    table = wins.ranks(aulc.scores(runs[0], runs[1]))
    for _, cell in table.groupby(["metric", "dataset", "embedder", "ips"], observed=True):
        assert cell["rank"].to_numpy() == pytest.approx(stats.rankdata(-cell["aulc"]))
        assert cell["regret"].min() == 0


def test_robustness_summarises_the_ranks(runs):
    table = wins.ranks(aulc.scores(runs[0], runs[1]))
    summary = wins.robustness(table).set_index(["metric", "scope", "strategy"]).sort_index()
    own = table.query("metric == 'accuracy' and embedder == 'weak' and strategy == 'badge'")
    row = summary.loc[("accuracy", "weak", "badge")]
    assert row["cells"] == 4
    assert row["mean_rank"] == pytest.approx(own["rank"].mean())
    assert row["rank_spread"] == pytest.approx(own["rank"].std())
    assert row["worst_regret"] == own["regret"].max()
    whole = summary.loc[("accuracy", "all")]
    assert whole["best"].sum() == 16
    assert whole["mean_rank"].mean() == pytest.approx(2.5)
