"""A few kills of a part of the tiny pipeline; `kills.py` does many of all of it."""

import math
import random

import pytest
from kills import Counts, Pipeline, assert_like, kill_until_through, of_a_grid, runs

pytestmark = pytest.mark.slow
TARGET = "active_learn@docs_library-hashing"


def test_a_pipeline_that_is_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path):
    whole = Pipeline(of_a_grid(tmp_path / "undisturbed", {}), TARGET)
    whole.run(lambda _: math.inf)
    undisturbed = whole.project
    pipeline, counts = Pipeline(of_a_grid(tmp_path / "killed", {}), TARGET), Counts()
    kill_until_through(pipeline, counts, random.Random(1), whole.seconds, 2 / 3, 3)
    assert counts.kills.total() >= 1
    assert counts.computed + counts.saved == runs(undisturbed) == 8
    assert_like(pipeline.project, undisturbed)
