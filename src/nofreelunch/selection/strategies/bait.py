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

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from nofreelunch.base.arrays import Float64Array, FloatArray, IntArray
from nofreelunch.base.options import Count, Positive
from nofreelunch.selection.declare import strategy
from nofreelunch.selection.query import Query
from nofreelunch.selection.together import Block, Jointly
from nofreelunch.space.rows import blocks, slices

STEPS = 100
ACTIVE = 16
PORTION = 32
TOGETHER_BYTES = 2 * 2**30
# λ where no row carries any information.
LEAST = 1e-12


def select_all(
    block: Block,
    *,
    regularisation: Positive = 3.0,
    relative: bool = True,
    scales: Literal["paper", "authors", "group"] = "paper",
    oversample: Count = 2,
) -> list[IntArray]:
    """The rows that the search keeps, in the order it found them.

    With ``regularisation: 1.0, relative: false`` and ``scales: authors`` or ``group`` it is the search of their code.
    There a λ of 1 is meant for features that are long; rows of length 1 carry so little information, at most 1/4 in all
    directions together, that it outweighs the labelled rows (docs/strategies.md).

    Args:
        block: the requests.
        regularisation: λ.
        relative: whether λ counts in mean eigenvalues of F, tr F / d, so that it means the same for features of any
            length and number and for a head of any sureness.
        scales: what a row weighs in M; L rows are labelled. ``paper``: each one 1, as in the paper's objective, the sum
            over all that will be labelled. ``authors``: a labelled row 1/(L + b), a row of the batch b/(L + b), as in
            the authors' code. ``group``: that of the paper's group, where the labelled are summed in portions of
            `PORTION`, each by its mean: the last, short one counts as much as the others.
        oversample: how many times b rows are added before the surplus is taken away (2 in the paper).
    """
    found = {id(query): query.candidates.copy() for query in block.queries}
    searched = [query for query in block.queries if query.batch_size < len(query.candidates)]
    for part in _portions(block, len(searched)):
        own = Block(searched[part])
        searches = [
            _started(query, size, regularisation, relative, scales)
            for query, size in zip(own.queries, own.sizes, strict=True)
        ]
        counts = [min(oversample * size, len(search.rows)) for size, search in zip(own.sizes, searches, strict=True)]
        together = _add_together(own, searches, max(counts)) if block.rows.several else [searches[0].add(counts[0])]
        for query, search, added, count, size in zip(own.queries, searches, together, counts, own.sizes, strict=True):
            found[id(query)] = query.candidates[added[search.prune(added[:count], size)]]
    return [found[id(query)] for query in block.queries]


def _portions(block: Block, count: int) -> Iterator[slice]:
    """Slices of ``count`` requests whose matrices take no more than TOGETHER_BYTES on a device."""
    labelled = max(len(query.labelled) for query in block.queries)
    d = block.queries[0].features.shape[1]
    return slices(count, max(1, TOGETHER_BYTES // (4 * d * (d + 2 * (min(labelled, d) + 4 * block.size)))))


def _started(query: Query, size: int, regularisation: float, relative: bool, scales: str) -> "_Search":
    """The search of one request, of which ``size`` rows will stay, before its first pick."""
    rows = query.geometry.rows
    xp = rows.xp
    top = xp.amax(rows.up(query.scored), axis=1)
    # Shares of votes may exceed 1 in the last bit.
    information = (top * (1 - top)).clip(0)
    pool = rows.gram(information) / len(information)
    penalty = max(regularisation * (float(pool.trace()) / len(pool) if relative else 1.0), LEAST)
    labelled, batch = _weights(scales, len(query.labelled), size)
    weights = information[rows.up(query.labelled)] * rows.up(labelled)
    seen = rows.take(query.labelled) * xp.sqrt(xp.asarray(weights, dtype=xp.float64))[:, None]
    return _Search(query, information[rows.up(query.candidates)] * np.float32(batch), pool, seen, penalty)


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

    def __init__(self, query: Query, weights: Any, pool: Any, seen: Any, penalty: float) -> None:
        """M = penalty · I + seenᵀ seen at first, for ``seen`` ((L, d)); F is ``pool``, both there as ``weights``."""
        self.pool, self.xp = query.geometry.rows, query.geometry.rows.xp
        self.rows, self.weights, order = query.candidates, self._double(weights), self.pool.up(query.candidates)
        if len(seen) > len(pool):
            seen = self.pool.up(np.asarray(np.linalg.qr(self.pool.down(seen), mode="r")))
        self.seen = seen
        self.penalty = penalty
        inner = self.seen @ self.seen.T
        _add_to_diagonal(inner, penalty)
        self.thin = self.pool.half_solved(inner, self.seen)
        projected = self.thin @ pool
        projected -= 0.5 * (projected @ self.thin.T) @ self.thin
        outer = self.thin.T @ projected
        self.g32 = self._single((pool - outer - outer.T) / penalty**2)
        self.quadratic = self.weights * self.pool.quadratic(self.g32)[order]
        self.length = self.weights * self._lengths(order)
        self.stamp = np.zeros(len(self.rows), np.int64)
        self.free = np.ones(len(self.rows), bool)

    def _lengths(self, order: Any) -> Any:
        """(m,) xᵀPx of the candidates at first, there."""
        if 2 * len(self.thin) > len(self.g32):
            inverse = self.thin.T @ self.thin
            inverse *= -1
            _add_to_diagonal(inverse, 1)
            inverse /= self.penalty
            return self._double(self.pool.quadratic(self._single(inverse))[order])
        inside = self.pool.image_lengths(self._single(self.thin))
        return (self._double(self.pool.norms) - inside).clip(0)[order] / self.penalty

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
        roots = self.xp.sqrt(self.weights[self.pool.up(added)])
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


def _add_together(block: Block, searches: Sequence[_Search], count: int) -> IntArray:
    """(R, count) positions in the order in which the plain search finds them; nothing comes down until the end.

    All rows are multiplied with u and w of all runs at once for each pick: one reading of the pool, where bounds and
    blocks would save none of it. A run with fewer candidates goes on with its first one, which is cut off later.
    """
    rows, xp = block.rows, block.rows.xp
    g32, thin, weights, quadratic, length = (
        xp.nn.utils.rnn.pad_sequence([getattr(search, name) for search in searches], batch_first=True)
        for name in ("g32", "thin", "weights", "quadratic", "length")
    )
    for search, own in zip(searches, g32, strict=True):
        search.g32 = own
    penalty = rows.up(np.array([[search.penalty] for search in searches]))
    free = block.of_candidates(block.free(), False)
    u, w = rows.up(np.zeros((2, len(searches), count, g32.shape[2])))
    scale, form = rows.up(np.ones((2, len(searches), count)))
    products, picks = rows.empty(2 * len(searches), len(rows.squared_norms)), []
    for step in range(count):
        best = xp.where(free, quadratic / (1 + length), -1).argmax(axis=1)
        picks.append(best)
        at, done = block.index(best), slice(0, step)
        v = xp.asarray(rows.take(block.order[at]), dtype=xp.float64) * xp.sqrt(weights[at])[:, None]
        free[at] = False
        along, across = _times(u[:, done], v) / scale[:, done], _times(w[:, done], v) / scale[:, done]
        shares = across - along * form[:, done] / scale[:, done]
        own = (v - _times(thin.mT, _times(thin, v))) / penalty - _times(u[:, done].mT, along)
        image = (
            _times(g32, xp.asarray(v, dtype=xp.float32)) - _times(w[:, done].mT, along) - _times(u[:, done].mT, shares)
        )
        u[:, step], w[:, step] = own, image
        scale[:, step], form[:, step] = 1 + (v * own).sum(axis=1), (v * image).sum(axis=1)
        rows.scores(xp.asarray(xp.concatenate([own, image]), dtype=xp.float32), products)
        t, r = (rows.gathered(half, block.order) for half in products.reshape(2, len(searches), -1))
        s, f = scale[:, step, None], form[:, step, None]
        weighted = weights * t
        quadratic += weighted * (t * (f / s**2) - r * (2 / s))
        length -= weighted * (t / s)
    return rows.fetched(picks).T


def _times(matrices: Any, vectors: Any) -> Any:
    """(R, k) each run's matrix ((R, k, d)) times its vector ((R, d))."""
    return (matrices @ vectors[..., None])[..., 0]


select = Jointly(select_all)
ENTRY = strategy(select)
