"""A few kills of a part of the tiny pipeline; `kills.py` does many of all of it."""

import random

import pytest
from kills import Counts, assert_like, kill_until_through, runs

pytestmark = pytest.mark.slow


def test_a_pipeline_that_is_killed_again_and_again_ends_as_if_it_had_not_been(fresh, undisturbed):
    counts = Counts()
    kill_until_through(fresh, counts, random.Random(1), undisturbed.seconds, 2 / 3, 3)
    assert counts.kills.total() >= 1
    assert counts.computed + counts.saved == runs(undisturbed.project) == 80
    assert_like(fresh.project, undisturbed.project)
