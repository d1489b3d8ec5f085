"""Strategies and pools from files outside the package: loaded, keyed, guarded, kept apart from the others."""

import re
from pathlib import Path

import pytest
import yaml

from nofreelunch import params as params_module
from nofreelunch.base import layout, storage
from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo
from nofreelunch.cells import outside_files
from nofreelunch.cells.farm import Farm
from nofreelunch.params import Params

FIRST = """
def select(query, *, last: bool = False):
    rows = sorted(query.candidates.tolist())
    return (rows[::-1] if last else rows)[: query.batch_size]
"""
POOL = "def select(start):\n    return range(start.size)\n"
MARGIN = (Path(__file__).parents[2] / "src/nofreelunch/selection/strategies/margin.py").read_text(encoding="utf-8")


@pytest.fixture
def grid(own, tmp_path):
    """Params of the cell whose grid has a strategy of each of these files beside random and margin."""
    own.run(own.params(), "download", "embed")

    def made(pools=(), **texts):
        entries = {name: {"from": f"{name}.py"} for name in texts}
        for name, text in texts.items():
            Path(f"{name}.py").write_text(text, encoding="utf-8")
        strategies = [name for name in entries if name not in pools]
        return own.params(
            strategies={name: entries[name] for name in strategies},
            pools={name: entries[name] for name in pools},
            grid={"strategies": ["random", "margin", *strategies], "pools": ["random", *pools], "seeds": 2},
        )

    return made


def runs():
    found = storage.read_table(layout.runs("own", "vectors"))
    return {key: values.tolist() for key, values in found.items()}


def acquired(strategy, seed=0, ips="random"):
    table = storage.read_table(layout.acquired("own", "vectors"))
    own = (table["strategy"] == strategy) & (table["seed"] == seed) & (table["ips"] == ips)
    return table["row"][own].tolist()


def stored():
    """Keys of the runs in the memo."""
    keys = [path.name for path in Path("memo").glob("??/*")]
    return {key for key in keys if "acquired" in Memo.default().load(key)}


def test_a_file_runs_beside_the_others_and_leaves_them_as_they_are(own, grid):
    own.run(own.params(grid={"seeds": 2}), "initialize", "active_learn")
    before, entries = runs(), stored()
    params = grid(first=FIRST)
    own.run(params, "initialize", "active_learn")
    rows = [i for i, name in enumerate(runs()["strategy"]) if name != "first"]
    assert {key: [values[i] for i in rows] for key, values in runs().items()} == before
    assert len(stored() - entries) == 2
    picked = acquired("first")
    assert picked[9:] == [row for row in range(400) if row not in picked[:9]][:12]


def test_a_copy_of_a_built_in_strategy_picks_in_its_own_name_and_its_options_are_checked(own, grid):
    params = grid(mine=MARGIN, first=FIRST)
    own.run(params, "initialize", "active_learn")
    assert acquired("mine")[:9] == acquired("margin")[:9]
    assert set(acquired("mine")[9:13]) == set(acquired("margin")[9:13])
    last = own.params(
        strategies={"first": {"from": "first.py", "last": True}}, grid={"strategies": ["random", "first"]}
    )
    own.run(last, "active_learn")
    assert acquired("first")[9:][0] == max(set(range(400)) - set(acquired("first")[:9]))


def test_only_the_runs_of_a_changed_file_are_computed_anew(own, grid):
    own.run(grid(first=FIRST, mine=MARGIN), "initialize", "active_learn")
    before = stored()
    own.run(grid(first=FIRST, mine=MARGIN), "initialize", "active_learn")
    assert stored() == before
    own.run(grid(first=FIRST.replace("[::-1]", "[1:]"), mine=MARGIN), "initialize", "active_learn")
    assert len(stored() - before) == 2
    # The same text under another path is the same code.
    Path("elsewhere").mkdir()
    now = stored()
    Path("mine.py").rename("elsewhere/mine.py")
    entry = {"from": str(Path("elsewhere/mine.py").resolve())}
    moved = own.params(strategies={"mine": entry}, grid={"strategies": ["random", "mine"], "seeds": 2})
    own.run(moved, "active_learn")
    assert stored() == now


WRONG = {
    "raises": ("def select(query):\n    return {}[0]\n", r"it raises KeyError: 0 \(bad\.py, line 2\)"),
    "writes": ("def select(query):\n    query.features[0] = 0\n", r"read-only .*bad\.py, line 2; .* copy them"),
    "too few": ("def select(query):\n    return query.candidates[:1]\n", "it returned 1 rows, not 4"),
    "labelled rows": ("def select(query):\n    return query.labelled[:4]\n", "is labelled already"),
    "NaN": ("def select(query):\n    return [float('nan')] * 4\n", "NaN and infinity are no rows"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_the_error_names_the_run_and_all_other_runs_are_kept(own, grid, text, message):
    own.run(own.params(), "initialize")
    params = grid(bad=text, first=FIRST)
    own.run(params, "initialize")
    who = r"strategy 'bad' on own × vectors, pool 'random', seed 0, round 1: "
    with pytest.raises(UserError, match=f"{who}.*{message}") as caught:
        own.run(params, "active_learn")
    assert "seed 1, round 1" in str(caught.value)
    assert not layout.runs("own", "vectors").exists()
    before = stored()
    own.run(own.params(strategies={"first": {"from": "first.py"}}, grid={"strategies": ["random", "margin", "first"]}))
    assert stored() == before


def test_of_runs_that_advance_together_the_sound_ones_are_kept(own, grid):
    picky = MARGIN.replace("first, second", "assert block.queries[0].labelled[0] != 5, 'five'\n    first, second")
    params = grid(pools=["five"], five="def select(start):\n    return range(5, 5 + start.size)\n", picky=picky)
    own.run(params, "initialize")
    with pytest.raises(UserError, match="pool 'five', seed 0, round 1: it raises AssertionError: five") as caught:
        own.run(params, "active_learn")
    assert "pool 'random'" not in str(caught.value)
    before = stored()
    with pytest.raises(UserError, match="five"):
        own.run(params, "active_learn")
    assert stored() == before
    own.run(
        own.params(strategies={"picky": {"from": "picky.py"}}, grid={"strategies": ["random", "picky"], "seeds": 2})
    )
    assert stored() == before


def test_a_pool_selection_from_a_file_is_checked_like_a_batch(own, grid):
    params = grid(pools=["low"], low=POOL)
    own.run(params, "initialize", "active_learn")
    assert acquired("random", ips="low")[:9] == [*range(9)]
    params = grid(pools=["low"], low=POOL.replace("range(start.size)", "[0] * start.size"))
    with pytest.raises(UserError, match=r"pool 'low' on own × vectors, seed 0: .*it returned the row 0 9 times"):
        own.run(params, "initialize")


def test_a_strategy_object_says_what_it_needs(own, grid):
    text = (
        "from nofreelunch.selection.query import Strategy\n\n\ndef take(query):\n"
        "    assert not len(query.probabilities)\n    return query.candidates[: query.batch_size]\n\n\n"
        "select = Strategy(take, uses_head=False)\n"
    )
    own.run(grid(mine=text), "initialize", "active_learn")
    with pytest.raises(ValueError, match="wants the true labels"):
        grid(mine=text.replace("uses_head=False", "uses_truth=True"))
    with pytest.raises(ValueError, match="mine needs a linear head"):
        own.params(
            strategies={"mine": {"from": "mine.py"}}, grid={"strategies": ["random", "mine"]}, head={"kind": "knn"}
        ) if Path("mine.py").write_text(text.replace("uses_head=False", "needs_linear_head=True")) else None


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"from": "absent.py"}, r"strategies\.mine: 'absent\.py' cannot be read: No such file"),
        ({"from": "first.py:selct"}, r"strategies\.mine: 'first\.py:selct': .*Did you mean 'select'"),
        ({"from": "first.py", "lst": True}, r"strategies\.mine: unknown key 'lst'. Did you mean 'last'"),
        ({"from": "first.py", "last": 3}, r"strategies\.mine\.last: .*valid boolean"),
        ({"from": "first.py", "strategy": "margin"}, "it says both 'strategy' and 'from'"),
        ({"from": ["first.py"]}, r"mine\.from: must be a Python file"),
        ({"from": "first.py:number"}, "is a int, no function"),
        ({"from": "first.py:strange"}, r"strategies\.mine: an option of 'first\.py:strange' is neither"),
        ({"from": "no_such_package.al:select"}, "ModuleNotFoundError"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said_before_anything_runs(own, entry, message):
    Path("first.py").write_text(FIRST + "\nnumber = 3\n\n\ndef strange(query, *, rng=object()):\n    pass\n")
    with pytest.raises(ValueError, match=message):
        own.params(strategies={"mine": entry}, grid={"strategies": ["random", "mine"]})


def test_nothing_from_outside_takes_the_name_of_a_built_in_one(own):
    with pytest.raises(ValueError, match="'margin' is a built-in query strategy; call yours otherwise"):
        own.params(strategies={"margin": {"from": "margin.py"}})
    with pytest.raises(ValueError, match="'kmeans' is a built-in pool selection"):
        own.params(pools={"kmeans": {"from": "kmeans.py"}})


def test_an_entry_outside_the_grid_is_not_imported(own):
    Path("loud.py").write_text("raise SystemExit('imported')\n")
    assert own.params(strategies={"loud": {"from": "loud.py"}}).foreign == {
        "head": {},
        "embedders": {},
        "pools": {},
        "strategies": {},
    }


def test_what_installed_packages_offer_is_found_by_its_name(own, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path / "site")
    (tmp_path / "site/their_al-2.1.dist-info").mkdir(parents=True)
    (tmp_path / "site/their_al.py").write_text(FIRST + "\n\ndef spread(start):\n    return range(start.size)\n")
    info = {
        "METADATA": "Metadata-Version: 2.1\nName: their-al\nVersion: 2.1\n",
        "entry_points.txt": "[nofreelunch.strategies]\ntheirs = their_al:select\n\n[nofreelunch.pools]\nspread = "
        "their_al:spread\n",
        "RECORD": "their_al.py,,\ntheir_al-2.1.dist-info/METADATA,,\n",
        "top_level.txt": "their_al\n",
    }
    for name, text in info.items():
        (tmp_path / "site/their_al-2.1.dist-info" / name).write_text(text)
    params = own.params(
        strategies={"theirs": {}, "late": {"strategy": "theirs", "last": True}},
        pools={"spread": {}},
        grid={"strategies": ["random", "theirs", "late"], "pools": ["random", "spread"]},
    )
    own.run(params)
    assert outside_files.account(params)["strategies"]["theirs"]["packages"] == {"their-al": "2.1"}
    assert {path.name for path in params.foreign["strategies"]["late"].files} == {"their_al.py", "METADATA"}
    assert acquired("late", ips="spread")[9:] == [*range(399, 387, -1)]
    with pytest.raises(ValueError, match=r"unknown query strategy 'thers'\..*Did you mean"):
        own.params(strategies={"thers": {}})


def test_the_farm_does_all_that_it_can_and_two_processes_give_the_bytes_of_one(own, grid, monkeypatch):
    params = grid(first=FIRST, bad=WRONG["raises"][0])
    Path("params.yaml").write_text(yaml.safe_dump(params.model_dump()))
    loaded = params_module.load()
    assert loaded.foreign == params.foreign
    monkeypatch.setenv("NOFREELUNCH_JOBS", "2")
    with pytest.raises(UserError, match="strategy 'bad' on own × vectors, pool 'random', seed 1, round 1"):
        Farm(loaded, ["own"], ["vectors"], Memo.default()).run()
    monkeypatch.setenv("NOFREELUNCH_JOBS", "1")
    sound = grid(first=FIRST)
    before = stored()
    own.run(sound, "initialize", "active_learn")
    assert stored() == before
    farmed = Path(layout.runs("own", "vectors")).read_bytes()
    monkeypatch.setenv("NOFREELUNCH_CACHE", "other")
    own.run(sound, "initialize", "active_learn")
    assert Path(layout.runs("own", "vectors")).read_bytes() == farmed


def test_links_and_digests_change_with_the_files_and_go_with_their_entries(own, grid):
    params = grid(pools=["low"], low=POOL, first=FIRST)
    assert outside_files.watch(params) == 2
    said = storage.read_json(layout.outside("strategies"))
    assert re.fullmatch("[0-9a-f]{64}", said["first"]["sha256"])
    assert {path.name: path.read_text() for path in layout.outside_links().iterdir()} == {
        "strategies.first.0": FIRST,
        "pools.low.0": POOL,
    }
    pools = layout.outside("pools").read_bytes()
    outside_files.watch(grid(pools=["low"], low=POOL, first=FIRST + "# other\n"))
    assert storage.read_json(layout.outside("strategies")) != said
    assert layout.outside("pools").read_bytes() == pools
    Path("first.py").unlink()
    outside_files.unwatch_lost()
    assert [path.name for path in layout.outside_links().iterdir()] == ["pools.low.0"]
    assert outside_files.watch(own.params()) == 0
    assert [path.name for path in layout.outside_links().iterdir()] == ["none"]
    assert storage.read_json(layout.outside("pools")) == {}


def test_params_name_code_from_outside_as_they_were_given(grid):
    dumped = grid(first=FIRST).model_dump(mode="json")
    assert dumped["strategies"]["first"] == {"from": "first.py", "last": False, "query_subset": None}
    assert Params.model_validate(dumped).foreign["strategies"]["first"].name == "select"


def test_a_head_from_outside_is_in_the_keys_of_all_runs_and_built_in_heads_stay_as_they_are(own, grid):
    own.run(own.params(), "initialize", "active_learn")
    before = stored()
    Path("head.py").write_text("from sklearn.linear_model import LogisticRegression as Head\n")
    by_path = {"kind": "sklearn", "estimator": "sklearn.linear_model.LogisticRegression", "options": {"C": 9.0}}
    for head in (by_path, {"kind": "sklearn", "estimator": "head.py"}):
        params = own.params(head=head)
        own.run(params, "active_learn")
        assert len(stored() - before) == 2
        before = stored()
        outside_files.watch(params)
    assert storage.read_json(layout.outside("head"))["sklearn"]["object"] == "Head"
    Path("head.py").write_text(
        "from sklearn.linear_model import RidgeClassifier as Other, LogisticRegression as Head\n"
    )
    own.run(own.params(head={"kind": "sklearn", "estimator": "head.py"}), "active_learn")
    assert len(stored() - before) == 2
    own.run(own.params(), "active_learn")
    assert len(stored() - before) == 2
