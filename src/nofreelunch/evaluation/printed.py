"""Tables to be read and quoted: as CSV, and as Markdown and LaTeX those that are not too long, and the claims."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from nofreelunch.base import storage
from nofreelunch.base.registry import Seen

MOST_ROWS = 600


def with_seen(table: pd.DataFrame, marks: Mapping[tuple[str, str], Seen]) -> pd.DataFrame:
    """``table`` with a last column 'seen': the mark of its (embedder, dataset), ``unknown`` where there is none."""
    flags = [
        marks.get((str(embedder), str(dataset)), "unknown")
        for dataset, embedder in table[["dataset", "embedder"]].to_numpy()
    ]
    return table.assign(seen=pd.Categorical(flags, categories=["yes", "related", "no", "unknown"]))


def claims_table(claims: list[dict[str, Any]]) -> pd.DataFrame:
    """The claims, one row for each quantity tested.

    Args:
        claims: `claims.judge`.

    Returns:
        number, claim, verdict, p_holm, quantity, estimate, lo, hi, n, unit, caveat.
    """
    rows = []
    for claim in claims:
        head = {name: claim[name] for name in ("number", "claim", "verdict", "p_holm")}
        for part in claim["parts"] or [{}]:
            numbers = {name: part.get(name) for name in ("quantity", "estimate", "lo", "hi", "n", "unit")}
            rows.append(head | numbers | {"caveat": claim["caveat"]})
    return pd.DataFrame(rows)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write ``table`` with numbers to six digits."""
    with storage.atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")


def write_printed(table: pd.DataFrame, stem: Path) -> None:
    """Write ``stem``.md and ``stem``.tex: numbers to four digits, only accuracy where there are several metrics.

    Nothing is written of a table with more than `MOST_ROWS` rows.
    """
    if "metric" in table:
        table = table[table["metric"] == "accuracy"].drop(columns="metric")
    if len(table) > MOST_ROWS:
        return
    numeric = [table[name].dtype.kind in "iuf" for name in table.columns]
    shown = table.astype(object).map(_text)
    sides = ["right" if number else "left" for number in numeric]
    letters = "".join(side[0] for side in sides)
    texts = {
        ".md": shown.to_markdown(index=False, disable_numparse=True, colalign=sides if len(shown) else None),
        ".tex": shown.to_latex(index=False, column_format=letters, escape=True),
    }
    for suffix, text in texts.items():
        with storage.atomic(stem.with_name(stem.name + suffix)) as temporary:
            temporary.write_text(text.rstrip() + "\n", encoding="utf-8")


def _text(value: Any) -> str:
    if value is None or value != value:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
