"""Who else belongs to an audience: a head that tells its seeds from everyone else, positive and unlabelled.

A score is the probability of being a seed. Where seeds are a random part of those who belong, everyone's probability
of belonging is larger by the same factor, so the order is that of belonging (Elkan and Noto 2008); how large the factor
is, seeds alone cannot say. Nobody is scored by a head that learnt from them: an entity that is no seed yet would have
been taught as one that does not belong.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.preprocessing import StandardScaler

FEWEST = 10
"""Seeds that an audience is learnt from, at least."""

FOLDS = 5

MOST = 50_000
"""Seeds that are learnt from, and others that they are told from, at most each; of more a sample."""

PENALTIES = (0.0001, 0.0003, 0.001, 0.01, 0.1, 1.0)
"""Inverse strengths of the penalty, the strongest first."""

FIRST = (0.01, 0.05, 0.1)
"""Shares of the entities, the highest scores first, among which held-out seeds are counted."""


@dataclass(frozen=True)
class Membership:
    """How likely each entity is a seed, and how well that finds seeds that were held out."""

    probability: np.ndarray  # (entities,) float64, in [0, 1]
    auroc: float
    lift: tuple[float, ...]  # held-out seeds among the first of all entities, over those that chance would find


def membership(parts: Iterable[np.ndarray], seeds: np.ndarray, seed: int = 0) -> Membership:
    """Score every entity by how much it is like the seeds, by five heads of which none saw it.

    Args:
        parts: What is known of the entities, some after others, each (entities, numbers); it is gone through twice.
        seeds: Which of them are seeds, bool (entities,); at least `FEWEST`, and not all.
        seed: Of folds and of samples.
    """
    draw = np.random.default_rng(seed)
    fold = np.empty(len(seeds), np.int64)
    kinds = [np.flatnonzero(seeds), np.flatnonzero(~seeds)]
    for members in kinds:  # as many seeds in each
        fold[draw.permutation(members)] = np.arange(len(members)) % FOLDS
    kept = [np.sort(draw.choice(members, min(MOST, len(members)), replace=False)) for members in kinds]
    rows = np.sort(np.concatenate(kept))
    values = _taken(parts, rows)
    scaler = StandardScaler().fit(values)
    heads = _likeliest(np.asarray(scaler.transform(values)), seeds[rows], fold[rows])
    # A sample makes seeds look more frequent, or less; the odds are brought back by the shares that were drawn.
    shares = [len(sample) / len(members) for sample, members in zip(kept, kinds, strict=True)]
    chance, low = np.empty(len(seeds)), 0
    for part in parts:
        at = slice(low, low := low + len(part))
        logits = _logits(heads, np.asarray(scaler.transform(part.astype(np.float32))), fold[at])
        chance[at] = expit(logits + np.log(shares[1] / shares[0]))
    return Membership(
        chance, float(roc_auc_score(seeds, chance)), tuple(lift_of(chance, seeds, share) for share in FIRST)
    )


def _likeliest(values: np.ndarray, seeds: np.ndarray, fold: np.ndarray) -> list[LogisticRegression]:
    """A head per fold that did not learn from it, of the penalty under which held-out rows are likeliest.

    Weaker penalties are tried for as long as that helps.
    """
    training_rows = [np.flatnonzero(fold != part) for part in range(FOLDS)]
    heads: list[LogisticRegression] = []
    least = np.inf
    for penalty in PENALTIES:
        weaker = [LogisticRegression(C=penalty, max_iter=300).fit(values[rows], seeds[rows]) for rows in training_rows]
        loss = log_loss(seeds, expit(_logits(weaker, values, fold)))
        if loss >= least:
            break
        heads, least = weaker, loss
    return heads


def _logits(heads: list[LogisticRegression], values: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Of rows by the head of their fold, (rows,)."""
    return np.stack([head.decision_function(values) for head in heads])[fold, np.arange(len(fold))]


def _taken(parts: Iterable[np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Rows (positions, ascending) of all parts together, float32 (rows, numbers)."""
    results, low = [], 0
    for part in parts:
        first, last = np.searchsorted(rows, (low, low + len(part)))
        results.append(part[rows[first:last] - low].astype(np.float32))
        low += len(part)
    return np.concatenate(results)


def lift_of(scores: np.ndarray, seeds: np.ndarray, share: float) -> float:
    """Seeds among the highest-scored `share` of all, over as many drawn at random; of equal scores the first count."""
    first = np.argsort(-scores, kind="stable")[: max(round(share * len(scores)), 1)]
    return float(seeds[first].mean() / seeds.mean())
