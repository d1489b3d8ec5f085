"""The runs of one cell from files: heads, annotator noise and the oracle as params.yaml asks for them."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from nofreelunch.base import layout, storage
from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo
from nofreelunch.cells import experiment
from nofreelunch.cells.cell_files import read_data
from nofreelunch.cells.experiment import active_learn
from nofreelunch.cells.initial_pools import initial_pools
from nofreelunch.heads import cross_validation, softmax
from nofreelunch.params import Params
from nofreelunch.tasks.labels import write_labels

CLASSES = 3


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The tables of a small cell under the shipped params.yaml with some sections changed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOFREELUNCH_JOBS", "1")
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=500)
    features = (0.6 * rng.normal(size=(CLASSES, 10))[labels] + rng.normal(size=(500, 10))).astype(np.float32)
    for split, part in (("train", slice(0, 200)), ("test", slice(200, 500))):
        texts = [f"text {i}" for i in range(500)[part]]
        storage.write_table(layout.task_split("toy", split), {"text": texts, "label": labels[part]})
        storage.write_npy(layout.embedding("toy", "blobs", split), features[part])
    storage.write_json(layout.task_card("toy"), {"classes": [str(c) for c in range(CLASSES)]})
    write_labels("toy", "blobs", labels[:200], labels[200:])
    shipped = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())

    def tables(**sections):
        content = shipped | {
            "grid": {
                "datasets": ["toy"],
                "embedders": ["blobs"],
                "pools": ["random"],
                "strategies": sections.pop("strategies", ["random", "margin"]),
                "seeds": 2,
            },
            "focus": {"embedder": "blobs"},
            "budget": shipped["budget"] | {"track": "custom", "custom": {"initial": 12, "batch": 8, "rounds": 3}},
            "datasets": {"toy": {"source": "docs", "task": "kind", "train": 200, "test": 300}},
            "embedders": {"blobs": {"kind": "lsa", "dim": 10}},
        }
        content["strategies"] = shipped["strategies"] | sections.pop("strategies_section", {})
        content |= {key: value for key, value in sections.items() if value is not None}
        for key, value in sections.items():
            if value is None:
                del content[key]
        params = Params.model_validate(content)
        memo, data = Memo(tmp_path / "memo"), read_data("toy", "blobs")
        pools = initial_pools(params, "toy", "blobs", data.pool, data.class_count, memo)
        storage.write_table(layout.pools("toy", "blobs"), pools)
        return active_learn(params, "toy", "blobs", data, memo)

    return tables


def column(results, name, **keys):
    rows = np.ones(len(results.runs["round"]), bool)
    for key, value in keys.items():
        rows &= np.array(results.runs[key]) == value
    return np.array(results.runs[name])[rows]


def test_without_noise_nothing_changes_by_a_byte(run):
    before, after = run(annotator=None), run(annotator={"noise": "none"})
    assert after.computed == 0
    zero = run(annotator={"noise": "symmetric", "rate": 0.0})
    assert zero.computed == zero.total
    for table in ("runs", "acquired"):
        for name, values in getattr(before, table).items():
            np.testing.assert_array_equal(values, getattr(after, table)[name])
            np.testing.assert_array_equal(values, getattr(zero, table)[name])


def test_noise_is_the_same_for_every_strategy_and_reaches_no_test_label(run):
    clean, noisy = run(), run(annotator={"noise": "next", "rate": 1.0})
    for seed in range(2):
        starts = [column(noisy, "nll", strategy=name, seed=seed, round=0) for name in ("random", "margin")]
        np.testing.assert_array_equal(*starts)
    # All that the learner hears is wrong, in a pattern it learns: it is right on what it never was told.
    assert column(clean, "accuracy", round=3).min() > 0.6
    assert column(noisy, "accuracy", round=3).max() < 0.2
    assert noisy.probe == clean.probe


def test_rates_for_other_classes_stop_with_their_reason(run):
    with pytest.raises(UserError, match=r"annotator\.rates is for 2 classes, but the task has 3"):
        run(annotator={"noise": "per_class", "rates": [0.1, 0.2]})


@pytest.mark.parametrize("kind", ["mlp", "knn", "lda", "ridge"])
def test_every_head_runs_and_learns(run, kind):
    results = run(head={"kind": kind}, strategies=["random", "margin", "badge", "bait", "dropquery"])
    assert column(results, "accuracy", round=3).mean() > 0.75
    assert results.probe["accuracy"] > 0.6


def test_the_oracle_runs_beside_the_others(run):
    results = run(strategies=["random", "oracle"])
    oracle, random = (column(results, "accuracy", strategy=name).mean() for name in ("oracle", "random"))
    assert oracle > random - 0.02


def test_what_a_device_computed_is_kept_apart_from_what_the_cpu_did(run, monkeypatch):
    here = run()
    monkeypatch.setenv("NOFREELUNCH_DEVICE", "torch")
    there = run()
    assert there.computed == there.total
    np.testing.assert_array_equal(here.acquired["row"], there.acquired["row"])
    assert run().computed == 0
    monkeypatch.setenv("NOFREELUNCH_DEVICE", "cpu")
    assert run().computed == 0


def test_the_bits_of_every_round_are_its_accuracy(run):
    results = run()
    bits = np.unpackbits(results.correct, axis=1, count=300)
    assert len(bits) == len(results.runs["round"]) + 2
    np.testing.assert_allclose(bits[:-2].mean(axis=1), results.runs["accuracy"])
    assert bits[-2].mean() == pytest.approx(results.probe["accuracy"])
    assert bits[-1].mean() == pytest.approx(results.probe["chance"]["accuracy"])
    assert results.probe["test_rows"] == 300
    assert results.probe["chance"]["balanced_accuracy"] == pytest.approx(1 / CLASSES)
    again = run()
    assert again.computed == 0
    np.testing.assert_array_equal(again.correct, results.correct)


def test_the_chosen_c_stands_beside_the_curves_and_in_the_probe(run):
    results = run(head={"kind": "logistic", "C": "cv"})
    chosen = column(results, "C", round=3)
    assert np.isin(chosen, cross_validation.GRID).all()
    assert results.probe["C"] in cross_validation.GRID
    assert np.isnan(column(run(head={"kind": "lda"}), "C")).all()
    assert "C" not in run(head={"kind": "lda"}).probe
    assert (column(run(head={"kind": "logistic", "C": 7.0}), "C") == 7.0).all()


def test_fits_that_stop_without_converging_are_counted(run, monkeypatch):
    head = {"kind": "logistic", "C": "cv"}
    assert run(head=head).unconverged == 0
    monkeypatch.setattr(softmax, "MAX_ITERATIONS", 2)
    cut = run(head=head | {"intercept": "none"})
    assert cut.unconverged == len(cut.runs["round"]) + 1
    assert not np.any(cut.seconds["converged"])
    assert np.all(cut.seconds["iterations"] == 2)
    assert np.all(cut.seconds["gradient_norm"] > 0)


def test_rows_drawn_for_want_of_better_are_counted(run):
    results = run(
        strategies=["random", "margin", "alfamix", "sure"],
        strategies_section={"alfamix": {"epsilon": 1e-6}, "sure": {"strategy": "alfamix", "epsilon": 50.0}},
    )
    # No row flips by so short a step, and every one by so long a step.
    assert column(results, "filled", strategy="alfamix", seed=0).tolist() == [0, 8, 8, 8]
    assert results.filled() == {"alfamix": 1.0}
    assert not column(results, "filled", strategy="random").any()


def test_two_variants_of_a_strategy_stand_side_by_side(run):
    variants = {
        "strict": {"strategy": "bait", "regularisation": 100.0},
        "few": {"strategy": "bait", "query_subset": 20},
    }
    results = run(strategies=["random", "bait", "strict", "few"], strategies_section=variants)
    picks = {
        name: tuple(np.array(results.acquired["row"])[np.array(results.acquired["strategy"]) == name])
        for name in ("bait", "strict", "few")
    }
    assert len(set(picks.values())) == 3
    again = run(strategies=["random", "strict"], strategies_section=variants)
    assert again.computed == 0


def test_the_runs_of_one_strategy_and_seed_are_kept_as_soon_as_they_are_done(run, monkeypatch):
    kept = []
    save = Memo.save_all
    monkeypatch.setattr(Memo, "save_all", lambda self, entries: (kept.append(len(entries)), save(self, entries)))
    results = run(strategies=["random", "margin"])
    # One entry after the other: the pools, the probe, and each run.
    assert results.computed == 4
    assert max(kept[-5:]) == 1


@pytest.mark.parametrize(("name", "sizes"), [("cpu", [1] * 4), ("torch", [2] * 2)])
def test_runs_of_all_seeds_advance_together_on_a_device(name, sizes, run, monkeypatch):
    blocks = []
    simulate = experiment.simulate

    def noted(cell, annotate, runs, truth=None):
        blocks.append({one.strategy for one in runs})
        assert len({(one.seed, one.ips) for one in runs}) == len(runs)
        together.append(len(runs))
        return simulate(cell, annotate, runs, truth=truth)

    together: list[int] = []
    monkeypatch.setattr(experiment, "simulate", noted)
    monkeypatch.setenv("NOFREELUNCH_DEVICE", name)
    run()
    assert together == sizes
    assert all(len(strategies) == 1 for strategies in blocks)
