import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import yaml

from nofreelunch.evaluation.hypotheses import CLAIMS
from nofreelunch.report import page
from nofreelunch.report.citation import BIBTEX
from nofreelunch.report.figures.style import look, luminance, on_dark
from nofreelunch.report.findings import drawn_at_random, ranking
from nofreelunch.report.links import link
from nofreelunch.report.tables import rounded
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.tasks.spec import FilesTask


class Outline(HTMLParser):
    """Headings, ids, links and outside references of a page."""

    def __init__(self, text):
        super().__init__()
        self.headings, self.ids, self.links, self.outside = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a":
            self.links.append(found["href"])
        self.outside += [found[name] for name in ("src", "href") if name in found and found[name][:1] != "#"]


@pytest.fixture(scope="module")
def text(report):
    return report[3].read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def data(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S).group(1))


def test_nothing_in_the_page_leads_out_of_it(text):
    outline = Outline(text)
    assert outline.outside == ["data:,"]
    assert len(outline.ids) == len(set(outline.ids))
    inner = [address[1:] for address in outline.links if not address.startswith("#table/")]
    assert set(inner) <= set(outline.ids)
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(outline.headings, outline.headings[1:], strict=False))
    assert len(text) < 2_000_000


@pytest.mark.parametrize("nasty", ["</script><script>alert(1)</script>", "<!--", "a & b \u2028 \" '"])
def test_data_cannot_break_out_of_their_script(nasty):
    text = page.as_script_data({"name": nasty})
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text) == {"name": nasty}


def test_text_of_parameters_and_claims_is_escaped(report):
    params, tables, claims, _ = report
    nasty = "<img src=x onerror=alert(1)>"
    spec = params.embedders["minilm"].model_copy(update={"prompt": nasty})
    changed = params.model_copy(update={"embedders": {**params.embedders, "minilm": spec}})
    marked = [{**claim, "caveat": nasty} for claim in claims]
    text = page.render(changed, tables, marked)
    assert nasty not in text
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") == 1 + len(claims)


def test_curves_are_those_of_the_summary(report, data):
    table = report[1]["curves"].query(
        "metric == 'macro_f1' and dataset == 'docs_kind' and embedder == 'lsa' and ips == 'typiclust'"
        " and strategy == 'badge'"
    )
    mean, lo, hi = data["curves"]["value"]["macro_f1"]["docs_kind/lsa/typiclust"]["badge"]
    assert mean == pytest.approx((100 * table["mean"]).tolist(), abs=0.006)
    assert lo == pytest.approx((100 * table["lo"]).tolist(), abs=0.006)
    assert hi == pytest.approx((100 * table["hi"]).tolist(), abs=0.006)
    assert data["curves"]["labels"]["docs_kind"] == table["labels"].tolist()
    assert "random" not in data["curves"]["gain"]["accuracy"]["docs_kind/lsa/typiclust"]


def test_cells_are_those_of_the_summary_with_their_seen_flag(report, data):
    spec = data["tables"]["cells"]
    rows = [dict(zip([column["name"] for column in spec["columns"]], row, strict=True)) for row in spec["rows"]]
    assert len(rows) == 4 * 4 * 2 * 8
    row = next(
        row for row in rows if [*row.values()][:5] == ["docs_param", "nv_embed_v2", "unseen", "random", "margin"]
    )
    own = report[1]["aulc"].query(
        "metric == 'accuracy' and dataset == 'docs_param' and embedder == 'nv_embed_v2' and ips == 'random'"
    )
    means = own.groupby("strategy", observed=True)[["aulc", "final"]].mean()
    assert row["aulc"] == pytest.approx(100 * means.loc["margin", "aulc"], rel=1e-4)
    assert row["gain"] == pytest.approx(100 * (means.loc["margin", "aulc"] - means.loc["random", "aulc"]), rel=1e-3)
    assert data["seen"]["docs_param/nv_embed_v2"] == "no"


def test_every_claim_links_to_rows_that_are_there(data):
    for number, claim in enumerate(CLAIMS, 1):
        for source in claim.sources:
            address = link(source.table, **source.rows)
            name, _, query = address.removeprefix("#table/").partition("?")
            spec = data["tables"][name]
            places = {column["name"]: i for i, column in enumerate(spec["columns"])}
            wanted = dict(parse_qsl(query))
            rows = [
                row
                for row in spec["rows"]
                if all(row[places[key]] in value.split("|") for key, value in wanted.items())
            ]
            # No MTEB correlation without four embedders that have one.
            assert rows or number == 10, address


def test_it_is_cited_as_the_citation_file_has_it(text):
    cited = yaml.safe_load((Path(__file__).parents[2] / "CITATION.cff").read_text(encoding="utf-8"))
    study = cited["references"][0]
    names = [author["family-names"].replace("ß", "{\\ss}") for author in study["authors"]]
    for said in (cited["title"], cited["version"], cited["authors"][0]["name"], study["title"], study["url"]):
        assert f"{{{said}}}" in BIBTEX
    assert f"author  = {{{' and '.join(names)}}}" in BIBTEX
    assert f"year    = {{{study['year']}}}" in BIBTEX
    assert BIBTEX in html.unescape(text)


def test_claims_are_no_question_of_ones_own_texts(report, text):
    params, tables, claims, _ = report
    assert 'id="claims"' in text
    own = FilesTask(source="files", train_file="my.csv", text="text", label="label")
    changed = params.model_copy(update={"datasets": dict.fromkeys(params.datasets, own)})
    mine = page.render(changed, tables, claims)
    assert 'id="claims"' not in mine
    assert "claims of the paper" not in mine
    assert 'href="#claims"' not in mine
    mixed = params.model_copy(update={"datasets": params.datasets | {params.grid.datasets[0]: own}})
    assert 'id="claims"' in page.render(mixed, tables, claims)


def test_the_rankings_of_strategies_say_the_same_or_why_not(report):
    tables = report[1]
    said = ranking(tables)
    assert "By mean AULC" in said
    assert "random, then badge" in said
    first = tables["mean_ranks"].query("scope == 'all'").sort_values("mean_rank")["strategy"].iloc[0]
    other = tables["mean_ranks"].assign(mean_rank=-tables["mean_ranks"]["mean_rank"])
    worst = other.query("scope == 'all'").sort_values("mean_rank")["strategy"].iloc[0]
    assert f"{first} comes first" in said
    assert f"by mean rank over tasks {worst}".replace("_", " ") in ranking(tables | {"mean_ranks": other})


def test_what_was_drawn_at_random_is_said(report):
    table = report[1]["filled"]
    assert drawn_at_random(table) == ""
    some = table.assign(filled=(table["strategy"] == "badge") * 0.25)
    assert drawn_at_random(some) == "badge 25.0 %"


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [(0.0123, "gain", "+1.23"), (-0.5, "share", "−50.00"), (-0.123456, "number", "−0.123"), (None, "gain", "–")],
)
def test_estimates_of_claims_are_in_points(value, kind, text):
    assert page._quantity(value, kind) == text


def test_strategies_have_the_colours_of_the_figures(data):
    assert {entry["name"]: entry["light"] for entry in data["strategies"]} == {
        entry["name"]: look(entry["name"]).colour for entry in data["strategies"]
    }


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_colours_on_dark_ground_can_be_seen(strategy):
    def channels(colour):
        return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]

    lifted = on_dark(look(strategy).colour, page.DARK_GROUND)
    contrast = (luminance(channels(lifted)) + 0.05) / (luminance(channels(page.DARK_GROUND)) + 0.05)
    assert contrast > 3.9


def test_numbers_are_short_and_unknown_ones_are_null():
    assert [rounded(value) for value in (0.123456789, 1234567.0, 3.0, float("nan"), float("inf"))] == [
        0.12346,
        1234600,
        3,
        None,
        None,
    ]
