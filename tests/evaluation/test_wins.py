import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic_runs import NO_CLONES

from nofreelunch.evaluation import aulc, wins
from nofreelunch.evaluation.clones import COLUMNS
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
    row = pair(wins.win_matrix(frame_of(CURVES), NO_CLONES), "margin", "random")
    assert row[["pairs", "wins", "ties", "losses", "rate"]].tolist() == [4, 1, 2, 1, 0.5]
    row = pair(wins.win_matrix(frame_of(CURVES), NO_CLONES), "badge", "random")
    assert row[["wins", "ties", "losses", "rate"]].tolist() == [2, 2, 0, 0.75]


def test_the_older_definition_leaves_out_round_0_and_ties():
    table = wins.win_matrix(frame_of(CURVES), NO_CLONES, wins.ROUNDED)
    assert pair(table, "margin", "random")[["pairs", "wins", "ties", "losses"]].tolist() == [3, 1, 1, 1]
    assert pair(table, "margin", "random")["rate"] == pytest.approx(1 / 3)
    assert pair(table, "badge", "margin")["rate"] == pytest.approx(2 / 3)


def test_wins_equal_a_plain_loop_and_rates_are_complementary(runs):
    frame = runs[0]
    table = wins.win_matrix(frame, NO_CLONES)
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
    table = wins.win_table(runs[0], NO_CLONES)
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
    table = wins.ranks(aulc.run_areas(frame, probes), NO_CLONES).query("metric == 'accuracy'").set_index("strategy")
    # areas: random (.55+.65+.75)/3 = .65, margin (.6+.7+.7)/3 = 2/3, badge (.65+.75+.8)/3 = 2.2/3
    assert table["rank"].to_dict() == {"random": 4, "margin": 2.5, "badge": 1, "entropy": 2.5}
    assert table.loc["badge", "gain"] == pytest.approx(2.2 / 3 - 0.65)
    # Of one seed the best in hindsight is best by luck, as far as can be told.
    assert table["regret"].isna().all()
    more = pd.concat([frame, frame.assign(seed=1), frame.assign(seed=2)], ignore_index=True)
    table = wins.ranks(aulc.run_areas(more, probes), NO_CLONES).query("metric == 'accuracy'").set_index("strategy")
    assert table.loc["badge", "regret"] == pytest.approx(0)
    assert table.loc["margin", "regret"] == pytest.approx(0.2 / 3)
    at_chance = wins.ranks(aulc.run_areas(frame, probes.assign(chance_accuracy=0.87)), NO_CLONES).query(
        "metric == 'accuracy'"
    )
    assert at_chance["rank"].isna().all()
    assert at_chance["regret"].isna().all()
    assert at_chance["gain"].notna().all()


def test_ranks_are_those_of_scipy_in_every_cell(runs):
    scores, cell_keys = aulc.run_areas(runs[0], runs[1]), ["metric", "dataset", "embedder", "ips"]
    table = wins.ranks(aulc.run_areas(runs[0], runs[1]), NO_CLONES)
    for _, cell in table.groupby(["metric", "dataset", "embedder", "ips"], observed=True):
        assert cell["rank"].to_numpy() == pytest.approx(stats.rankdata(-cell["aulc"]))
        by_seed = scores[(scores[cell_keys] == cell[cell_keys].iloc[0]).all(axis=1)]
        wide = by_seed.pivot(index="strategy", columns="seed", values="aulc").to_numpy()
        expected = np.zeros(len(wide))
        for seed in range(5):
            best = np.delete(wide, seed, axis=1).mean(axis=1).argmax()
            expected += (wide[best, seed] - wide[:, seed]) / 5
        assert cell["regret"].to_numpy() == pytest.approx(expected)


def test_robustness_summarises_the_ranks(runs):
    table = wins.ranks(aulc.run_areas(runs[0], runs[1]), NO_CLONES)
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


def test_the_group_rounds_to_three_decimals_first():
    near = {"random": [0.5, 0.6004, 0.7], "margin": [0.5, 0.6, 0.7006]}
    ours = pair(wins.win_matrix(frame_of(near), NO_CLONES), "margin", "random")
    theirs = pair(wins.win_matrix(frame_of(near), NO_CLONES, wins.ROUNDED), "margin", "random")
    assert ours[["pairs", "wins", "ties", "losses"]].tolist() == [3, 1, 1, 1]
    assert theirs[["pairs", "wins", "ties", "losses"]].tolist() == [2, 1, 1, 0]


def test_the_best_seed_rewards_spread():
    # Margin loses on four of five seeds and on average, but owns the best seed of every round.
    parts = [
        frame_of({"random": [0.5, 0.7, 0.7], "margin": [0.5, 0.9, 0.9] if seed == 0 else [0.5, 0.6, 0.6]}, seed)
        for seed in range(5)
    ]
    frame = pd.concat(parts, ignore_index=True)
    assert pair(wins.win_matrix(frame, NO_CLONES, wins.ROUNDED), "margin", "random")["rate"] == 0.2
    row = pair(wins.win_matrix(frame, NO_CLONES, wins.BEST_SEED), "margin", "random")
    assert row[["pairs", "wins", "rate"]].tolist() == [2, 2, 1]
    shares = wins.peaks(frame, NO_CLONES).set_index(["definition", "strategy"])["rate"]
    assert shares[("rounded", "margin")] == 0.2
    assert shares[("best_seed", "margin")] == 1
    assert shares[("ties_half", "margin")] == pytest.approx((2 + 5 / 2) / 15)


THREE = pd.DataFrame(
    [("d", "e", "p", "entropy", "margin"), ("d", "e", "p", "least_confident", "margin")], columns=COLUMNS
)


def cloned():
    return frame_of(CURVES | {"entropy": CURVES["margin"], "least_confident": CURVES["margin"]})


def test_clones_take_one_rank_and_one_win():
    frame = cloned().assign(balanced_accuracy=0.0, macro_f1=0.0, held_accuracy=0.0)
    probes = pd.DataFrame({"dataset": ["d"], "embedder": ["e"], "accuracy": [0.9]})
    probes = probes.assign(balanced_accuracy=0.9, macro_f1=0.9, held_accuracy=0.9, lift_error=0.01)
    probes = probes.assign(**{f"chance_{name}": 0.1 for name in AREAS})
    table = wins.ranks(aulc.run_areas(frame, probes), THREE).query("metric == 'accuracy'").set_index("strategy")
    assert table["rank"].to_dict() == {"random": 3, "margin": 2, "badge": 1, "entropy": 2, "least_confident": 2}
    assert table["clone_of"].to_dict()["entropy"] == "margin"
    summary = wins.robustness(table.reset_index()).query("scope == 'all'").set_index("strategy")
    assert summary["best"].to_dict()["badge"] == 1

    matrix = wins.win_matrix(frame, THREE)
    assert pair(matrix, "entropy", "margin")["pairs"] == 0
    assert np.isnan(pair(matrix, "entropy", "margin")["rate"])
    against = matrix[matrix["strategy"] == "badge"].set_index("opponent")["weight"]
    assert against.to_dict() == pytest.approx(
        {"random": 1, "margin": 1 / 3, "entropy": 1 / 3, "least_confident": 1 / 3}
    )
    shares = wins.peaks(frame, THREE).query("definition == 'rounded'").set_index("strategy")["rate"]
    assert shares.to_dict() == pytest.approx(
        {"random": 0, "margin": 0, "badge": 2 / 3, "entropy": 0, "least_confident": 0}
    )
