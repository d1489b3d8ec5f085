"""A grid without the random pool has no gain of pools and no rule to report, and a report all the same."""

import pytest
from reports import build


@pytest.mark.parametrize("pools", [["typiclust"], ["coreset"]])
def test_a_report_without_the_random_pool(tmp_path, pools):
    *_, page = build(
        tmp_path, rounds=3, pools=pools, datasets=["docs_kind", "docs_param"], embedders=["lsa", "minilm"], seeds=2
    )
    assert "the learned rule loses" not in page.read_text(encoding="utf-8")
