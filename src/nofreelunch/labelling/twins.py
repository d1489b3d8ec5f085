"""Near-duplicates: texts that say the same in nearly the same words are labelled once."""

import re
from collections.abc import Sequence

import numpy as np

from nofreelunch.base.arrays import FloatArray, IntArray
from nofreelunch.space.rows import unit_rows
from nofreelunch.tasks.classes import tidy

# Shares of common words (Jaccard) and cosines from which on two texts are twins; both must be reached.
WORDS, COSINE = 0.9, 0.97
# A word that more texts than this have among their rarest leads to no candidates.
COMMON = 200
ROWS, PAIRS = 4096, 100_000
MARKS = re.compile(r"[\W_]+")


def same_words(text: str) -> str:
    """``text`` in lower case and without punctuation: equal for texts that no person would label differently."""
    plain = tidy(text).casefold()
    return MARKS.sub(" ", plain).strip() or plain


def twins(texts: Sequence[str], vectors: FloatArray) -> IntArray:
    """(n,) int64 for each text the first one that it repeats, itself where there is none.

    Texts of the same words (`same_words`) are twins; so are those that share WORDS of their words and whose vectors
    have a cosine of COSINE. A text joins the first of its twins that joins none itself, so that nothing is chained.

    Args:
        texts: n texts, none empty.
        vectors: (n, d) of them.

    Source: candidates by Chaudhuri et al. 2006 and Bayardo et al. 2007: two sets with a Jaccard index of t share one of
    the ⌊(1 − t) size⌋ + 1 rarest of each.
    """
    keys = [same_words(text) for text in texts]
    first: dict[str, int] = {}
    found = np.array([first.setdefault(key, row) for row, key in enumerate(keys)], np.int64)
    leaders = np.unique(found)
    for one, other in zip(*_near([keys[row] for row in leaders], vectors[leaders]), strict=True):
        a, b = leaders[one], leaders[other]
        if found[a] == a and found[b] == b:
            found[b] = a
    return found[found]


def _near(keys: list[str], vectors: FloatArray) -> tuple[IntArray, IntArray]:
    """Pairs (earlier, later) of near-duplicates, by the later one and then the earlier."""
    from scipy import sparse
    from sklearn.feature_extraction.text import HashingVectorizer

    if len(keys) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    vectorizer = HashingVectorizer(token_pattern=r"\S+", binary=True, norm=None, alternate_sign=False, lowercase=False)  # noqa: S106 - no password
    words = vectorizer.transform(keys).tocsr()
    sizes = np.diff(words.indptr)
    counts = np.bincount(words.indices, minlength=words.shape[1])
    row = np.repeat(np.arange(len(keys)), sizes)
    order = np.lexsort((words.indices, counts[words.indices], row))
    rank = np.arange(len(row)) - np.repeat(words.indptr[:-1], sizes)
    rare = words.indices[order]
    kept = (rank <= np.floor((1 - WORDS) * sizes[row] + 1e-9)) & (counts[rare] > 1)
    shape = (len(keys), words.shape[1])
    prefix = sparse.csr_array((np.ones(kept.sum(), np.int32), (row[kept], rare[kept])), shape)
    prefix = prefix[:, np.flatnonzero((prefix.sum(axis=0) <= COMMON) & (prefix.sum(axis=0) > 1))]
    unit, pairs = unit_rows(vectors), []
    for start in range(0, len(keys), ROWS):
        hit = (prefix[start : start + ROWS] @ prefix.T).tocoo()
        later, earlier = hit.row + start, hit.col
        ahead = earlier < later
        pairs.append(np.stack([earlier[ahead], later[ahead]]))
    one, other = np.concatenate(pairs, axis=1).astype(np.int64)
    good = np.zeros(len(one), bool)
    for start in range(0, len(one), PAIRS):
        a, b = one[start : start + PAIRS], other[start : start + PAIRS]
        shared = np.asarray(words[a].multiply(words[b]).sum(axis=1)).ravel()
        alike = shared >= WORDS * (sizes[a] + sizes[b] - shared) - 1e-9
        alike[alike] = np.einsum("ij,ij->i", unit[a[alike]], unit[b[alike]]) >= COSINE
        good[start : start + PAIRS] = alike
    one, other = one[good], other[good]
    order = np.lexsort((one, other))
    return one[order], other[order]
