import csv
import io
import json

import pytest
from reports import build

from nofreelunch.evaluation.hypotheses import CLAIMS

CHART = "#curves-view svg[role=img]"


def count(browser, selector):
    return browser.run(f"document.querySelectorAll({selector!r}).length")


def texts(browser, selector):
    return browser.run(f"[...document.querySelectorAll({selector!r})].map((e) => e.textContent)")


def shown(browser, selector):
    return browser.run(f"document.querySelector({selector!r}).textContent")


@pytest.fixture
def opened(browser, report):
    browser.open(report[3])
    yield browser
    assert browser.problems == []
    assert browser.requests == [report[3].as_uri()]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_loads_without_errors_asks_for_nothing_and_fits_the_window(browser, report, width, theme):
    browser.open(report[3], width, theme=theme)
    assert browser.problems == []
    assert browser.requests == [report[3].as_uri()]
    assert browser.run("document.documentElement.scrollWidth") == width
    assert count(browser, f"{CHART} .curve") == 8
    ground = browser.run("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 29)"}[theme]
    nameless = "[...document.querySelectorAll('svg[role=img]')].filter((e) => !e.getAttribute('aria-label')).length"
    assert browser.run(nameless) == 0
    assert browser.run("[...document.querySelectorAll('select')].every((e) => e.closest('label'))")


def test_each_claim_leads_from_verdict_to_numbers_in_two_clicks(opened, report):
    for claim in report[2]:
        if not CLAIMS[claim["number"] - 1].sources:
            continue
        opened.run("location.hash = ''")
        opened.click(f"#claim-{claim['number']} summary")
        assert opened.run(f"document.querySelector('#claim-{claim['number']}').open")
        opened.click(f"#claim-{claim['number']} .evidence a")
        address = opened.run("location.hash")
        assert address.startswith("#table/")
        assert opened.run("document.activeElement === document.querySelector('#tables-view h3')")
        rows = count(opened, "#tables-view tbody tr")
        assert rows > 0
        if "?" in address:
            key, value = address.partition("?")[2].split("&")[0].split("=")
            assert set(texts(opened, f"#tables-view td[data-column={key}]")) <= set(
                value.replace("%7C", "|").split("|")
            )


def test_curves_follow_task_embedder_pool_metric_and_view(opened, report):
    table = report[1]["differences"].query(
        "metric == 'macro_f1' and dataset == 'docs_kind' and embedder == 'lsa' and ips == 'typiclust'"
    )
    for number, value in enumerate(["docs_kind", "lsa", "typiclust", "macro_f1", "gain"], 1):
        opened.choose(f"#curves-view .controls label:nth-child({number}) select", value)
    assert count(opened, f"{CHART} .curve") == 7
    last = table[table["labels"] == table["labels"].max()].set_index("strategy")["mean"]
    shown_last = texts(opened, "#curves-view details tr:last-child td")
    assert [float(text.replace("−", "-")) for text in shown_last] == pytest.approx((100 * last).tolist(), abs=0.006)


def test_a_strategy_is_hidden_and_shown_by_click_and_by_key(opened):
    button = "#curves-view .legend button[data-strategy=margin]"
    opened.click(button)
    assert count(opened, f"{CHART} .curve[data-line=margin]") == 0
    assert opened.run(f"document.querySelector({button!r}).getAttribute('aria-pressed')") == "false"
    opened.press("Enter")
    assert count(opened, f"{CHART} .curve[data-line=margin]") == 1


def test_intervals_can_be_left_out(opened):
    assert count(opened, f"{CHART} .band") == 8
    opened.click("#curves-view .check input")
    assert count(opened, f"{CHART} .band") == 0
    assert count(opened, f"{CHART} .curve") == 8


def test_hovering_and_arrow_keys_show_the_numbers_of_a_round(opened, report):
    x, y = opened.place(CHART)
    opened.move(x, y)
    opened.settle()
    assert shown(opened, "#curves-view .tip strong") == "400 labels"
    assert count(opened, "#curves-view .tip tr") == 8
    opened.run(f"document.querySelector('{CHART}').focus()")
    opened.press("Escape")
    assert opened.run("document.querySelector('#curves-view .tip').hidden")
    opened.press("ArrowLeft")
    assert shown(opened, "#curves-view .tip strong") == "700 labels"
    table = report[1]["curves"].query(
        "metric == 'accuracy' and dataset == 'docs_library' and embedder == 'nv_embed_v2' and ips == 'random'"
    )
    best = table[table["labels"] == 700].set_index("strategy")["mean"]
    assert shown(opened, "#announcer").startswith(f"700 labels: {best.idxmax()} {100 * best.max():.1f}")


def test_tables_sort_by_their_headings_and_filter(opened):
    opened.run("location.hash = '#table/cells'")
    opened.settle()

    def column(name):
        return [float(text.replace("−", "-")) for text in texts(opened, f"#tables-view td[data-column={name}]")]

    heading = "#tables-view thead th[data-column=aulc]"
    opened.click(f"{heading} button")
    assert opened.run(f"document.querySelector({heading!r}).getAttribute('aria-sort')") == "descending"
    assert column("aulc") == sorted(column("aulc"), reverse=True)
    opened.press("Enter")
    assert column("aulc") == sorted(column("aulc"))
    opened.click("#tables-view .more")
    assert count(opened, "#tables-view tbody tr") == 4 * 4 * 2 * 8
    opened.choose("#tables-view .table-view label:nth-child(2) select", "lsa")
    assert set(texts(opened, "#tables-view td[data-column=embedder]")) == {"lsa"}


def test_a_cell_of_the_overview_leads_to_its_curves(opened):
    opened.click("#overview-view tbody tr:nth-child(2) td:nth-of-type(6) button")
    chosen = opened.run("[...document.querySelectorAll('#curves-view select')].map((e) => e.value)")
    assert [*chosen[:3], chosen[5]] == ["docs_module", "minilm", "random", "margin"]
    wide = f"[...document.querySelectorAll('{CHART} .curve')].filter((e) => e.getAttribute('stroke-opacity') === '1')"
    assert opened.run(f"{wide}.map((e) => e.dataset.line)") == ["margin"]
    assert opened.run(f"document.activeElement === document.querySelector('{CHART}')")


def test_the_theme_can_be_switched_and_lines_change_with_it(opened):
    stroke = f"document.querySelector('{CHART} .curve[data-line=margin]').getAttribute('stroke')"
    light = opened.run(stroke)
    opened.click("#theme")
    assert opened.run("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 29)"
    assert opened.run(stroke) != light
    assert shown(opened, "#theme") == "Light"


def test_points_of_the_scatter_plot_can_be_walked_by_keys(opened):
    opened.run("document.querySelector('#scatter-view svg').focus()")
    opened.press("ArrowRight")
    assert "gain" in shown(opened, "#scatter-view .tip")
    opened.choose("#scatter-view label:nth-child(1) select", "strategy_gain.margin")
    opened.choose("#scatter-view label:nth-child(2) select", "hubness")
    assert "hubness" in opened.run("document.querySelector('#scatter-view svg').getAttribute('aria-label')")


def test_embedders_are_lines_and_a_table_that_sorts(opened, report):
    lines = "#embedders-view svg[role=img] .curve"
    order = [str(name) for name in report[1]["embedders"]["embedder"]]
    assert sorted(opened.run(f"[...document.querySelectorAll('{lines}')].map((e) => e.dataset.line)")) == sorted(order)
    assert texts(opened, "#embedders td[data-column=embedder]") == [name.replace("_", " ") for name in order]
    opened.choose("#embedders-view label:nth-child(1) select", "docs_kind")
    opened.choose("#embedders-view label:nth-child(2) select", "typiclust")
    opened.choose("#embedders-view label:nth-child(3) select", "margin")
    opened.run("document.querySelector('#embedders-view svg[role=img]').focus()")
    opened.press("ArrowLeft")
    cells = "metric == 'accuracy' and dataset == 'docs_kind' and ips == 'typiclust' and strategy == 'margin'"
    table = report[1]["curves"].query(f"{cells} and labels == 700")
    best = table.set_index("embedder")["mean"]
    said = f"{best.idxmax().replace('_', ' ')} {100 * best.max():.1f}"
    assert shown(opened, "#announcer").startswith(f"700 labels: {said}")
    opened.click("#embedders th[data-column=mteb] button")
    found = texts(opened, "#embedders td[data-column=mteb]")
    known = [float(text) for text in found if text != "–"]
    assert known == sorted(known, reverse=True)


VIEWS = {
    "curves": {"task": "docs_param", "embedder": "lsa", "show": "gain", "bold": "badge", "hidden": "coreset"},
    "embedders": {"task": "docs_kind", "strategy": "badge", "metric": "macro_f1"},
    "overview": {"shown": "rank", "pool": "typiclust"},
    "embeddings": {"source": "strategy_gain.margin", "measure": "hubness"},
}


@pytest.mark.parametrize("view", VIEWS)
def test_an_address_opens_a_view_as_it_was_set(opened, report, view):
    query = "&".join(f"{key}={value}" for key, value in VIEWS[view].items())
    opened.open(report[3], fragment=f"{view}?{query}")
    chosen = opened.run(f"[...document.querySelectorAll('#{view} .controls select')].map((e) => e.value)")
    assert {value for key, value in VIEWS[view].items() if key != "hidden"} <= set(chosen)
    link = opened.run(f"document.querySelector('#{view} .view-link').getAttribute('href')")
    opened.choose(f"#{view} .controls select", opened.run(f"document.querySelector('#{view} select').options[0].value"))
    assert opened.run("location.hash").startswith(f"#{view}?")
    assert link.startswith(f"#{view}?")
    if view == "curves":
        assert count(opened, f"{CHART} .curve[data-line=coreset]") == 0


# The bar of sections that stays above.
UNDER_THE_BAR = (50, 70)


def top(browser, selector):
    return browser.run(f"document.querySelector({selector!r}).getBoundingClientRect().top")


@pytest.mark.parametrize("width", [1280, 390])
def test_an_address_leads_to_its_place_also_where_the_page_is_opened_by_it(browser, report, width):
    browser.open(report[3], width)
    links = browser.run("[...new Set([...document.querySelectorAll('a[href^=\"#\"]')].map((a) => a.hash.slice(1)))]")
    assert len({link.partition("?")[0] for link in links}) > 20
    seen = set()
    for link in links:
        name = link.partition("?")[0]
        if name in seen or name == "main":
            continue
        seen.add(name)
        browser.open(report[3], width, fragment=link)
        browser.settle()
        place = "#tables-view h3" if name.startswith("table/") else f"#{name}"
        low = browser.run("innerHeight + scrollY >= document.documentElement.scrollHeight - 1")
        assert UNDER_THE_BAR[0] <= top(browser, place) <= UNDER_THE_BAR[1] or low, link
        assert browser.problems == []
        if name.startswith("table/"):
            assert browser.run("document.querySelector('#tables-view select').value") == name.partition("/")[2]
            kept = browser.run("document.querySelector('#tables-view .view-link').hash.slice(1)")
            assert sorted(kept.split("&")) == sorted(link.split("&"))


def test_back_and_forward_lead_through_views_and_tables_as_they_were_set(opened):
    def hash_is(start):
        opened.wait(f"location.hash.startsWith({start!r})")
        opened.settle()

    opened.choose("#overview-view .controls select", "regret")
    opened.click("#overview-view tbody tr:nth-child(2) td:nth-of-type(6) button")
    assert opened.run("location.hash").startswith("#curves?task=docs_module&embedder=minilm")
    opened.click("#answers a")
    table = opened.run("location.hash")
    assert table.startswith("#table/cells?embedder=")
    opened.choose("#tables-view .table-view label:nth-child(1) select", "docs_kind")
    chosen = opened.run("location.hash")
    assert "dataset=docs_kind" in chosen
    opened.run("history.back()")
    hash_is("#curves?task=docs_module")
    assert UNDER_THE_BAR[0] <= top(opened, "#curves") <= UNDER_THE_BAR[1]
    opened.run("history.back()")
    hash_is("#overview?shown=regret")
    assert opened.run("document.querySelector('#overview-view select').value") == "regret"
    opened.run("history.go(2)")
    hash_is("#table/cells")
    assert opened.run("location.hash") == chosen
    assert set(texts(opened, "#tables-view td[data-column=dataset]")) == {"docs kind"}


def test_an_address_with_nonsense_changes_nothing(browser, report):
    for fragment in ("curves?task=none&hidden=x|y", "overview?pool=%3Cb%3E", "table/cells?nothing=1&sort=-none"):
        browser.open(report[3], fragment=fragment)
        assert browser.problems == []
        assert count(browser, f"{CHART} .curve") == 8


def test_a_table_is_taken_away_as_csv_in_the_units_of_the_page(opened, report):
    opened.run(
        """(() => {
            window.saved = [];
            URL.createObjectURL = (blob) => { blob.text().then((text) => window.saved.push(text)); return "data:,"; };
            HTMLAnchorElement.prototype.click = function () { window.name = this.download; };
        })()"""
    )
    opened.run("location.hash = '#table/cells?dataset=docs_kind&embedder=lsa&sort=-aulc'")
    opened.settle()
    opened.click("#tables-view .csv")
    opened.wait("window.saved.length === 1")
    assert opened.run("window.name") == "cells.csv"
    rows = list(csv.DictReader(io.StringIO(opened.run("window.saved[0]"))))
    assert len(rows) == 2 * 8
    own = report[1]["ranks"].query("metric == 'accuracy' and dataset == 'docs_kind' and embedder == 'lsa'")
    assert float(rows[0]["AULC (points)"]) == pytest.approx(100 * own["aulc"].max(), rel=1e-4)
    assert rows[0]["labels seen"] == "unseen"


def test_the_key_of_a_row_stays_on_a_narrow_screen(browser, report):
    browser.open(report[3], 390, fragment="table/cells")
    region = "document.querySelector('#tables-view .scroll')"
    assert browser.run(f"{region}.scrollWidth > {region}.clientWidth")
    browser.run(f"{region}.scrollLeft = 600")
    browser.settle()
    left, right, text = browser.run(
        "(() => { const e = document.querySelector('#tables-view tbody .key'), b = e.getBoundingClientRect();"
        " return [b.left, b.right, e.textContent]; })()"
    )
    assert 0 <= left < right <= 200
    assert text.startswith("docs library · lsa · ")
    assert browser.run("getComputedStyle(document.querySelector('#tables-view tbody td')).display") == "none"
    browser.run("location.hash = '#table/cells?dataset=docs_kind&strategy=badge|margin'")
    browser.settle()
    assert shown(browser, "#tables-view tbody .key") == "lsa · random · margin"
    assert browser.run("[...document.querySelectorAll('tbody .key')].every((e) => e.textContent !== '')")
    assert browser.problems == []


def test_points_are_said_wherever_they_stand(opened, report):
    for table, spec in opened.run("Object.entries(DATA.tables)"):
        opened.run(f"location.hash = '#table/{table}'")
        opened.settle()
        for column in spec["columns"]:
            heading = shown(opened, f"#tables-view thead th[data-column={json.dumps(column['name'])}]")
            assert heading.endswith("points") == (column["kind"] in ("points", "gain")), (table, column)
    assert "in points" in shown(opened, "#heat-title")
    assert "accuracy, points" in texts(opened, "#curves-view svg text")


def test_rounds_are_counted_in_whole_numbers(opened):
    marks = opened.run("[1, 3, 7, 20].flatMap((high) => ticks(0, high, 8, true).map(({ text }) => text))")
    assert all(text.isdecimal() for text in marks)
    assert marks[:2] == ["0", "1"]


def test_filters_list_each_entry_once(opened):
    names = "[...document.querySelectorAll('select')].map((e) => [...e.options].map((o) => o.textContent))"
    for listed in opened.run(names):
        assert len(listed) == len(set(listed)), listed


@pytest.mark.parametrize(
    "grid",
    [
        {"datasets": ["docs_kind"], "embedders": ["lsa"], "pools": ["typiclust"], "strategies": ["random"], "seeds": 1},
        {"pools": ["random"], "strategies": ["random", "margin"], "seeds": 2},
    ],
)
def test_small_grids_are_shown_without_errors(browser, tmp_path, grid):
    page = build(tmp_path, rounds=3, **grid)[3]
    browser.open(page)
    assert browser.problems == []
    assert count(browser, f"{CHART} .curve") == len(grid["strategies"])
