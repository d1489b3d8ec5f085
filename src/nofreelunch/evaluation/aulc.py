"""One number per run: the area under its learning curve, whole and by thirds, and what a run has to reach."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from nofreelunch.evaluation.runs import SCORES, blocks

FloatArray = npt.NDArray[np.float64]
SHARES = (90, 95, 99)
PHASES = ["initial", "early", "middle", "late", "final"]


def aulc(labels: FloatArray, values: FloatArray) -> FloatArray:
    """Area under the learning curve: the trapezoid over labels, divided by the span; a mean height.

    Args:
        labels: (R,) float64, ascending.
        values: (..., R) float64, the metric after each round.

    Returns:
        (...) float64. Where all rounds have the same number of labels, the plain mean.
    """
    return _mean_height(labels, values, labels[0], labels[-1])


def thirds(labels: FloatArray, values: FloatArray) -> FloatArray:
    """`aulc` of the early, middle and late third of the span of labels, cut between rounds where need be.

    Returns:
        (..., 3) float64; their mean is the whole AULC.
    """
    cuts = np.linspace(labels[0], labels[-1], 4)
    parts = [_mean_height(labels, values, cuts[i], cuts[i + 1]) for i in range(3)]
    return np.stack(parts, axis=-1)


def labels_to(labels: FloatArray, values: FloatArray, targets: FloatArray) -> FloatArray:
    """Labels at the first round whose value is at least the run's target.

    Args:
        labels: (R,) float64.
        values: (runs, R) float64.
        targets: (runs,) float64.

    Returns:
        (runs,) float64, NaN where the target is never reached.
    """
    reached = values >= targets[:, None]
    return np.where(reached.any(axis=1), labels[reached.argmax(axis=1)], np.nan)


def scores(frame: pd.DataFrame, probes: pd.DataFrame) -> pd.DataFrame:
    """The summary of every run for accuracy, balanced accuracy and macro-F1.

    Args:
        frame: `runs.load`.
        probes: `runs.load_probes`.

    Returns:
        The keys of a run, metric, aulc, then the height at round 0 (initial), the AULC of the early, middle
        and late third, the height at the last round (final), the full-pool probe, headroom (probe − final)
        and labels_to_90, _95, _99 (labels to reach that percentage of the probe, NaN for never).
    """
    parts = []
    for metric in SCORES:
        for keys, labels, values in blocks(frame, metric):
            ceiling = keys.merge(
                probes[["dataset", "embedder", metric]],
                on=["dataset", "embedder"],
                how="left",
                validate="many_to_one",
            )[metric].to_numpy(dtype=np.float64)
            early, middle, late = np.moveaxis(thirds(labels, values), -1, 0)
            part = keys.assign(
                metric=metric,
                aulc=aulc(labels, values),
                initial=values[:, 0],
                early=early,
                middle=middle,
                late=late,
                final=values[:, -1],
                probe=ceiling,
                headroom=ceiling - values[:, -1],
            )
            for share in SHARES:
                part[f"labels_to_{share}"] = labels_to(labels, values, share / 100 * ceiling)
            parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    return table.assign(metric=pd.Categorical(table["metric"], categories=SCORES))


def _mean_height(labels: FloatArray, values: FloatArray, start: float, end: float) -> FloatArray:
    if start == end:
        return np.asarray(values.mean(axis=-1))
    inside = labels[(labels > start) & (labels < end)]
    knots = np.concatenate([[start], inside, [end]])
    area: FloatArray = np.trapezoid(_interpolate(labels, values, knots), knots, axis=-1)
    return area / (end - start)


def _interpolate(labels: FloatArray, values: FloatArray, at: FloatArray) -> FloatArray:
    right = np.clip(np.searchsorted(labels, at, side="left"), 1, len(labels) - 1)
    width = labels[right] - labels[right - 1]
    weight = np.divide(at - labels[right - 1], width, out=np.ones_like(at), where=width > 0)
    return values[..., right - 1] * (1 - weight) + values[..., right] * weight  # type: ignore[no-any-return]
