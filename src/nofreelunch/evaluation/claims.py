"""The twelve claims of the paper with their verdicts, as the runs at hand decide them."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from nofreelunch.evaluation.claim_test import NotTestableError, Part, all_of
from nofreelunch.evaluation.hypotheses import CLAIMS
from nofreelunch.evaluation.material import Material
from nofreelunch.evaluation.runs import HELD
from nofreelunch.evaluation.significance import holm

ALPHA = 0.05
UNTESTABLE = "cannot be tested"


def judge(tables: dict[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """Test the twelve claims.

    Claims whose tests could not come out below `ALPHA` with this grid, whatever the runs, are no part of Holm's family:
    that depends on the numbers of tasks and embedders alone, not on what was found.

    Args:
        tables: 'aulc', 'pool_gains', 'strategy_gains', 'ranks', 'probes', 'peaks' and 'clones' of `summary.summarise`.

    Returns:
        Per claim: number, claim, verdict (supported, contradicted, undecided, or `UNTESTABLE`), p (two-sided),
        smallest (the smallest p that the grid could give), p_holm (over the ``family`` of testable claims), caveat, and
        parts as in `claim_test.Part`; unknown numbers are None.
    """
    named = {name: tables[name] for name in ("pool_gains", "strategy_gains", "ranks")} | {"scores": tables["aulc"]}
    accuracy, held = (
        {name: table[table["metric"] == metric] for name, table in named.items()} for metric in ("accuracy", HELD)
    )
    material = Material(**accuracy, **{name: tables[name] for name in ("probes", "peaks", "clones")}, held=held)
    results = [_try(claim.test, material) for claim in CLAIMS]
    p = np.array([min(1.0, 2 * min(p_for, p_against)) for _, (p_for, p_against), _ in results])
    smallest = np.array([_smallest(parts) for parts, _, _ in results])
    testable = smallest < ALPHA
    adjusted = np.ones(len(p))
    adjusted[testable] = holm(p[testable])
    return [
        {
            "number": number + 1,
            "claim": claim.text,
            "verdict": _verdict(*sides, float(adjusted[number])) if testable[number] else UNTESTABLE,
            "p": float(p[number]),
            "smallest": float(smallest[number]),
            "p_holm": float(adjusted[number]),
            "family": int(testable.sum()),
            "caveat": "; ".join(dict.fromkeys([c for c in [caveat, *(part.caveat for part in parts)] if c])),
            "parts": [_plain(part) for part in parts],
        }
        for number, (claim, (parts, sides, caveat)) in enumerate(zip(CLAIMS, results, strict=True))
    ]


def _smallest(parts: list[Part]) -> float:
    """The smallest two-sided p of a claim: all parts must hold, or one be reversed."""
    if not parts:
        return 1.0
    least = [part.smallest for part in parts]
    return min(1.0, 2 * min(max(least), len(least) * min(least)))


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
