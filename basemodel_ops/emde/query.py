"""Asking a sketch what it contains: the approximate inverse. Its error is measured by `benchmarks/decode.py`.

A sketch here is (depth, width), or (half-lives, depth, width) where ages are asked for; codes are the cells of all
elements that may be in it, (elements, depth).
"""

from dataclasses import dataclass

import numpy as np
from numba import njit


def _cell_weights(sketch: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Mass of each element's cell in each row, float64 (elements, depth)."""
    return np.take_along_axis(np.asarray(sketch, np.float64), codes.T.astype(np.int64), axis=1).T


def item_scores(sketch: np.ndarray, codes: np.ndarray, epsilon: float = 1e-6) -> np.ndarray:
    """Log of the geometric mean, over rows, of each element's share: float32 (elements,).

    Args:
        sketch: (depth, width), any non-negative scale.
        codes: (elements, depth).
        epsilon: Share given to an empty cell.
    """
    total_weight = sketch.sum(axis=1, keepdims=True)
    shares = np.divide(sketch, total_weight, out=np.zeros_like(sketch, dtype=np.float64), where=total_weight > 0)
    logs = np.log(shares + epsilon)
    return np.take_along_axis(logs, codes.T, axis=1).mean(axis=0).astype(np.float32)


def decoded_counts(
    sketch: np.ndarray, codes: np.ndarray, prior: np.ndarray | None = None, iterations: int = 50
) -> np.ndarray:
    """Decayed count of every element, such that together they explain the cells: float64 (elements,).

    Elements with an empty cell are not there. The others share the mass of each cell by expectation maximisation
    (Richardson-Lucy): the maximum likelihood of counts under the sketch, which assigns no mass twice, where the
    smallest cell alone gives every element the mass of those it collides with.

    Args:
        prior: How frequent elements are in general; where the sketch cannot tell elements apart it decides.
    """
    total_weight = _cell_weights(sketch, codes)
    counts = np.zeros(len(codes))
    there = np.flatnonzero(total_weight.min(axis=1) > 0)
    if len(there) == 0:
        return counts
    observed, width = total_weight[there], sketch.shape[1]
    cells = codes[there].astype(np.int64) + np.arange(codes.shape[1]) * width  # (candidates, depth)
    guess = np.exp(np.log(observed).mean(axis=1))
    if prior is not None:
        chance = np.asarray(prior, np.float64)[there]
        guess = guess * (chance + 1e-3 * chance.max() + 1e-300)
    guess *= observed.sum() / observed.size / guess.mean()
    _share_out(cells, observed, guess, codes.shape[1] * width, iterations)
    counts[there] = guess
    return counts


@njit(cache=True, nogil=True)
def _share_out(cells: np.ndarray, observed: np.ndarray, guess: np.ndarray, size: int, iterations: int) -> None:
    """Expectation maximisation of counts (candidates,), in place, by the mass of their cells (candidates, depth)."""
    candidates, depth = cells.shape
    for _ in range(iterations):
        expected = np.zeros(size)
        for candidate in range(candidates):
            for row in range(depth):
                expected[cells[candidate, row]] += guess[candidate]
        for candidate in range(candidates):
            total = 0.0
            for row in range(depth):
                total += observed[candidate, row] / max(expected[cells[candidate, row]], 1e-300)
            guess[candidate] *= total / depth


def effective_age(shorter: np.ndarray, longer: np.ndarray, half_lives: tuple[float, float]) -> np.ndarray:
    """Age at which one event would leave these masses at two half-lives, in their unit; not-a-number without mass.

    A single event of age a leaves weight x 2^(-a / half-life), so the ratio of both masses gives a, and the weight
    cancels. Of several events it is an age between the newest and the oldest, nearer to the newest.
    """
    there = (shorter > 0) & (longer > 0)
    ratio = np.divide(longer, shorter, out=np.ones_like(longer, dtype=np.float64), where=there)
    age = np.log2(np.maximum(ratio, 1)) / (1 / half_lives[0] - 1 / half_lives[1])
    return np.where(there, age, np.nan)


@dataclass(frozen=True)
class SketchContents:
    """What a sketch says of each element asked for, one row each."""

    probability: np.ndarray
    """Chance that the element is in the history, 0 when one of its cells is empty."""
    chance: float
    """Share of all elements of which no cell is empty: how often an absent element looks present."""
    score: np.ndarray
    """Log of the geometric mean of its shares; ranks elements by how well they fit the history."""
    count: np.ndarray
    """Decayed count at the longest half-life."""
    age: np.ndarray
    """When-ish: the effective age, in the unit of the half-lives; not-a-number where the element is not there."""


def distinct_estimate(sketch: np.ndarray, codes: np.ndarray) -> float:
    """How many distinct elements the history holds, from the share of empty cells (linear counting).

    Each row gives -1 / p log(empty share), p the chance of a cell; the row that collides least counts.
    """
    items, width = codes.shape[0], sketch.shape[1]
    best = 0.0
    for row in range(codes.shape[1]):
        share = np.bincount(codes[:, row].astype(np.int64), minlength=width) / max(items, 1)
        empty = sketch[row] <= 0
        low, high = 0.0, float(items)
        filled = width - empty.sum()
        # Expected filled cells grow with the number of elements drawn: solve by bisection.
        for _ in range(40):
            middle = (low + high) / 2
            if (1 - (1 - np.minimum(share, 1 - 1e-12)) ** middle).sum() < filled:
                low = middle
            else:
                high = middle
        best = max(best, low)
    return best


def _presence(counts: np.ndarray, result: float) -> np.ndarray:
    """Chance that each element is there, count / (count + level), with the level at which chances add up to `result`.

    All that is there has a decoded count, and some elements only look so; large counts are there almost surely.
    """
    there = counts[counts > 0]
    if len(there) == 0:
        return np.zeros(len(counts))
    low, high = 0.0, float(there.sum()) / max(result, 1e-12)
    for _ in range(60):
        level = (low + high) / 2
        if (there / (there + level)).sum() > result:
            low = level
        else:
            high = level
    return np.divide(counts, counts + high, out=np.zeros(len(counts)), where=counts > 0)


def query_sketch(
    sketch: np.ndarray,
    codes: np.ndarray,
    half_lives: np.ndarray,
    items: np.ndarray,
    prior: np.ndarray | None = None,
) -> SketchContents:
    """Has it, how much, and when-ish, from a sketch alone.

    Args:
        sketch: (half-lives, depth, width).
        codes: Cells of all elements, (vocabulary, depth).
        half_lives: Of the sketch, two or more for ages, (half-lives,).
        items: Rows of `codes` that are asked for, (elements,).
        prior: How frequent each element is in general, (vocabulary,).
    """
    order = np.argsort(half_lives)
    longest = sketch[order[-1]]
    candidates = _cell_weights(longest, codes).min(axis=1) > 0
    result = min(distinct_estimate(longest, codes), float(candidates.sum()))
    counts = decoded_counts(longest, codes, prior)
    probability = _presence(np.where(candidates, counts, 0), result)
    age = np.full(len(items), np.nan)
    if len(order) > 1:
        age = _ages(sketch, codes, half_lives, order, counts, items)
    return SketchContents(
        probability[items],
        float(candidates.mean()) if len(codes) else 0.0,
        item_scores(longest, codes[items]),
        counts[items],
        age,
    )


def _ages(
    sketch: np.ndarray,
    codes: np.ndarray,
    half_lives: np.ndarray,
    order: np.ndarray,
    counts: np.ndarray,
    items: np.ndarray,
) -> np.ndarray:
    """Effective ages from the cells in which the element owns the largest share of the mass."""
    depth, width = codes.shape[1], sketch.shape[2]
    cells = codes[items].astype(np.int64)
    total = np.stack(
        [np.bincount(codes[:, row].astype(np.int64), counts, width) for row in range(depth)]
    )  # (depth, width): decoded mass of each cell
    fraction = counts[items, None] / np.maximum(total[np.arange(depth), cells], 1e-300)
    weight = np.where(fraction >= fraction.max(axis=1, keepdims=True) * 0.999, 1.0, fraction**4)
    cell_weights = [(_cell_weights(sketch[half_life], codes[items]) * weight).sum(axis=1) for half_life in order]
    age = effective_age(cell_weights[0], cell_weights[-1], (float(half_lives[order[0]]), float(half_lives[order[-1]])))
    return np.where(counts[items] > 0, age, np.nan)
