import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from nofreelunch.heads.scaling import scale
from nofreelunch.query import Strategy
from nofreelunch.simulation import Cell, Run, probe, simulate
from nofreelunch.strategies import STRATEGIES

CLASSES = 4


def make_cell(n=300, m=200, d=12, seed=0, dataset="toy"):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(CLASSES, d)) * 1.5
    labels = np.concatenate([np.arange(CLASSES), rng.integers(CLASSES, size=n + m - CLASSES)])
    features = centres[labels] + rng.normal(size=(n + m, d))
    pool, test = scale(features[:n], features[n:], "unit")
    return Cell.of(dataset, "blobs", pool, test, labels[n:], CLASSES, 10.0), labels[:n]


def make_run(name="margin", seed=0, batch=10, rounds=4, initial=20, entry: Strategy | None = None, n=300):
    entry = entry or STRATEGIES[name]
    rows = np.random.default_rng(seed).permutation(n)[:initial]
    return Run("random", name, seed, rows, entry.select, {}, entry.uses_head, batch, rounds)


def same(one, other):
    return all(np.array_equal(getattr(one, f), getattr(other, f)) for f in ("acquired", "labels", "metrics"))


def test_equals_a_textbook_loop_with_scikit_learn():
    cell, labels = make_cell()
    run = make_run("margin")
    (curve,) = simulate(cell, lambda rows: labels[rows], [run])

    labelled = run.initial.tolist()
    for number in range(run.rounds + 1):
        model = LogisticRegression(C=cell.C, tol=1e-8, max_iter=10_000)
        model.fit(cell.pool[labelled].astype(float), labels[labelled])
        assert curve.metrics[number, 0] == pytest.approx(model.score(cell.test, cell.test_labels), abs=0.006)
        p = np.sort(model.predict_proba(cell.pool.astype(float)), axis=1)
        margins = p[:, -1] - p[:, -2]
        margins[labelled] = np.inf
        if number < run.rounds:
            picks = curve.acquired[len(labelled) : len(labelled) + run.batch]
            assert set(picks) == set(np.argsort(margins)[: run.batch])
            labelled += picks.tolist()


def test_a_run_is_bit_for_bit_the_same_alone_and_in_any_company_and_order():
    cell, labels = make_cell()
    runs = [make_run(name, seed) for name in STRATEGIES for seed in (0, 1)]
    together = simulate(cell, lambda rows: labels[rows], runs)
    backwards = simulate(cell, lambda rows: labels[rows], runs[::-1])[::-1]
    for run, curve, other in zip(runs, together, backwards, strict=True):
        (alone,) = simulate(cell, lambda rows: labels[rows], [run])
        assert same(curve, alone)
        assert same(curve, other)


def test_hidden_labels_and_test_rows_cannot_change_the_picks():
    cell, labels = make_cell()
    runs = [make_run(name) for name in STRATEGIES]
    curves = simulate(cell, lambda rows: labels[rows], runs)
    other_cell = Cell.of("toy", "blobs", cell.pool, cell.test[::-1] * 3, 1 - cell.test_labels % 2, CLASSES, cell.C)
    for run, curve in zip(runs, curves, strict=True):
        poisoned = np.where(np.isin(np.arange(len(labels)), curve.acquired), labels, (labels + 1) % CLASSES)
        (again,) = simulate(other_cell, lambda rows, known=poisoned: known[rows], [run])
        np.testing.assert_array_equal(again.acquired, curve.acquired)


def test_the_annotator_is_asked_only_for_what_was_picked():
    cell, labels = make_cell()
    asked = []

    def annotate(rows):
        asked.extend(rows.tolist())
        return labels[rows]

    (curve,) = simulate(cell, annotate, [make_run("badge")])
    assert asked == curve.acquired.tolist()
    assert len(set(asked)) == len(asked)


def test_a_used_up_pool_ends_a_run_early_and_its_company_goes_on():
    cell, labels = make_cell(n=60)
    short, long = make_run("margin", batch=25, rounds=9, n=60), make_run("random", batch=4, rounds=9, n=60)
    ended, whole = simulate(cell, lambda rows: labels[rows], [short, long])
    assert ended.labels.tolist() == [20, 45, 60]
    assert sorted(ended.acquired) == list(range(60))
    assert whole.labels.tolist() == [20 + 4 * i for i in range(10)]


def test_classes_missing_at_the_start_are_learned_when_they_turn_up():
    cell, labels = make_cell()
    initial = np.flatnonzero(labels == 2)[:5]
    run = make_run("random", batch=40)
    run = Run(**{**vars(run), "initial": initial})
    (curve,) = simulate(cell, lambda rows: labels[rows], [run])
    assert curve.classes_seen[0] == 1
    assert curve.classes_seen[-1] == CLASSES
    assert curve.metrics[0, 0] == pytest.approx(np.mean(cell.test_labels == 2))


def test_probe_fits_the_whole_pool():
    cell, labels = make_cell()
    model = LogisticRegression(C=cell.C, tol=1e-8, max_iter=10_000).fit(cell.pool.astype(float), labels)
    assert probe(cell, labels)["accuracy"] == pytest.approx(model.score(cell.test, cell.test_labels), abs=0.006)
