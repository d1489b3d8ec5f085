from dataclasses import replace

import numpy as np
import pytest

from nofreelunch.base.errors import UserError
from nofreelunch.heads.kinds.knn import Trainer
from nofreelunch.selection.contract import again, blobs, build, typical, with_truth
from nofreelunch.selection.query import Query
from nofreelunch.selection.strategies import STRATEGIES, alfamix, oracle


def request(seed: int = 0) -> tuple[Query, np.ndarray]:
    features, labels = blobs(200, 12, 4, seed, spread=1.2)
    return build(features, labels, np.random.default_rng(seed).choice(200, 12, replace=False), 6, seed=seed), labels


@pytest.mark.parametrize("seed", range(3))
def test_takes_the_batch_whose_head_is_right_most_often(seed: int) -> None:
    query, labels = request(seed)
    rows = oracle.select(with_truth(query, labels), proposals=12)
    fresh = with_truth(again(query, seed), labels)
    worths = []
    for number in range(12):
        batch = oracle._propose(fresh, number, 6)
        head = fresh.refit(np.concatenate([query.labelled, batch]), labels[np.concatenate([query.labelled, batch])])
        p = head.probabilities(query.features)
        own = p[np.arange(200), labels].astype(np.float64)
        worths.append(((p.argmax(axis=1) == labels).sum(), np.log(np.maximum(own, 1e-7)).mean(), tuple(batch)))
    assert tuple(rows) == max(worths, key=lambda worth: worth[:2])[2]


def test_the_first_proposals_are_what_the_others_would_pick() -> None:
    query, labels = request()
    first = [oracle._propose(with_truth(query, labels), number, 6) for number in range(5)]
    for number, name in ((1, "margin"), (4, "coreset")):
        assert first[number].tolist() == STRATEGIES[name].select(again(query)).tolist()


def test_other_labels_make_other_picks() -> None:
    query, labels = request()
    others = [np.random.default_rng(seed).permutation(labels) for seed in range(6)]
    picks = {tuple(oracle.select(with_truth(again(query), truth))) for truth in (labels, *others)}
    assert len(picks) > 1


def test_what_needs_a_linear_head_says_so() -> None:
    query = typical()
    trainer = Trainer(query.geometry.rows, 5, neighbours=3, weights="uniform", smoothing=0.0)
    head = trainer.learner(np.random.default_rng(0)).fit(query.labelled, query.labels)
    with pytest.raises(UserError, match="alfamix needs a linear head"):
        alfamix.select(replace(query, head=head))
