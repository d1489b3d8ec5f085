import synthetic_runs

from nofreelunch.evaluation.filled import filled


def test_the_share_is_of_all_picks_of_all_seeds():
    frame = synthetic_runs.make(["d"], ["e"], ["random"], ["random", "alfamix"], 2, rounds=3, batch=10)[0]
    frame.loc[(frame["strategy"] == "alfamix") & (frame["seed"] == 1) & (frame["round"] == 2), "filled"] = 6
    table = filled(frame).set_index("strategy")
    assert table.loc["alfamix", "picked"] == 2 * 3 * 10
    assert table.loc["alfamix", "filled"] == 6 / 60
    assert table.loc["random", "filled"] == 0
