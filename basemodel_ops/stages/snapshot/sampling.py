"""Which rows are represented, planned before any is: entities by a hash, and of each some of its cutoffs.

Learning costs what the bounds say, however many entities there are. Where all rows fit, all are drawn.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import pyarrow as pa

from basemodel_ops.encoders.hashing import hash_values, pair_ids
from basemodel_ops.tasks.split import Split

LEAST_POSITIVES = 2_000
"""Where fewer positive rows than this would be drawn, as many as there are are kept, and weighted back."""

PER_ENTITY = 8
"""Cutoffs of an entity that are drawn where not all rows can be: several of many entities, not all of few."""

ENTITY_SALT = 0x5EED
"""Keeps the draw of entities apart from that of their folds."""


def hashes_of(entities: pa.Array, seed: int) -> np.ndarray:
    """A hash of each entity by which rows are drawn, uint64 (entities,)."""
    return pair_ids(hash_values(entities).view(np.int64), np.full(len(entities), seed)).view(np.uint64)


def shares(hashes: np.ndarray, salt: np.ndarray) -> np.ndarray:
    """Numbers in [0, 1) from hashes (rows,) and something that tells draws apart, int64 (rows,)."""
    return (pair_ids(hashes.view(np.int64), salt).view(np.uint64) >> np.uint64(11)) * 2.0**-53


@dataclass(frozen=True)
class Draw:
    """A share of the entities, and of the cutoffs of each."""

    entities: float = 1.0
    cutoffs: float = 1.0

    def keeps(self, hashes: np.ndarray, cutoff: np.ndarray, read: float = 1.0) -> np.ndarray:
        """Which rows are drawn, bool (rows,).

        Args:
            hashes: Hash of the entity of each row, uint64.
            cutoff: Its cutoff, microseconds.
            read: The share of entities, by the warehouse's own hash, that the rows are of.
        """
        of_entities = shares(hashes, np.full(len(hashes), ENTITY_SALT)) < self.entities / read
        return of_entities & (shares(hashes, cutoff) < self.cutoffs)


def draw(rows: float, most: int, cutoffs: int) -> Draw:
    """At most `most` of `rows` rows at `cutoffs` cutoffs, about."""
    share = min(1.0, most / max(rows, 1))
    per_entity = min(1.0, max(share, PER_ENTITY / max(cutoffs, 1)))
    return Draw(share / per_entity, per_entity)


@dataclass(frozen=True)
class TaskPlan:
    """The rows of a task: how many there are of each part, and which are drawn."""

    read: float
    """Share of the entities whose rows are read."""
    rows: dict[str, int]
    draws: dict[str, Draw]
    seed: int = 0
    positives: float = 0.0
    """Share of the entities whose positive rows are all kept; 0 where they are drawn like others."""

    def drawn(self, part: str) -> float:
        """The share of a part's rows that are drawn."""
        draw = self.draws[part]
        return draw.entities * draw.cutoffs

    def keeps(self, part: np.ndarray, entities: pa.Array, cutoff: np.ndarray) -> np.ndarray:
        """Which rows are drawn, bool (rows,), of rows in parts (rows,); of other parts all are."""
        kept, hashes = np.ones(len(part), bool), hashes_of(entities, self.seed)
        for name, draw in self.draws.items():
            selected = np.flatnonzero(part == name)
            kept[selected] = draw.keeps(hashes[selected], cutoff[selected], self.read)
        return kept

    def to_dict(self) -> dict[str, object]:
        """A JSON-able form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping) -> "TaskPlan":
        """The inverse of `content`."""
        draws = {name: Draw(**entry) for name, entry in content["draws"].items()}
        return cls(content["read"], dict(content["rows"]), draws, content["seed"], content["positives"])


def plan_task(
    counts: Mapping[int, int],
    split: Split | None,
    complete: np.ndarray,
    most: Mapping[str, int],
    seed: int = 0,
    positives: Mapping[int, int] | None = None,
) -> TaskPlan:
    """Which rows of a task are drawn.

    Args:
        counts: Rows at each cutoff (microseconds).
        split: The cutoffs of each part; None for a trait, whose rows all train.
        complete: Cutoffs whose window is over.
        most: Rows of each part that are drawn, at most; those of no part ("embargo") are learnt from as well.
        seed: Of the draw.
        positives: Positive rows at each cutoff, of a task that asks for a yes or no.
    """
    if split is None:
        parts = {"train": np.array(sorted(counts), np.int64)}
    else:
        parts = {name: getattr(split, name) for name in ("train", "validation", "test")}
        known = np.concatenate(list(parts.values()))
        parts["embargo"] = complete[~np.isin(complete, known)]
    rows = {name: sum(counts.get(int(cutoff), 0) for cutoff in cutoffs) for name, cutoffs in parts.items()}
    draws = {}
    for name, cutoffs in parts.items():
        if split is None:  # one row of an entity is learnt from, however many repeat it
            draws[name] = Draw(min(1.0, most["train"] * len(cutoffs) / max(rows[name], 1)))
        elif name in ("train", "embargo"):
            there = rows["train"] + rows.get("embargo", 0)
            draws[name] = draw(there, most["train"], len(parts["train"]))
        else:
            entry = draw(rows[name], most[name], 1)
            draws[name] = Draw(entry.entities * entry.cutoffs, 1.0)
    plan = TaskPlan(max((draw.entities for draw in draws.values()), default=1.0), rows, draws, seed)
    there = sum((positives or {}).get(int(cutoff), 0) for cutoff in parts["train"])
    return plan if split is None else keeping_positives(plan, there, most["train"])


def keeping_positives(plan: TaskPlan, there: int, most: int) -> TaskPlan:
    """The same plan, with all of the few positive training rows where too few of those that are `there` are drawn."""
    if not there or there * plan.drawn("train") >= min(LEAST_POSITIVES, there):
        return plan
    return replace(plan, positives=min(1.0, most / 4 / there))


def read_together(plans: Mapping[str, TaskPlan], least: float) -> dict[str, TaskPlan]:
    """The same plans over one share of entities, at least `least`: what is drawn for one is read for all."""
    read = min(1.0, max([least, *(plan.read for plan in plans.values())]))
    return {name: replace(plan, read=read) for name, plan in plans.items()}
