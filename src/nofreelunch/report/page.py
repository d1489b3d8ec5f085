"""From the summary to the page: what is shown as HTML, and what JavaScript gets as JSON."""

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from nofreelunch.base import storage
from nofreelunch.base.outside import Outside
from nofreelunch.base.provenance import releases
from nofreelunch.evaluation.claims import UNTESTABLE
from nofreelunch.evaluation.hypotheses import CLAIMS
from nofreelunch.evaluation.table import Kind
from nofreelunch.params import Params
from nofreelunch.report.citation import BIBTEX
from nofreelunch.report.curves import curve_data
from nofreelunch.report.figures import style
from nofreelunch.report.figures.embedders import shades
from nofreelunch.report.findings import drawn_at_random, findings, ranking, replies
from nofreelunch.report.links import link
from nofreelunch.report.tables import report_tables

SCRIPTS = ("page.js", "lines.js", "table.js", "curves.js", "embedders.js", "overview.js", "scatter.js", "start.js")
PACKAGES = (
    *("nofreelunch", "numpy", "scipy", "pandas", "scikit-learn", "torch", "transformers"),
    *("sentence-transformers", "tokenizers", "pyarrow", "matplotlib", "dvc"),
)
DARK_GROUND = "#15181d"
MARKS = {"supported": "✓", "contradicted": "✗", "undecided": "?", UNTESTABLE: "–"}


def render(params: Params, tables: dict[str, pd.DataFrame], claims: list[dict[str, Any]]) -> str:
    """The whole page.

    Args:
        params: what was asked for.
        tables: `evaluation.summary.read_tables`.
        claims: `evaluation.claims.judge`.
    """
    with style.marking(params.foreign_names):
        return _render(params, tables, claims)


def _render(params: Params, tables: dict[str, pd.DataFrame], claims: list[dict[str, Any]]) -> str:
    grid = params.grid
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"quantity": _quantity, "p": _p, "words": style.words}
    page = environment.from_string(_part("page.html.j2"))
    # What the paper says of its tasks is no question of one's own texts.
    if all(params.datasets[name].source == "files" for name in grid.datasets):
        claims = []
    runs = len(grid.datasets) * len(grid.embedders) * grid.runs_per_cell
    return page.render(
        grid=grid,
        runs=runs,
        recommends=not tables["policies"].empty,
        replies=replies(tables["aulc"]),
        tasks=bool(tables["tasks"].drop(columns="dataset").notna().to_numpy().any()),
        ranking=ranking(tables),
        filled=drawn_at_random(tables["filled"]),
        findings=findings(tables, claims),
        claims=claims,
        sources=[[(source.text, link(source.table, **source.rows)) for source in claim.sources] for claim in CLAIMS],
        bibtex=BIBTEX,
        marks=MARKS,
        parameters=yaml.safe_dump(_parameters(params), sort_keys=False, allow_unicode=True, width=100),
        versions=_versions(),
        foreign=[one for named in params.foreign.items() for one in _foreign(*named)],
        foreign_note=style.FOREIGN_NOTE,
        style=Markup(_part("report.css")),  # noqa: S704 - our own file
        script=Markup("\n".join(_part(name) for name in SCRIPTS)),  # noqa: S704 - our own files
        data=Markup(as_script_data(_payload(params, tables))),  # noqa: S704 - escaped there
    )


def write_page(params: Params, tables: dict[str, pd.DataFrame], claims: list[dict[str, Any]], path: Path) -> int:
    """Write `render`'s page to ``path``, and give its size in bytes."""
    content = render(params, tables, claims).encode()
    with storage.atomic(path) as temporary:
        temporary.write_bytes(content)
    return len(content)


def as_script_data(value: Any) -> str:
    """``value`` as JSON that no HTML parser takes for markup, to stand within a script element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _payload(params: Params, tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    grid = params.grid
    return {
        "datasets": grid.datasets,
        "embedders": grid.embedders,
        "pools": grid.pools,
        "focus": params.focus.embedder,
        "strategies": [_strategy(name) for name in grid.strategies],
        "foreign": params.foreign_names,
        "embedder_looks": _embedder_looks([str(name) for name in tables["embedders"]["embedder"]]),
        "seen": {f"{d}/{e}": mark for (e, d), mark in params.known().marks.items()},
        "curves": curve_data(tables),
        "tables": {name: table.plain() for name, table in report_tables(tables).items()},
    }


def _strategy(name: str) -> dict[str, str]:
    look = style.look(name)
    dash = "" if look.dash == "-" else " ".join(str(2 * length) for length in look.dash[1])
    return {"name": name, "light": look.colour, "dark": style.on_dark(look.colour, DARK_GROUND), "dash": dash}


def _foreign(section: str, named: Mapping[str, Outside]) -> list[dict[str, str]]:
    """Entries of a section that are code from outside: what was run."""
    return [
        {
            "name": f"{section}.{name}",
            "where": one.where,
            "digest": one.digest,
            "releases": ", ".join(f"{package} {version}" for package, version in one.releases.items()) or "–",
        }
        for name, one in named.items()
    ]


def _embedder_looks(best_first: list[str]) -> list[dict[str, str]]:
    return [
        {"name": name, "light": shade, "dark": style.on_dark(shade, DARK_GROUND)}
        for name, shade in shades(best_first).items()
    ]


def _parameters(params: Params) -> dict[str, Any]:
    """The parameters that had a part in the grid."""
    whole, grid = params.model_dump(mode="json"), params.grid
    budget = {"track": params.budget.track, params.budget.track: whole["budget"][params.budget.track]}
    used = {key: {name: whole[key][name] for name in getattr(grid, key)} for key in ("datasets", "embedders")}
    options = {key: {name: whole[key][name] for name in getattr(grid, key)} for key in ("pools", "strategies")}
    common = {"head": whole["head"], "annotator": whole["annotator"]}
    return {"grid": whole["grid"], "budget": budget, **common, **used, **options}


def _versions() -> dict[str, str]:
    """The packages of the results; nothing of the machine, so that two machines write the same page."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found |= releases(name)
        except PackageNotFoundError:
            continue
    return found


def _part(name: str) -> str:
    return files("nofreelunch.report").joinpath(name).read_text(encoding="utf-8")


def _quantity(value: float | None, kind: Kind) -> str:
    """An estimate as text; shares and their differences in points."""
    if value is None:
        return "–"
    text = f"{value:.3g}" if kind == "number" else f"{100 * value:+.2f}"
    return text.replace("-", "−")


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
