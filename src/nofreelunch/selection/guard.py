"""What a selection returns is looked at before it is believed: a wrong one must not publish a curve."""

from typing import Any

import numpy as np

from nofreelunch.base.arrays import IntArray
from nofreelunch.base.errors import UserError


def checked(picked: Any, candidates: IntArray, pool_size: int, size: int, who: str) -> IntArray:
    """``picked`` as rows, if it is a legal batch; the pool is looked at once.

    Args:
        picked: what a strategy or a pool selection returned.
        candidates: (m,) int64, the rows that it may name, in any order.
        pool_size: n, rows of the pool.
        size: how many rows are wanted; all candidates where there are fewer.
        who: the selection and its run, for messages.

    Returns:
        (min(size, m),) int64.

    Raises:
        UserError: it is none; says what is wrong with it.
    """
    try:
        rows = np.asarray(picked)
    except ValueError as error:
        raise _refused(who, f"what it returned is no array ({error})") from error
    wanted = min(size, len(candidates))
    if rows.ndim != 1:
        raise _refused(who, f"it returned an array of shape {rows.shape}, not one row number for each pick")
    if len(rows) and not np.issubdtype(rows.dtype, np.integer):
        cure = "; np.flatnonzero(mask) gives the rows of a mask" if rows.dtype == bool else ""
        if np.issubdtype(rows.dtype, np.floating) and not np.isfinite(rows).all():
            cure = "; NaN and infinity are no rows"
        raise _refused(who, f"it returned {rows.dtype} values, not whole numbers{cure}")
    if len(rows) != wanted:
        raise _refused(who, f"it returned {len(rows)} rows, not {wanted}")
    if not wanted:
        return np.empty(0, np.int64)
    if rows.min() < 0:
        raise _refused(who, f"it returned the negative row {rows.min()}")
    offered = np.zeros(pool_size, bool)
    offered[candidates] = True
    strange = rows[~offered[np.minimum(rows, pool_size - 1)] | (rows >= pool_size)]
    if len(strange):
        row = strange[0]
        hint = "is not in the pool" if row >= pool_size else "is labelled already, or was not offered"
        raise _refused(
            who,
            f"it returned the row {row}, which {hint}. Rows are numbers of the pool: for positions in "
            "'candidates' return query.candidates[positions]",
        )
    values, counts = np.unique(rows, return_counts=True)
    if len(values) < wanted:
        raise _refused(who, f"it returned the row {values[counts > 1][0]} {counts.max()} times")
    return rows.astype(np.int64)


def _refused(who: str, what: str) -> UserError:
    return UserError(f"{who}: {what}. Nothing of this run is kept; mend it and run the same command again.")
