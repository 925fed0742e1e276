"""A ranker of shortlists that learns, from what entities took next, which evidence to trust: gradient boosting."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import lightgbm as lgb
import numpy as np

from basemodel_ops.tasks.affinity import Affinity
from basemodel_ops.tasks.metrics import is_among, ranking_metrics
from basemodel_ops.tasks.recommendation import Shortlist

PART = 128
"""Entities whose pairs are laid out at once."""

NEGATIVES = 60
"""Items not taken that are learnt from, per entity."""

ENOUGH = 200
"""Entities with an item taken that a ranker needs to be fitted at all."""

ROUNDS = 80
PARAMETERS = {
    "objective": "lambdarank", "lambdarank_truncation_level": 30, "learning_rate": 0.1, "num_leaves": 31,
    "min_data_in_leaf": 50, "bagging_fraction": 0.8, "bagging_freq": 1, "feature_fraction": 0.7,
    "num_threads": 2, "deterministic": True, "force_row_wise": True, "verbose": -1,
}  # fmt: skip


@dataclass(frozen=True)
class Query:
    """Entities at one cutoff: the items put forward, what speaks for them and, where it is over, what was taken."""

    shortlist: Shortlist
    affinity: Affinity
    truth: list[np.ndarray]

    @cached_property
    def numbers(self) -> np.ndarray:
        """Numbers of all pairs, float32 (entities, candidates, names)."""
        items = self.shortlist.items
        lows = range(0, max(len(items), 1), PART)
        return np.concatenate(
            [self.affinity.rows(low, min(low + PART, len(items)), items[low:][:PART]) for low in lows]
        )

    @cached_property
    def taken(self) -> np.ndarray:
        """Which of the items put forward were taken, bool (entities, candidates)."""
        return is_among(self.shortlist.items, self.truth) & self.shortlist.is_first

    @property
    def unseen(self) -> "Query":
        """The same of items that the entity had not had before."""
        had = self.shortlist.evidence[:, :, 0] > 0
        visits = self.affinity.visits
        owned = [visits.indices[visits.indptr[row] : visits.indptr[row + 1]] for row in range(len(self.truth))]
        truth = [items[~np.isin(items, mine)] for items, mine in zip(self.truth, owned, strict=True)]
        return Query(replace(self.shortlist, is_first=self.shortlist.is_first & ~had), self.affinity, truth)


def fit_ranker(
    queries: Sequence[Query], seed: int, keep: Sequence[np.ndarray] | None = None, rounds: int = ROUNDS
) -> lgb.Booster | None:
    """Learn from all items taken and a sample of those not; None where too few entities took any.

    Args:
        queries: Of cutoffs whose window is over.
        seed: Of the sample and the trees.
        keep: Per query the entities to learn from, bool (entities,); all if not given.
        rounds: Trees.
    """
    generator = np.random.default_rng(seed)
    rows, labels, groups = [], [], []
    for number, query in enumerate(queries):
        taken = query.taken
        learnt = np.flatnonzero(taken.any(axis=1) & (True if keep is None else keep[number]))
        # A random order of the items not taken, the first of which are kept; those taken always are.
        order = np.where(query.shortlist.is_first & ~taken, generator.random(taken.shape), np.inf)
        bound = np.sort(order, axis=1)[:, [min(NEGATIVES, order.shape[1]) - 1]]
        chosen = (((order <= bound) & np.isfinite(order)) | taken)[learnt]
        rows.append(query.numbers[learnt][chosen])
        labels.append(taken[learnt][chosen])
        groups.append(chosen.sum(axis=1))
    group = np.concatenate(groups)
    if len(group) < ENOUGH:
        return None
    names = list(queries[0].affinity.names)
    data = lgb.Dataset(np.concatenate(rows), np.concatenate(labels).astype(int), group=group, feature_name=names)
    return lgb.train({**PARAMETERS, "seed": seed}, data, rounds)


def restore_ranker(text: str) -> lgb.Booster:
    """The ranker that `model_to_string` wrote."""
    return lgb.Booster(model_str=text)


def pair_scores(ranker: lgb.Booster, query: Query) -> np.ndarray:
    """Scores of all candidates, (entities, candidates)."""
    numbers = query.numbers
    flat = np.asarray(ranker.predict(numbers.reshape(-1, numbers.shape[2]), num_threads=2))
    return flat.reshape(numbers.shape[:2])


def scores_crosswise(queries: Sequence[Query], seed: int, rounds: int = ROUNDS) -> list[np.ndarray] | None:
    """Scores by rankers that learnt from the other half of the entities; None where too few entities took any."""
    halves = [np.random.default_rng([seed, 1]).random(len(query.truth)) < 0.5 for query in queries]
    found = []
    for side in (False, True):
        ranker = fit_ranker(queries, seed, [half == side for half in halves], rounds)
        if ranker is None:
            return None
        found.append([pair_scores(ranker, query) for query in queries])
    return [np.where(half[:, None], first, second) for half, first, second in zip(halves, *found, strict=True)]


def measure_scores(queries: Sequence[Query], scores: Sequence[np.ndarray], k: int = 20) -> dict[str, float]:
    """Ranking metrics of all items and of new ones, and the share of the items put forward that anyone is shown."""
    ranked = _best(queries, scores, k)
    fresh = [query.unseen for query in queries]
    new = ranking_metrics([items for query in fresh for items in query.truth], _best(fresh, scores, k))
    put_forward = np.unique(np.concatenate([query.shortlist.items.ravel() for query in queries]))
    return {
        **ranking_metrics([items for query in queries for items in query.truth], ranked),
        **{f"new_{name}": value for name, value in new.items()},
        "coverage": float(np.isin(put_forward, ranked).mean()) if len(put_forward) else 0.0,
    }


def _best(queries: Sequence[Query], scores: Sequence[np.ndarray], k: int) -> np.ndarray:
    return np.concatenate([query.shortlist.best(own, k)[0] for query, own in zip(queries, scores, strict=True)])
