"""Maximal marginal relevance: what is alike something already named is worth less (Carbonell and Goldstein, 1998)."""

import numpy as np

PART = 256
"""Entities worked on at once."""


def diversified(
    items: np.ndarray, scores: np.ndarray, is_first: np.ndarray, vectors: np.ndarray, diversity: float, k: int
) -> np.ndarray:
    """Marginal relevance of candidates, by which the k best are ranked, float64 (entities, candidates).

    One after the other is named: the one with most of (1 - diversity) x relevance - diversity x likeness to what is
    named. Its worth at that moment is its score, which therefore falls from rank to rank. Relevance is the score
    between the entity's least, 0, and best, 1; likeness the cosine of vectors, 0 at least.

    Args:
        items: (entities, candidates).
        scores: (entities, candidates), -inf for what must not be named.
        is_first: (entities, candidates) bool; others repeat a candidate and are never named.
        vectors: (items, dimension), of length 1 or 0.
        diversity: Between 0 and 1.
        k: Items to name.
    """
    allowed = np.isfinite(scores) & is_first
    least = np.where(allowed, scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    best = np.where(allowed, scores, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    with np.errstate(invalid="ignore"):
        relevance = np.where(allowed, (scores - least) / np.maximum(best - least, 1e-12), 0)
    out = np.full(scores.shape, -np.inf)
    for low in range(0, len(items), PART):
        part = slice(low, low + PART)
        out[part] = _named(vectors[items[part]], relevance[part], allowed[part], diversity, k)
    return out


def _named(vectors: np.ndarray, relevance: np.ndarray, allowed: np.ndarray, diversity: float, k: int) -> np.ndarray:
    rows = np.arange(len(relevance))
    likeness = np.zeros(relevance.shape)
    open_ = allowed.copy()
    out = np.full(relevance.shape, -np.inf)
    for _ in range(min(k, relevance.shape[1])):
        worth = np.where(open_, (1 - diversity) * relevance - diversity * likeness, -np.inf)
        chosen = worth.argmax(axis=1)
        sampled_open = open_[rows, chosen]
        out[rows[sampled_open], chosen[sampled_open]] = worth[rows[sampled_open], chosen[sampled_open]]
        open_[rows, chosen] = False
        alike = np.einsum("ed,ecd->ec", vectors[rows, chosen], vectors)
        likeness = np.maximum(likeness, alike)
    return np.where(open_, (1 - diversity) * relevance - diversity * likeness, out)
