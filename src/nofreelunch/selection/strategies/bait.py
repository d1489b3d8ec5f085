"""BAIT (Ash et al. 2021): the batch whose Fisher information best covers that of the pool.

Minimises tr(M⁻¹ F), F the mean Fisher information of the pool and M = λI + a weighted sum over the labelled rows and
the batch: 2b rows are added greedily, then b taken away. With the Bernoulli likelihood of the top class a row's Fisher
information is q(1 − q) x xᵀ, q its highest probability: d × d and of rank one, whatever the number of classes.

Adding v to M, with P = M⁻¹ and G = PFP, gains vᵀGv / (1 + vᵀPv), and changes P and G by u = Pv and w = Gv alone. The
picks are those of the plain search, which multiplies all rows with u and w once per pick; here

* a block of picks is made among the most promising rows alone, then checked against the others by one product with all
  its u and w, and cut where another row would have won;
* rows that cannot win are left out of the check. Adding v changes G by a matrix of rank two, whose largest eigenvalue
  relative to P bounds by how much any vᵀGv grew, and 1 + vᵀPv is the factor by which any vᵀPv can have shrunk.

M is λI plus as many dimensions as there are labelled rows, so that with few of them P = (I − RᵀR)/λ and G come from
thin products (Woodbury), without an inverse or a decomposition of d × d.

What is as long as a row lies where the products with the pool are computed, what each row carries on the CPU.
"""

from typing import Any, Literal

import numpy as np

from nofreelunch.base.arrays import Float64Array, FloatArray, IntArray
from nofreelunch.base.options import Count, Positive
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.query import Query
from nofreelunch.space.rows import blocks

STEPS = 100
ACTIVE = 16
PORTION = 32
# λ where no row carries any information.
LEAST = 1e-12


def select(
    query: Query,
    *,
    regularisation: Positive = 3.0,
    relative: bool = True,
    scales: Literal["paper", "authors", "group"] = "paper",
    oversample: Count = 2,
) -> IntArray:
    """The rows that the search keeps, in the order it found them.

    With ``regularisation: 1.0, relative: false`` and ``scales: authors`` or ``group`` it is the search of their code.
    There a λ of 1 is meant for features that are long; rows of length 1 carry so little information, at most 1/4 in all
    directions together, that it outweighs the labelled rows (docs/strategies.md).

    Args:
        query: the request.
        regularisation: λ.
        relative: whether λ counts in mean eigenvalues of F, tr F / d, so that it means the same for features of any
            length and number and for a head of any sureness.
        scales: what a row weighs in M; L rows are labelled. ``paper``: each one 1, as in the paper's objective, the sum
            over all that will be labelled. ``authors``: a labelled row 1/(L + b), a row of the batch b/(L + b), as in
            the authors' code. ``group``: that of the paper's group, where the labelled are summed in portions of
            `PORTION`, each by its mean: the last, short one counts as much as the others.
        oversample: how many times b rows are added before the surplus is taken away (2 in the paper).
    """
    size = min(query.batch_size, len(query.candidates))
    if size == len(query.candidates):
        return query.candidates.copy()
    rows = query.geometry.rows
    top = rows.down(rows.xp.amax(rows.up(query.scored), axis=1))
    # Shares of votes may exceed 1 in the last bit.
    information = np.maximum(top * (1 - top), 0)
    pool = query.geometry.rows.gram(information) / len(information)
    penalty = max(regularisation * (float(pool.trace()) / len(pool) if relative else 1.0), LEAST)
    labelled, batch = _weights(scales, len(query.labelled), size)
    roots = np.sqrt(information[query.labelled] * labelled, dtype=np.float64)
    seen = query.features[query.labelled] * roots[:, None]
    search = _Search(query, information[query.candidates] * np.float32(batch), pool, seen, penalty)
    added = search.add(min(oversample * size, len(query.candidates)))
    return query.candidates[added[search.prune(added, size)]]


def _weights(scales: str, labelled: int, size: int) -> tuple[FloatArray, float]:
    """What each of the labelled rows ((L,), in order of acquisition) and each row of the batch weighs in M."""
    total = labelled + size
    if scales == "paper":
        return np.ones(labelled, np.float32), 1.0
    if scales == "authors":
        return np.full(labelled, 1 / total, np.float32), size / total
    portions = np.arange(labelled) // PORTION
    return (labelled / total / np.bincount(portions)[portions]).astype(np.float32), size / total


def _add_to_diagonal(square: Any, value: float) -> None:
    square.reshape(-1)[:: len(square) + 1] += value


class _Search:
    """The greedy search. Rows are candidates, by position; v = √weight · x.

    Each row carries vᵀGv (``quadratic``) and vᵀPv (``length``) as they were after ``stamp`` picks.
    """

    def __init__(self, query: Query, weights: FloatArray, pool: Any, seen: Float64Array, penalty: float) -> None:
        """M = penalty · I + seenᵀ seen at first, for ``seen`` ((L, d)); F is ``pool``, there."""
        self.pool, self.xp = query.geometry.rows, query.geometry.rows.xp
        self.rows, self.weights = query.candidates, weights.astype(np.float64)
        d = len(pool)
        self.seen = self.pool.up(seen if len(seen) <= d else np.asarray(np.linalg.qr(seen, mode="r")))
        self.penalty = penalty
        inner = self.seen @ self.seen.T
        _add_to_diagonal(inner, penalty)
        self.thin = self.pool.half_solved(inner, self.seen)
        projected = self.thin @ pool
        projected -= 0.5 * (projected @ self.thin.T) @ self.thin
        outer = self.thin.T @ projected
        self.g32 = self._single((pool - outer - outer.T) / penalty**2)
        self.quadratic = self.weights * self.pool.quadratic(self.g32)[query.candidates]
        self.length = self.weights * self._lengths(query)
        self.stamp = np.zeros(len(weights), np.int64)
        self.free = np.ones(len(weights), bool)

    def _lengths(self, query: Query) -> Float64Array:
        """(m,) xᵀPx of the candidates at first."""
        if 2 * len(self.thin) > len(self.g32):
            inverse = self.thin.T @ self.thin
            inverse *= -1
            _add_to_diagonal(inverse, 1)
            inverse /= self.penalty
            return self.pool.quadratic(self._single(inverse))[query.candidates].astype(np.float64)
        inside = self.pool.image_lengths(self._single(self.thin))
        norms = query.geometry.squared_norms.astype(np.float64)
        return np.maximum(norms - inside, 0)[query.candidates] / self.penalty

    def _single(self, array: Any) -> Any:
        """``array`` in float32, there."""
        return self.xp.asarray(array, dtype=self.xp.float32)

    def _double(self, array: Any) -> Any:
        """``array`` in float64, there."""
        return self.xp.asarray(array, dtype=self.xp.float64)

    def add(self, count: int) -> IntArray:
        """(count,) positions in the order in which the plain search finds them."""
        self.v, self.u, self.w = self.pool.up(np.empty((3, count, len(self.g32))))
        self.scale, self.form = np.empty((2, count))
        self.growth, self.shrinkage = np.zeros((2, count + 1))
        picks = np.empty(count, np.int64)
        done = 0
        while done < count:
            done += self._block(picks, done, min(done + STEPS, count))
        return picks

    def _block(self, picks: IntArray, start: int, stop: int) -> int:
        """Make the picks ``start`` to ``stop`` among the active rows; how many of them stand."""
        bounds = self._bounds(start)
        width = max(8 * STEPS, len(bounds) // ACTIVE)
        active = np.sort(np.argpartition(bounds, -width)[-width:]) if width < len(bounds) else np.arange(len(bounds))
        features = self.pool.take(self.rows[active])
        self._bring_up(active, start)
        quadratic, length = self.quadratic[active], self.length[active]
        weights, free = self.weights[active], self.free[active]
        gains = np.empty(stop - start)
        history = [(quadratic, length)]
        for step in range(start, stop):
            gain = np.where(free, quadratic / (1 + length), -1)
            best = int(gain.argmax())
            picks[step], gains[step - start] = active[best], gain[best]
            free[best] = False
            self._update(step, self._double(features[best]) * np.sqrt(weights[best]))
            both = self._single(self.xp.column_stack([self.u[step], self.w[step]]))
            t, r = self.pool.thin_product(features, both).T
            change, loss = self._changes(weights, t, r, slice(step, step + 1))
            quadratic, length = quadratic + change, length - loss
            history.append((quadratic, length))

        outside = self.free.copy()
        outside[active] = False
        suspects = np.flatnonzero(outside & (self._bounds(stop) >= gains.min()))
        self._bring_up(suspects, start)
        changes, losses = self._along(suspects, start, stop)
        rivals = (self.quadratic[suspects, None] + changes) / (1 + self.length[suspects, None] - losses)
        lost = np.flatnonzero(rivals[:, :-1].max(axis=0, initial=-1) > gains)
        stands = int(lost[0]) if len(lost) else stop - start
        self._set(active, *history[stands], start + stands)
        self._set(
            suspects,
            self.quadratic[suspects] + changes[:, stands],
            self.length[suspects] - losses[:, stands],
            start + stands,
        )
        self.free[picks[start : start + stands]] = False
        return stands

    def _bounds(self, now: int) -> Float64Array:
        """(m,) upper bounds on the gains after ``now`` picks; −1 for picked rows."""
        grown = self.growth[now] - self.growth[self.stamp]
        shrunk = np.exp(self.shrinkage[now] - self.shrinkage[self.stamp])
        bounds: Float64Array = (self.quadratic + self.length * grown) / (1 + self.length * shrunk)
        bounds[~self.free] = -1
        return bounds

    def _bring_up(self, rows: IntArray, now: int) -> None:
        """Make the values of ``rows`` those after ``now`` picks."""
        for stamp in np.unique(self.stamp[rows]):
            if stamp < now:
                old = rows[self.stamp[rows] == stamp]
                changes, losses = self._along(old, stamp, now)
                self._set(old, self.quadratic[old] + changes[:, -1], self.length[old] - losses[:, -1], now)

    def _along(self, rows: IntArray, start: int, stop: int) -> tuple[Float64Array, Float64Array]:
        """(r, stop − start + 1) by how much vᵀGv has grown and vᵀPv has fallen since ``start``."""
        changes, losses = np.zeros((2, len(rows), stop - start + 1))
        u, w = (self._single(vectors[start:stop].T) for vectors in (self.u, self.w))
        for block in self._blocks(np.arange(len(rows))):
            weights = self.weights[rows[block], None]
            t, r = (self.pool.down(self.pool.products(vectors, self.rows[rows[block]])) for vectors in (u, w))
            change, loss = self._changes(weights, t, r, slice(start, stop))
            changes[block, 1:] = np.cumsum(change, axis=1)
            losses[block, 1:] = np.cumsum(loss, axis=1)
        return changes, losses

    def _changes(
        self, weights: Float64Array, t: FloatArray, r: FloatArray, steps: slice
    ) -> tuple[Float64Array, Float64Array]:
        """The same for each of ``steps``, with t = uᵀx and r = wᵀx."""
        scale, form = self.scale[steps], self.form[steps]
        weighted = weights * t
        return weighted * (t * (form / scale**2) - r * (2 / scale)), weighted * (t / scale)

    def _blocks(self, rows: IntArray) -> list[IntArray]:
        return [rows[block] for block in blocks(len(rows), max(len(self.g32), 4 * STEPS))]

    def _set(self, rows: IntArray, quadratic: Float64Array, length: Float64Array, stamp: int) -> None:
        self.quadratic[rows], self.length[rows], self.stamp[rows] = quadratic, length, stamp

    def _update(self, step: int, v: Any) -> None:
        """Make ``v`` ((d,) float64, there) the pick ``step``."""
        u, w = self.u[:step], self.w[:step]
        scale, form = self.pool.up(self.scale[:step]), self.pool.up(self.form[:step])
        along, across = (u @ v) / scale, (w @ v) / scale
        own = (v - (self.thin @ v) @ self.thin) / self.penalty - along @ u
        image = self.g32 @ self._single(v) - along @ w - (across - along * form / scale) @ u
        # wᵀM w, for w = PFu: uᵀFPFu.
        own_length = self.penalty * (image @ image) + ((self.seen @ image) ** 2).sum()
        own_length = own_length + ((self.v[:step] @ image) ** 2).sum()
        gain, form_v, length = self.pool.down(self.xp.stack([v @ own, v @ image, own_length])).tolist()
        scale_v = 1 + gain
        self.v[step], self.u[step], self.w[step], self.scale[step], self.form[step] = v, own, image, scale_v, form_v
        # G changes by −(uwᵀ + wuᵀ)/s + uuᵀf/s²; in (u, w), whose Gram matrix in P⁻¹ is ((a, f), (f, h)), trace and
        # minus the determinant of what has its eigenvalues:
        trace = form_v / scale_v * (gain / scale_v - 2)
        spread = max(gain * length - form_v**2, 0) / scale_v**2
        root = np.sqrt(trace**2 + 4 * spread)
        self.growth[step + 1] = self.growth[step] + (2 * spread / (root - trace) if spread > 0 else 0)
        self.shrinkage[step + 1] = self.shrinkage[step] - np.log(scale_v)

    def prune(self, added: IntArray, size: int) -> IntArray:
        """Positions in ``added`` that stay when those whose loss hurts least are taken away one by one, ascending."""
        roots = self.pool.up(np.sqrt(self.weights[added]))
        v = self._double(self.pool.take(self.rows[added])) * roots[:, None]
        inside = v @ self.thin.T
        lengths, forms = map(self.pool.down, (v @ v.T - inside @ inside.T, (v @ self._double(self.g32)) @ v.T))
        inverse = np.linalg.inv(np.eye(len(added)) + lengths / self.penalty)
        p = np.eye(len(added)) - inverse
        g = inverse @ forms @ inverse
        # Taking a row away changes p by −aaᵀ/s and g by −(acᵀ + caᵀ): only their diagonals and one row are ever needed.
        worths, falls, left = np.diag(g).copy(), 1 - np.diag(p), np.ones(len(added), bool)
        scaled, a, c = np.empty((3, len(added) - size, len(added)))
        for step in range(len(added) - size):
            row = int(np.divide(worths, falls, out=np.full(len(added), np.inf), where=left).argmin())
            done = slice(0, step)
            scale = -falls[row]
            a[step] = p[row] - scaled[done, row] @ a[done]
            b = g[row] - a[done, row] @ c[done] - c[done, row] @ a[done]
            c[step] = b / scale - a[step] * (b[row] / (2 * scale**2))
            scaled[step] = a[step] / scale
            falls += a[step] * scaled[step]
            worths -= 2 * a[step] * c[step]
            left[row] = False
        return np.flatnonzero(left)


ENTRY = strategy(select)
