import itertools
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

from nofreelunch import params
from nofreelunch.embedders.facts import seen_by
from nofreelunch.report.figures import (
    answers,
    best,
    critical_difference,
    curves,
    differences,
    embedders,
    heatmap,
    picks,
    pool_gain,
    strategy_gain,
    style,
    wins,
)
from nofreelunch.report.figures.style import look, styled
from nofreelunch.report.figures.write import save

DRAW = {
    "answers": lambda t: answers.draw(t["aulc"], t["curves"]),
    "embedders": lambda t: embedders.draw(t["curves"]),
    "curves": lambda t: curves.draw(t["curves"], "typiclust"),
    "differences": lambda t: differences.draw(t["differences"], "random"),
    "aulc": lambda t: heatmap.draw(t["ranks"], "aulc"),
    "rank": lambda t: heatmap.draw(t["ranks"], "rank"),
    "wins": lambda t: wins.draw(t["wins"]),
    "labels": lambda t: heatmap.draw_labels(t["aulc"]),
    "pool_gain": lambda t: pool_gain.draw(t["pool_gains"], t["probes"], t["quality"]),
    "strategy_gain": lambda t: strategy_gain.draw(t["strategy_gains"], t["probes"], t["quality"]),
    "best": lambda t: best.draw(t["ranks"]),
    "critical_difference": lambda t: critical_difference.draw(t["mean_ranks"], t["friedman"]),
    "picks": lambda t: picks.draw(t["picks"], "minilm"),
}


def texts(figure, monkeypatch):
    """Every text that is really drawn, with its box in pixels."""
    drawn = []
    draw = Text.draw

    def spy(self, renderer):
        drawn.append(self)
        draw(self, renderer)

    with styled(), monkeypatch.context() as patch:
        patch.setattr(Text, "draw", spy)
        figure.canvas.draw()
        return [(text, text.get_window_extent()) for text in dict.fromkeys(drawn) if text.get_text().strip()]


# Panels of curves have a fixed size, so two rows of the large grid show what ten would.
SIZES = [
    (name, size)
    for name in DRAW
    for size in ("tiny", "small", "wide" if name in ("curves", "differences", "picks") else "large")
]


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_no_text_is_clipped_or_overlaps_another_and_all_is_legible(name, size, request, monkeypatch):
    figure = DRAW[name](request.getfixturevalue(size))
    found = texts(figure, monkeypatch)
    width, height = figure.bbox.size
    for text, box in found:
        assert box.x0 >= -0.5, text
        assert box.y0 >= -0.5, text
        assert box.x1 <= width + 0.5, text
        assert box.y1 <= height + 0.5, text
        assert text.get_fontsize() >= 6.5, text
    flat = [(text, box) for text, box in found if text.get_rotation() in (0, 90)]
    boxes = np.array([box.extents for _, box in flat])
    wide = np.minimum(boxes[:, None, 2], boxes[None, :, 2]) - np.maximum(boxes[:, None, 0], boxes[None, :, 0])
    high = np.minimum(boxes[:, None, 3], boxes[None, :, 3]) - np.maximum(boxes[:, None, 1], boxes[None, :, 1])
    upper = np.triu(np.ones(wide.shape, dtype=bool), 1)
    clash = [(flat[i][0].get_text(), flat[j][0].get_text()) for i, j in np.argwhere((wide > 1) & (high > 2.5) & upper)]
    assert not clash


@pytest.mark.parametrize("name", DRAW)
def test_saved_twice_gives_the_same_bytes(name, small, tmp_path):
    first = save(DRAW[name](small), tmp_path / "one" / name)
    second = save(DRAW[name](small), tmp_path / "two" / name)
    assert first.suffix == ".png"
    assert first.read_bytes() == second.read_bytes()
    assert b"tIME" not in first.read_bytes()


def test_curves_draw_the_numbers_in_the_colour_of_their_strategy(small):
    table = small["curves"]
    figure = curves.draw(table, "typiclust")
    assert len(figure.axes) == 4
    part = table.query("metric == 'accuracy' and ips == 'typiclust' and strategy == 'margin'")
    part = part.query("dataset == 'docs_param' and embedder == 'lsa'")
    lines = [line for line in figure.axes[2].lines if line.get_color() == look("margin").colour]
    assert lines[0].get_xdata().tolist() == part["labels"].tolist()
    assert lines[0].get_ydata() == pytest.approx(100 * part["mean"].to_numpy())


def test_heat_map_writes_the_mean_over_pools_and_sets_the_best_bold(small):
    ranks = small["ranks"]
    own = ranks.query("metric == 'accuracy' and dataset == 'docs_library'")
    means = own.groupby(["strategy", "embedder"], observed=True)["aulc"].mean().unstack()
    axes = heatmap.draw(ranks, "aulc").axes[0]
    shown = {tuple(map(int, text.get_position())): text for text in axes.texts}
    for j, embedder in enumerate(means.columns):
        for i, strategy in enumerate(means.index):
            text = shown[(j, i)]
            assert text.get_text() == f"{100 * means.loc[strategy, embedder]:.1f}"
            assert (text.get_weight() == "bold") == (strategy == means[embedder].idxmax())


def test_win_matrix_writes_rates_and_ties(small):
    table = small["wins"].query("scope == 'minilm' and definition == 'ties_half'")
    axes = wins.draw(small["wins"], "minilm").axes[0]
    row = table.query("strategy == 'margin' and opponent == 'random'").iloc[0]
    order = [label.get_text() for label in axes.get_yticklabels()]
    i, j = order.index("margin"), order.index("random")
    cell = [
        text.get_text() for text in axes.texts if text.get_position()[0] == j and abs(text.get_position()[1] - i) < 0.3
    ]
    assert cell == [f"{100 * row['rate']:.0f} %", f"{100 * row['ties'] / row['pairs']:.0f} % ties"]


def test_pool_gain_without_a_second_pool_says_so(small):
    none = small["pool_gains"].iloc[:0]
    figure = pool_gain.draw(none, small["probes"], small["quality"])
    assert not figure.axes
    assert any("grid.pools" in text.get_text() for text in figure.texts)


def test_pool_gain_marks_every_dataset_and_embedder(small):
    figure = pool_gain.draw(small["pool_gains"], small["probes"], small["quality"])
    points = [line for line in figure.axes[0].lines if line.get_marker() not in ("None", None, "")]
    assert len(points) == 4
    row = small["pool_gains"].query(
        "metric == 'accuracy' and phase == 'initial' and dataset == 'docs_param' and embedder == 'lsa'"
    )
    assert any(point.get_ydata()[0] == pytest.approx(100 * row["mean"].iloc[0]) for point in points)


def test_groups_are_the_widest_runs_within_the_critical_difference():
    ranks = np.array([1.2, 1.9, 3.0, 3.4, 5.0])
    assert critical_difference.groups(ranks, 1.0) == [(0, 1), (2, 3)]
    assert critical_difference.groups(ranks, 1.61) == [(0, 1), (1, 3), (3, 4)]
    assert critical_difference.groups(ranks, 9.0) == [(0, 4)]
    assert critical_difference.groups(ranks, 0.1) == []
    assert critical_difference.groups(ranks, float("nan")) == []


def test_the_best_strategy_of_a_cell_is_named_with_its_gain(small):
    axes = best.draw(small["ranks"]).axes[1]
    own = small["ranks"].query(
        "metric == 'accuracy' and ips == 'typiclust' and dataset == 'docs_param' and embedder == 'lsa'"
    )
    top = own.loc[own["aulc"].idxmax()]
    written = [text.get_text() for text in axes.texts if round(text.get_position()[1]) == 1][:2]
    assert written == [str(top["strategy"]), f"{100 * top['gain']:+.1f}"]


def test_clones_are_shown_once(small):
    own = (small["ranks"]["dataset"] == "docs_param") & (small["ranks"]["strategy"] == "entropy")
    ranks = small["ranks"].assign(clone_of=own.map({True: "margin", False: ""}))
    ranks.loc[own, "aulc"] = 1.0
    figure = heatmap.draw(ranks, "aulc")
    panel = next(axes for axes in figure.axes if axes.get_title() == "docs param")
    shown = {tuple(map(int, text.get_position())): text.get_text() for text in panel.texts}
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert {shown[(0, names.index("entropy"))], shown[(1, names.index("entropy"))]} == {"="}
    assert "=" not in {text.get_text() for text in figure.axes[0].texts if figure.axes[0] is not panel}
    assert "picks the same rows" in figure.texts[-1].get_text()
    written = [text.get_text() for axes in best.draw(ranks).axes for text in axes.texts]
    assert "entropy" not in written[: 2 * 2]


def test_labels_are_shown_only_where_half_of_the_runs_got_there(small):
    scores = small["aulc"].copy()
    scores[["labels_to_95", "labels_to_99"]] = np.inf
    scores["labels_to_90"] = np.where(scores["seed"] == 0, 300.0, 400.0)
    own = (scores["metric"] == "accuracy") & (scores["dataset"] == "docs_library") & (scores["embedder"] == "lsa")
    scores.loc[own & (scores["strategy"] == "margin") & (scores["seed"] < 2), "labels_to_90"] = np.inf
    figure = heatmap.draw_labels(scores)
    assert "90 %" in figure._suptitle.get_text()
    column = [text.get_text() for text in figure.axes[0].texts if text.get_position()[0] == 0]
    assert column == ["400", "–", "400", "400"]


def test_cells_whose_labels_were_seen_are_marked(large):
    shipped = params.load(Path(__file__).parents[2] / "params.yaml")
    pairs = itertools.product(shipped.embedders.items(), shipped.datasets.items())
    known = {(name, task): seen_by(spec, entry.identity) for (name, spec), (task, entry) in pairs}
    assert style.marked("nv_embed_v2", "banking77", known) == "nv embed v2 †"
    assert style.marked("nv_embed_v2", "qnli", known) == "nv embed v2 (†)"
    assert style.marked("minilm", "ag_news", known) == "minilm"
    assert style.marked("minilm", "ag_news", style.NO_MARKS) == "minilm"
    figure = heatmap.draw(large["ranks"], "rank", known=known)
    panel = next(axes for axes in figure.axes if axes.get_title() == "banking77")
    names = [label.get_text() for label in panel.get_xticklabels()]
    assert [name for name in names if "†" in name] == ["sfr 2 †", "stella 1 5b †", "bge en icl †", "nv embed v2 †"]
    assert "† trained with labels of the task, (†) on data close to it" in figure.texts[-1].get_text()
    assert style.seen_note(["docs_kind"], ["lsa"], known) == ""


def test_picks_are_drawn_where_they_lie(small):
    figure = picks.draw(small["picks"], "minilm")
    own = small["picks"].query("dataset == 'docs_param' and strategy == 'margin' and round > 0")
    panel = figure.axes[4 + 1]
    assert panel.lines[2].get_xdata().tolist() == own["x"].tolist()
    assert panel.lines[2].get_color() == look("margin").colour


def test_answers_draw_the_gains_over_random_and_the_mean_curve_of_each_embedder(small):
    figure = answers.draw(small["aulc"], small["curves"])
    left, middle, right = figure.axes
    accuracy = small["curves"][small["curves"]["metric"] == "accuracy"]
    curve = accuracy[accuracy["embedder"] == "minilm"].groupby("round")["mean"].mean()
    shade = embedders.shades(["minilm", "lsa"])["minilm"]
    drawn = next(line for line in left.lines if line.get_color() == shade)
    np.testing.assert_allclose(drawn.get_ydata(), 100 * curve)
    scores = small["aulc"][small["aulc"]["metric"] == "accuracy"]
    starts = scores.groupby("ips", observed=True)["initial"].mean()
    assert [label.get_text() for label in middle.get_yticklabels()] == ["typiclust"]
    (gain,) = (line.get_xdata()[0] for line in middle.lines if line.get_marker() == "o")
    assert gain == pytest.approx(100 * (starts["typiclust"] - starts["random"]))
    assert right.get_yticklabels()[0].get_text() == "margin"
