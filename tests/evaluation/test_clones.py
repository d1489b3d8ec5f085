import pandas as pd
from synthetic_runs import NO_CLONES

from nofreelunch.base import layout, storage
from nofreelunch.evaluation import clones
from nofreelunch.params import Grid

BATCH = 20


def picks(changed=0, start=0):
    """(seed, round, row) of two seeds and three rounds of which in each round the last ``changed`` rows are others."""
    return [
        (seed, number, 1000 * number + start + row + (500 if row >= BATCH - changed else 0))
        for seed in range(2)
        for number in (1, 2, 3)
        for row in range(BATCH)
    ]


def acquired(**strategies):
    rows = [(name, *pick) for name, own in strategies.items() for pick in own]
    return pd.DataFrame(rows, columns=["strategy", "seed", "round", "row"])


def test_strategies_that_pick_the_same_rows_are_clones_of_the_first():
    table = acquired(random=picks(start=100), margin=picks(), entropy=picks(), badge=picks(changed=10))
    assert clones.find(table, ["random", "margin", "entropy", "badge"]) == {"entropy": "margin"}
    assert clones.find(table, ["entropy", "margin", "random"]) == {"margin": "entropy"}


def test_one_row_of_twenty_may_differ_and_two_may_not():
    table = acquired(margin=picks(), entropy=picks(changed=1), least_confident=picks(changed=2))
    assert clones.find(table, ["margin", "entropy", "least_confident"]) == {"entropy": "margin"}


def test_one_swapped_row_that_changes_all_later_batches_makes_no_other_strategy():
    cascade = [(seed, number, row + 300 * (number > 2)) for seed, number, row in picks()]
    swapped = [(seed, number, row + 600 * (number == 2 and row == 2000)) for seed, number, row in cascade]
    table = acquired(margin=picks(), entropy=swapped, badge=cascade)
    assert clones.find(table, ["margin", "entropy", "badge"]) == {"entropy": "margin"}


def test_the_order_within_a_batch_does_not_count():
    table = acquired(margin=picks(), entropy=list(reversed(picks())))
    assert clones.find(table, ["margin", "entropy"]) == {"entropy": "margin"}


def test_clones_are_found_in_the_files_of_a_grid_and_looked_up_by_cell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grid = Grid(datasets=["a"], embedders=["e"], pools=["p", "q"], strategies=["random", "margin", "entropy"], seeds=2)
    start = [(seed, 0, row) for seed in range(2) for row in range(5)]
    parts = [
        acquired(random=start + picks(start=100), margin=start + picks(), entropy=start + other).assign(ips=ips)
        for ips, other in (("p", picks()), ("q", picks(changed=9)))
    ]
    table = pd.concat(parts)
    storage.write_table(layout.acquired("a", "e"), {name: column.to_numpy() for name, column in table.items()})
    found = clones.load_clones(grid)
    assert found.to_numpy().tolist() == [["a", "e", "p", "entropy", "margin"]]

    cells = pd.DataFrame(
        {"dataset": "a", "embedder": "e", "ips": ["p", "q", "p"], "strategy": ["entropy"] * 2 + ["margin"]}
    )
    assert clones.originals(cells, found).tolist() == ["margin", "entropy", "margin"]
    assert clones.without_clones(cells, found).index.tolist() == [1, 2]
    assert clones.without_clones(cells, NO_CLONES).index.tolist() == [0, 1, 2]
