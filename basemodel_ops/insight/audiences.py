"""Who else belongs to an audience: a head that tells its seeds from everyone else, positive and unlabelled.

A score is the probability of being a seed. Where seeds are a random part of those who belong, everyone's probability
of belonging is larger by the same factor, so the order is that of belonging (Elkan and Noto 2008); how large the factor
is, seeds alone cannot say. Nobody is scored by a head that learnt from them: an entity that is no seed yet would have
been taught as one that does not belong.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

FEWEST = 10
"""Seeds that an audience is learnt from, at least."""

FOLDS = 5

OTHERS = 50_000
"""Entities that seeds are told from, at most; of more a sample."""

PENALTIES = (0.001, 0.01, 0.1, 1.0)
"""Inverse strengths of the penalty; the one under which held-out seeds are likeliest is taken."""

FIRST = (0.01, 0.05, 0.1)
"""Shares of the entities, the highest scores first, among which held-out seeds are counted."""


@dataclass(frozen=True)
class Membership:
    """How likely each entity is a seed, and how well that finds seeds that were held out."""

    probability: np.ndarray  # (entities,) float64, in [0, 1]
    auroc: float
    lift: tuple[float, ...]  # held-out seeds among the first of all entities, over those that chance would find


def membership(embeddings: np.ndarray, seeds: np.ndarray, seed: int = 0) -> Membership:
    """Score every entity by how much it is like the seeds, by five heads of which none saw it.

    Args:
        embeddings: Of all entities, (entities, numbers).
        seeds: Which of them are seeds, bool (entities,); at least `FEWEST`, and not all.
        seed: Of folds and of the sample of others.
    """
    draw = np.random.default_rng(seed)
    values = embeddings.astype(np.float32)
    deviation, mean = values.std(axis=0), values.mean(axis=0)
    values -= mean
    values /= np.where(deviation > 1e-6, deviation, np.float32(1))
    fold = np.empty(len(seeds), np.int64)
    for members in (np.flatnonzero(seeds), np.flatnonzero(~seeds)):  # as many seeds in each
        fold[draw.permutation(members)] = np.arange(len(members)) % FOLDS
    others = np.flatnonzero(~seeds)
    kept = np.sort(draw.choice(others, min(OTHERS, len(others)), replace=False))
    learnt = np.sort(np.concatenate([np.flatnonzero(seeds), kept]))
    # A sample of others makes seeds look frequent; the odds are brought back by the share that was drawn.
    shift = float(np.log(len(kept) / len(others)))
    results = [_held_out(values, seeds, fold, learnt, penalty, shift) for penalty in PENALTIES]
    chance = min(results, key=lambda entry: log_loss(seeds, entry))
    return Membership(
        chance, float(roc_auc_score(seeds, chance)), tuple(lift_of(chance, seeds, share) for share in FIRST)
    )


def _held_out(
    values: np.ndarray, seeds: np.ndarray, fold: np.ndarray, learnt: np.ndarray, penalty: float, shift: float
) -> np.ndarray:
    """The probability of being a seed by a head that did not learn from the entity, (entities,)."""
    chance = np.zeros(len(seeds))
    for part in range(FOLDS):
        rows = learnt[fold[learnt] != part]
        head = LogisticRegression(C=penalty, max_iter=300).fit(values[rows], seeds[rows])
        queried = np.flatnonzero(fold == part)
        logit = head.decision_function(values[queried]) + shift
        chance[queried] = 1 / (1 + np.exp(-logit))
    return chance


def lift_of(scores: np.ndarray, seeds: np.ndarray, share: float) -> float:
    """Seeds among the highest-scored `share` of all, over as many drawn at random; of equal scores the first count."""
    first = np.argsort(-scores, kind="stable")[: max(round(share * len(scores)), 1)]
    return float(seeds[first].mean() / seeds.mean())
