import pytest
from reports import build

from nofreelunch.report.sources import SOURCES

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
    assert count(browser, f"{CHART} .curve") == 7
    ground = browser.run("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 29)"}[theme]
    nameless = "[...document.querySelectorAll('svg[role=img]')].filter((e) => !e.getAttribute('aria-label')).length"
    assert browser.run(nameless) == 0
    assert browser.run("[...document.querySelectorAll('select')].every((e) => e.closest('label'))")


def test_each_claim_leads_from_verdict_to_numbers_in_two_clicks(opened, report):
    for claim in report[2]:
        if not SOURCES[claim["number"]]:
            continue
        opened.run("location.hash = ''")
        opened.click(f"#claim-{claim['number']} summary")
        assert opened.run(f"document.querySelector('#claim-{claim['number']}').open")
        opened.click(f"#claim-{claim['number']} .evidence a")
        address = opened.run("location.hash")
        assert address.startswith("#table/")
        assert opened.run("document.activeElement.id") == "tables-title"
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
    assert count(opened, f"{CHART} .curve") == 6
    last = table[table["labels"] == table["labels"].max()].set_index("strategy")["mean"]
    shown_last = texts(opened, "#curves-view details tr:last-child td")
    assert [float(text.replace("−", "-")) for text in shown_last] == pytest.approx((100 * last).tolist(), abs=0.006)


def test_a_strategy_is_hidden_and_shown_by_click_and_by_key(opened):
    button = "#curves-view .legend button[data-strategy=margin]"
    opened.click(button)
    assert count(opened, f"{CHART} .curve[data-strategy=margin]") == 0
    assert opened.run(f"document.querySelector({button!r}).getAttribute('aria-pressed')") == "false"
    opened.press("Enter")
    assert count(opened, f"{CHART} .curve[data-strategy=margin]") == 1


def test_intervals_can_be_left_out(opened):
    assert count(opened, f"{CHART} .band") == 7
    opened.click("#curves-view .check input")
    assert count(opened, f"{CHART} .band") == 0
    assert count(opened, f"{CHART} .curve") == 7


def test_hovering_and_arrow_keys_show_the_numbers_of_a_round(opened, report):
    x, y = opened.place(CHART)
    opened.move(x, y)
    opened.settle()
    assert shown(opened, "#curves-view .tip strong") == "400 labels"
    assert count(opened, "#curves-view .tip tr") == 7
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

    heading = "#tables-view thead th:nth-child(6)"
    opened.click(f"{heading} button")
    assert opened.run(f"document.querySelector({heading!r}).getAttribute('aria-sort')") == "descending"
    assert column("aulc") == sorted(column("aulc"), reverse=True)
    opened.press("Enter")
    assert column("aulc") == sorted(column("aulc"))
    opened.click("#tables-view .more")
    assert count(opened, "#tables-view tbody tr") == 4 * 4 * 2 * 7
    opened.choose("#tables-view .table-view label:nth-child(2) select", "lsa")
    assert set(texts(opened, "#tables-view td[data-column=embedder]")) == {"lsa"}


def test_a_cell_of_the_overview_leads_to_its_curves(opened):
    opened.click("#overview-view tbody tr:nth-child(2) td:nth-of-type(6) button")
    chosen = opened.run("[...document.querySelectorAll('#curves-view select')].map((e) => e.value)")
    assert chosen[:3] == ["docs_module", "minilm", "random"]
    assert opened.run(f"document.activeElement === document.querySelector('{CHART}')")


def test_the_theme_can_be_switched_and_lines_change_with_it(opened):
    stroke = f"document.querySelector('{CHART} .curve[data-strategy=margin]').getAttribute('stroke')"
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
