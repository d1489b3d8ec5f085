import synthetic_runs

from nofreelunch.evaluation import summary
from nofreelunch.report.figures import draw_all

COMPARING = ("strategy_gain", "best", "wins", "critical_difference")
ALWAYS = ("answers", "embedders", "aulc", "ranks", "labels_to_target", "pool_gain", "picks")


def written(folder):
    return {path.name for path in (folder / "plots" / "figures").iterdir()}


def files(*names):
    return {f"{name}.png" for name in names}


def make(pools, strategies):
    runs = synthetic_runs.make(["d"], ["lsa", "bow"], pools, strategies, 2, rounds=3)
    summary.write(summary.summarise(*runs, focus="lsa"))
    draw_all(summary.read_tables(), pools, "lsa")


def test_every_figure_is_drawn_from_the_tables_on_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(["random", "typiclust"], ["random", "margin"])
    per_pool = [f"{name}_{ips}" for name in ("curves", "differences") for ips in ("random", "typiclust")]
    assert written(tmp_path) == files(*per_pool, *ALWAYS, "strategy_gain", "best", "wins", "critical_difference")


def test_one_strategy_and_one_pool_leave_out_what_has_nothing_to_show(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(["random"], ["random"])
    assert written(tmp_path) == files("curves_random", *ALWAYS)
