"""A report, and a browser to look at it."""

import browser as chromium
import pytest
from reports import build


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    return build(tmp_path_factory.mktemp("report"), embedders=["lsa", "minilm", "bert_base", "nv_embed_v2"])


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if chromium.CHROMIUM is None:
        pytest.skip("no Chromium here; on Debian: apt-get install chromium")
    opened = chromium.Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()
