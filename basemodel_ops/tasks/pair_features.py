"""What speaks for an item to an entity at a cutoff: one row of numbers per pair, for a ranker that learns from them.

All of it is of events strictly before the cutoff. Nothing names the entity or the item, so that what is learnt holds
for both when they are new.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from basemodel_ops.foundation.retrieval import POOLS, pools
from basemodel_ops.tasks.interactions import NEVER, POPULAR_DAYS, InteractionSnapshot
from basemodel_ops.tasks.kernels import follow, products, products_at, values_at
from basemodel_ops.tasks.relations import Relations

HALF_LIVES = (7.0, 30.0, 60.0, 120.0)
"""Days, of personal counts."""

STEPS = (1.0, 3.0, 10.0)
"""Half-lives in sessions of the entity, of what its items are followed by."""

FAINT = 1 / 128
"""Weights of sessions below which they are left out: seven half-lives."""


@dataclass(frozen=True)
class PairFeatures:
    """What a list of entities did, from which the numbers of any pair are read off."""

    interactions: InteractionSnapshot
    decayed_counts: list[csr_matrix]  # per half-life (entities, items) decayed counts
    recent_counts: list[csr_matrix]  # the same by sessions, per half-life of `STEPS`, with the same places each
    interaction_days: csr_matrix  # (entities, items) as in the market
    pools: np.ndarray  # (entities, pools, dimension) unit length
    log_counts: csr_matrix  # (entities, similar items) log of decayed counts
    attribute_shares: list[list[csr_matrix]]  # of long and of the last sessions, per fact (entities, values)
    queries: np.ndarray  # (entities, dimension) of the network
    log_partition: np.ndarray  # (entities,) what logits are measured against, see `Retrieval.log_partition`
    activity: np.ndarray  # (entities, 4)

    @classmethod
    def of(cls, interactions: InteractionSnapshot, entities: np.ndarray) -> "PairFeatures":
        """What these entities (indices) did, for their pairs with any items."""
        row = np.full(interactions.entities, -1)
        row[entities] = np.arange(len(entities))
        selected = row[interactions.entity_index] >= 0
        entity_index = row[interactions.entity_index[selected]]
        item, age, item_models = interactions.item[selected], interactions.age[selected], interactions.item_models
        shape = (len(entities), len(item_models.vectors))
        decayed_counts = [_summed(np.exp2(-age / half_life), entity_index, item, shape) for half_life in HALF_LIVES]
        history_range = interactions.sequences.complete_histories(entities)
        back = history_range[2][entity_index] - 1 - interactions.sequences.session_index[selected]
        faded = np.exp2(-back / np.array(STEPS)[:, None]).astype(np.float32)
        faded[faded < FAINT] = 0
        is_recent = faded.any(axis=0)
        # All have the same places, also where only the longest half-life has a weight.
        recent_counts = [
            _summed(weight, entity_index[is_recent], item[is_recent], shape) for weight in faded[:, is_recent]
        ]
        attribute_shares = [
            [_shares(counts, codes) for codes in item_models.attributes.values()]
            for counts in (decayed_counts[-1], recent_counts[0])
        ]
        interaction_days = csr_matrix(interactions.interaction_days[entities])
        recent = np.bincount(entity_index[age <= 28], minlength=len(entities))
        oldest, times = np.zeros(len(entities)), np.zeros(len(entities))
        np.maximum.at(oldest, entity_index, age)
        np.maximum.at(times, entity_index, back + 1)
        activity = np.stack([recent, np.diff(interaction_days.indptr), oldest, times], axis=1)
        queries = item_models.retrieval.queries(interactions.sequences, entities)
        pooled = pools(interactions.sequences, history_range, item_models.vectors)
        log_partition = item_models.retrieval.log_partition(queries)
        return cls(
            interactions,
            decayed_counts,
            recent_counts,
            interaction_days,
            pooled,
            _log_counts(item_models.relations, entity_index, item, age, len(entities)),
            attribute_shares,
            queries,
            log_partition,
            np.log1p(activity),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each number."""
        attributes = range(len(self.interactions.item_models.attributes))
        return (
            *(f"personal_{half_life:g}" for half_life in HALF_LIVES), "days", "since", "gap", "due",
            *(f"popular_{days}" for days in POPULAR_DAYS), "trend", "repeats",
            *(f"close_{pool}" for pool in range(POOLS)),
            *(f"follows_{half_life:g}" for half_life in STEPS), "similar", "learnt",
            *(f"{kind}_{attribute}" for attribute in attributes for kind in ("share", "lift", "last")),
            "recent", "distinct", "tenure", "sessions",
        )  # fmt: skip

    def follows(self, chosen: np.ndarray, items: np.ndarray, steps: slice = slice(None)) -> np.ndarray:
        """How much items (chosen, items each) follow what the chosen entities had, by some of the half-lives in
        `STEPS`; float32 (half-lives, chosen, items each)."""
        recent_counts, follows = self.recent_counts[steps], self.interactions.item_models.relations.follows
        out = np.zeros((len(recent_counts), *items.shape), np.float32)
        follow(
            chosen,
            recent_counts[0].indptr,
            recent_counts[0].indices,
            np.stack([counts.data for counts in recent_counts]),
            follows.indptr,
            follows.indices,
            follows.data,
            len(self.interactions.item_models.vectors),
            items,
            out,
        )
        return out

    def logits(self, chosen: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Logits of items (items,) by the network, float32 (chosen, items)."""
        retrieval = self.interactions.item_models.retrieval
        return self.queries[chosen] @ retrieval.items[items].T + retrieval.bias[items]

    def rows(self, chosen: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Numbers of the pairs of the chosen entities with their items, float32 (chosen, items each, names)."""
        interactions, item_models = self.interactions, self.interactions.item_models
        parts = [np.log1p(values_at(counts[chosen], items)) for counts in self.decayed_counts]
        index = values_at(self.interaction_days[chosen], items)
        count, gap, last = (
            np.where(index > 0, np.append(values, missing)[index - 1], missing)
            for values, missing in ((interactions.count, 0.0), (interactions.gap, NEVER), (interactions.last, NEVER))
        )
        parts += [np.log1p(count), np.log1p(last), np.log1p(gap), np.minimum(last / np.maximum(gap, 0.5), 20)]
        popular = [counts[items] for counts in interactions.item_statistics.popularity]
        parts += [*popular, popular[0] - popular[-1], interactions.item_statistics.repeats[items]]
        similarity = np.empty((POOLS, *items.shape), np.float32)
        products(self.pools[chosen], item_models.vectors, items, similarity)
        parts += list(similarity)
        parts += list(self.follows(chosen, items))
        parts.append(
            products_at(
                self.log_counts[chosen], item_models.relations.ease_weights, item_models.relations.ease_index[items]
            )
        )
        logits = np.empty((1, *items.shape), np.float32)
        products(self.queries[chosen][:, None], item_models.retrieval.items, items, logits)
        parts.append(logits[0] + item_models.retrieval.bias[items] - self.log_partition[chosen, None])
        for attribute, (codes, base_shares) in enumerate(
            zip(item_models.attributes.values(), interactions.item_statistics.base_shares, strict=True)
        ):
            group = codes[items]
            known = np.maximum(group, 0)
            share, newest = (
                np.where(group >= 0, values_at(attribute_shares[attribute][chosen], known), 0)
                if len(base_shares)
                else 0 * group
                for attribute_shares in self.attribute_shares
            )
            parts += [share, np.log((share + 1e-4) / (np.append(base_shares, 1.0)[group] + 1e-4)), newest]
        parts += [np.broadcast_to(column[chosen, None], items.shape) for column in self.activity.T]
        out = np.empty((*items.shape, len(parts)), np.float32)
        for column, values in enumerate(parts):
            out[:, :, column] = values
        return out


def _summed(values: np.ndarray, row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> csr_matrix:
    """A sparse matrix with each place once and in order, which is what makes looking places up fast."""
    result = csr_matrix((values, (row, column)), shape)
    result.sum_duplicates()
    return result


def _log_counts(
    relations: Relations, entity_index: np.ndarray, item: np.ndarray, age: np.ndarray, entities: int
) -> csr_matrix:
    """Log of decayed counts of the items that EASE knows, (entities, similar items)."""
    ease_index = relations.ease_index[item]
    kept = ease_index >= 0
    log_counts = csr_matrix(
        (np.exp2(-age[kept] / HALF_LIVES[-1]), (entity_index[kept], ease_index[kept])),
        (entities, len(relations.ease_weights)),
    )
    log_counts.data = np.log1p(log_counts.data)
    return log_counts


def _shares(counts: csr_matrix, codes: np.ndarray) -> csr_matrix:
    """Share of each value of a fact in what entities had, (entities, values)."""
    known = np.flatnonzero(codes >= 0)
    groups = int(codes.max(initial=-1)) + 1
    onto = csr_matrix((np.ones(len(known)), (known, codes[known])), (len(codes), groups))
    result = csr_matrix(counts @ onto)
    total = np.maximum(np.asarray(result.sum(axis=1)).ravel(), 1e-9)
    result = csr_matrix(diags_array(1 / total) @ result)
    result.sum_duplicates()
    return result
