"""A grid without the random pool has no gain of pools, and a report all the same."""

import pytest
from reports import build


@pytest.mark.parametrize(("pool", "recommends"), [("typiclust", True), ("coreset", False)])
def test_a_report_without_the_random_pool(tmp_path, pool, recommends):
    *_, page = build(
        tmp_path, rounds=3, pools=[pool], datasets=["docs_kind", "docs_param"], embedders=["lsa", "minilm"], seeds=2
    )
    text = page.read_text(encoding="utf-8")
    assert ('<p class="value">typiclust, then badge</p>' in text) == recommends
    assert ("Nothing is recommended" in text) != recommends
