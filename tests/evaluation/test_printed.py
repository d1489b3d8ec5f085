import pandas as pd

from nofreelunch.evaluation.printed import MOST_ROWS, claims_table, with_seen, write_printed


def test_markdown_and_latex_by_hand(tmp_path):
    table = pd.DataFrame(
        {
            "metric": ["accuracy", "nll"],
            "dataset": pd.Categorical(["a_b", "a_b"]),
            "gain": [0.123456, 3.0],
            "lo": [float("nan"), 0.0],
        }
    )
    write_printed(table, tmp_path / "gains.v1")
    lines = (tmp_path / "gains.v1.md").read_text().splitlines()
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == ["a_b", "0.1235", "–"]
    assert len(lines) == 3
    latex = (tmp_path / "gains.v1.tex").read_text()
    assert r"a\_b & 0.1235 & – \\" in latex
    assert r"\begin{tabular}" in latex


def test_long_tables_are_not_printed(tmp_path):
    write_printed(pd.DataFrame({"x": range(MOST_ROWS + 1)}), tmp_path / "long")
    assert not list(tmp_path.iterdir())


def test_a_claim_has_a_row_for_each_quantity_and_one_if_it_has_none():
    part = {"quantity": "q", "estimate": 0.1, "lo": None, "hi": None, "n": 3, "unit": "datasets"}
    claims = [
        {"number": 1, "claim": "c", "verdict": "undecided", "p_holm": 1.0, "caveat": "few", "parts": [part, part]},
        {"number": 2, "claim": "d", "verdict": "undecided", "p_holm": 1.0, "caveat": "none in the grid", "parts": []},
    ]
    table = claims_table(claims)
    assert table["number"].tolist() == [1, 1, 2]
    assert table["caveat"].tolist() == ["few", "few", "none in the grid"]
    assert table["estimate"].isna().tolist() == [False, False, True]


def test_seen_is_the_mark_of_the_cell():
    table = pd.DataFrame({"dataset": ["mnli", "mnli"], "embedder": ["nv", "own"], "x": [1.0, 2.0]})
    table = with_seen(table, {("nv", "mnli"): "yes", ("own", "other"): "no"})
    assert table["seen"].tolist() == ["yes", "unknown"]
    assert table.columns[-1] == "seen"
