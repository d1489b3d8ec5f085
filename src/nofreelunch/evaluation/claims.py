"""The twelve claims of the paper with their verdicts, as the runs at hand decide them."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from nofreelunch.evaluation.evidence import NotTestableError, Part, all_of
from nofreelunch.evaluation.hypotheses import CLAIMS, Material
from nofreelunch.evaluation.significance import holm

ALPHA = 0.05


def judge(tables: dict[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """Test the twelve claims.

    Args:
        tables: 'aulc', 'pool_gains', 'strategy_gains', 'ranks' and 'probes' of `summary.summarise`.

    Returns:
        Per claim: number, claim, verdict (supported, contradicted, undecided), p (two-sided), p_holm, caveat, and
        parts as in `evidence.Part`; unknown numbers are None.
    """
    named = {name: tables[name] for name in ("pool_gains", "strategy_gains", "ranks")} | {"scores": tables["aulc"]}
    accuracy = {name: table[table["metric"] == "accuracy"] for name, table in named.items()}
    material = Material(**accuracy, probes=tables["probes"])
    results = [_try(test, material) for _, test in CLAIMS]
    adjusted = holm(np.array([min(1.0, 2 * min(p_for, p_against)) for _, (p_for, p_against), _ in results]))
    return [
        {
            "number": number,
            "claim": claim,
            "verdict": _verdict(p_for, p_against, float(p_holm)),
            "p": min(1.0, 2 * min(p_for, p_against)),
            "p_holm": float(p_holm),
            "caveat": "; ".join(dict.fromkeys([c for c in [caveat, *(part.caveat for part in parts)] if c])),
            "parts": [_plain(part) for part in parts],
        }
        for number, ((claim, _), (parts, (p_for, p_against), caveat), p_holm) in enumerate(
            zip(CLAIMS, results, adjusted, strict=True), start=1
        )
    ]


Result = tuple[list[Part], tuple[float, float], str]


def _try(test: Callable[[Material], tuple[list[Part], str]], material: Material) -> Result:
    try:
        parts, caveat = test(material)
    except NotTestableError as reason:
        return [], (1.0, 1.0), str(reason)
    return parts, all_of(parts), caveat


def _verdict(p_for: float, p_against: float, p_holm: float) -> str:
    if p_holm >= ALPHA:
        return "undecided"
    return "supported" if p_for < p_against else "contradicted"


def _plain(part: Part) -> dict[str, Any]:
    return {name: None if isinstance(v, float) and not np.isfinite(v) else v for name, v in asdict(part).items()}
