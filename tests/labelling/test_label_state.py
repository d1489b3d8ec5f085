from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.labelling.batch import Way, next_batch
from nofreelunch.labelling.state import OPEN, SKIPPED, LabelState, places
from nofreelunch.selection.contract import blobs
from nofreelunch.selection.pools import POOLS
from nofreelunch.selection.strategies import STRATEGIES

RANDOM, TYPICLUST = Way("random", POOLS["random"]), Way("typiclust", POOLS["typiclust"])


def query(name):
    return Way(name, STRATEGIES[name].select)


def state(labels, order, share=0.5, classes=3, **more):
    features = blobs(len(labels), 8, 3)[0]
    labels = np.array(labels, np.int64)
    given = {"batch": np.where(labels >= 0, 0, -1), "head": LogisticSpec()} | more
    return LabelState(features, labels, classes, np.array(order), share, **given)


def pool(n=120, labelled=40, share=0.3, seed=0):
    features, truth = blobs(n, 8, 3, seed)
    labels = np.full(n, OPEN)
    order = places([f"text {i}" for i in range(n)], seed)
    labels[np.random.default_rng(seed).permutation(np.flatnonzero(order >= share))[:labelled]] = 0
    labels[np.argsort(order)[:12]] = 0
    labels = np.where(labels == 0, truth, labels)
    return LabelState(features, labels, 3, order, share, np.where(labels >= 0, 0, -1), LogisticSpec())


def test_the_audit_is_what_is_answered_of_the_reserve_up_to_the_first_gap():
    found = state([0, OPEN, 1, SKIPPED, 2, OPEN, 1], [0.3, 0.4, 0.1, 0.2, 0.45, 0.9, 0.6])
    assert found.reserve.tolist() == [True, True, True, True, True, False, False]
    assert found.audited.tolist() == [2, 0]
    assert found.chosen.tolist() == [4, 6]
    assert found.known.tolist() == [6]
    assert found.labelled.tolist() == [0, 2, 4, 6]
    assert found.next_audit(5).tolist() == [1]
    assert found.population == 6


def test_labelled_texts_stand_by_batch():
    found = state([0, 1, 2, OPEN], [0.9] * 4, batch=np.array([2, 0, 1, -1]))
    assert found.labelled.tolist() == [1, 2, 0]


def test_places_are_uniform_and_belong_to_the_text_and_the_seed():
    texts = [f"text {i}" for i in range(5000)]
    found = places(texts, 0)
    assert places(["new", *texts], 0)[1:].tolist() == found.tolist()
    assert not np.array_equal(places(texts, 1), found)
    counts = np.histogram(found, 10, (0, 1))[0]
    assert abs(counts - 500).max() < 100
    assert places(["Grüße, 東京, \ud800"], 0).shape == (1,)


def test_held_out_predictions_do_not_depend_on_the_answer_they_are_for():
    one = replace(pool(), head=LogisticSpec(C=10.0))
    for position, row in enumerate(one.audited):
        labels = one.labels.copy()
        labels[row] = (labels[row] + 1) % 3
        other = replace(one, labels=labels, head=LogisticSpec(C=10.0))
        assert np.array_equal(other.held_out[position], one.held_out[position])


def test_nothing_else_labelled_gives_no_opinion():
    found = state([1, OPEN, OPEN], [0.1, 0.2, 0.9])
    assert found.held_out.tolist() == [[pytest.approx(1 / 3)] * 3]


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != "oracle"])
def test_a_batch_is_audit_texts_in_order_then_open_texts_outside_the_reserve(strategy):
    found = pool()
    batch = next_batch(found, 20, 5, TYPICLUST, query(strategy))
    assert batch.rows[:5].tolist() == found.next_audit(5).tolist()
    assert len(set(batch.rows.tolist())) == len(batch.rows) == len(batch.why) == 20
    assert (found.labels[batch.rows] == OPEN).all()
    assert not found.reserve[batch.rows[5:]].any()
    assert [why.kind for why in batch.why[:5]] == ["audit"] * 5
    again = next_batch(pool(), 20, 5, TYPICLUST, query(strategy))
    assert np.array_equal(again.rows, batch.rows)


@given(st.integers(0, 11), st.integers(0, 2), st.sampled_from(["margin", "badge", "entropy"]))
def test_answers_of_the_audit_decide_nothing_that_is_chosen(place, label, strategy):
    found = pool()
    labels = found.labels.copy()
    labels[found.audited[place]] = label
    other = replace(found, labels=labels)
    assert np.array_equal(
        next_batch(other, 15, 5, RANDOM, query(strategy)).rows, next_batch(found, 15, 5, RANDOM, query(strategy)).rows
    )


@pytest.mark.parametrize("start", ["random", "typiclust"])
def test_a_start_knows_nothing(start):
    found = state([OPEN] * 30, np.linspace(0, 0.99, 30), share=0.2)
    batch = next_batch(found, 10, 2, Way(start, POOLS[start]), query("badge"))
    assert batch.rows[:2].tolist() == [0, 1]
    assert (batch.rows[2:] >= 6).all()
    assert batch.why[2].kind == ("random" if start == "random" else "start")


def test_the_last_texts_are_handed_out_and_then_none():
    found = state([0, 1, OPEN, OPEN], [0.9, 0.8, 0.1, 0.7])
    assert sorted(next_batch(found, 50, 10, RANDOM, query("badge")).rows.tolist()) == [2, 3]
    few = state([0, 1, OPEN, OPEN, OPEN, OPEN], [0.9, 0.8, 0.1, 0.2, 0.3, 0.7])
    assert next_batch(few, 3, 1, RANDOM, query("badge")).rows.tolist() == [2, 3, 5]
    done = replace(found, labels=np.array([0, 1, 2, SKIPPED]))
    assert next_batch(done, 50, 10, RANDOM, query("badge")).rows.tolist() == []


def test_a_batch_may_aim_at_a_class():
    found = pool(n=300, labelled=60)
    truth = blobs(300, 8, 3, 0)[1]
    aimed = next_batch(found, 20, 0, RANDOM, query("badge"), aim=1)
    assert {why.kind for why in aimed.why} == {"aimed"}
    open_ = (found.labels == OPEN) & ~found.reserve
    assert (truth[aimed.rows] == 1).mean() > (truth[open_] == 1).mean()


def test_reasons_are_what_can_be_seen():
    features = np.array([[1, 0], [0, 1], [0.7, 0.714], [0.999, 0.04], [-1, 0], [0.99, 0.1]], np.float32)
    found = LabelState(
        features,
        np.array([0, 1, OPEN, OPEN, OPEN, OPEN]),
        2,
        np.full(6, 0.9),
        0.0,
        np.array([0, 0, -1, -1, -1, -1]),
        LogisticSpec(C=1000.0),
    )
    batch = next_batch(found, 4, 0, RANDOM, query("margin"))
    why = dict(zip(batch.rows.tolist(), batch.why, strict=True))
    assert why[2].kind == "undecided"
    assert set(why[2].classes) == {0, 1}
    assert why[4].kind == "far"
    assert why[3].kind == "chosen"
    assert why[3].words(["a", "b"], "margin") == "chosen by margin"
    assert why[2].words(["a", "b"], "margin") in ("undecided between a and b", "undecided between b and a")
