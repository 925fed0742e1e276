"""Views of rows for the heads: which features of a representation and which answers of the checkpoint they read."""

import numpy as np
import pyarrow as pa

from basemodel_ops.contract.types import Aggregate, Task
from basemodel_ops.encoders.numbers import signed_expm1, squash
from basemodel_ops.errors import DataError
from basemodel_ops.representation.recent import RAREST
from basemodel_ops.stages.features.rows import FACTS, Represented
from basemodel_ops.stages.foundation import targets
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.tasks.contrasts import Contrast, contrasted, contrasts
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks.multilabel import PairViews
from basemodel_ops.tasks.single import Views

UNKNOWN_LOGIT = -8.0
"""What the checkpoint is taken to say of a label it never learnt."""


def single_views(examples: Represented, checkpoint: Checkpoint, place: np.ndarray, task: Task) -> Views:
    """Views for a single-answer task. A trait is read from the raw representation, without the facts it is made of."""
    pick = automatic_positions(examples, task)
    if task.horizon is None:
        raw = _slow(examples, "scalar", "count", "pooled", *FACTS, without=task.reads)
        values = examples.gather(place, np.concatenate([pick, raw])).astype(np.float32)
        return Views(values[:, : len(pick)], values[:, len(pick) :], is_raw=True)
    learnt = checkpoint.activity(examples, place)
    answer = zero_shot_answer(checkpoint, learnt, task)
    # Futures of the source that is asked for say most; with few labels the others are noise to a head.
    source = None if task.predicts is None else task.predicts.source
    asked = [n for n, block in enumerate(checkpoint.blocks) if source in (None, block.source)]
    items = item_positions(examples)
    values, items = examples.gather(place, pick).astype(np.float32), examples.gather(place, items)
    values = np.hstack([values, contrasted(values, pick, _contrasts(examples, task))])
    return Views(values, learnt[:, asked], answer, items)


def item_positions(examples: Represented) -> np.ndarray:
    """Input positions of the newest events and of the most frequent items of each column."""
    blocks = [block for block in examples.layout.blocks if block.kind in (*targets.OF_ITEMS, *targets.RECENT)]
    share = targets.TOP_ITEMS // max(sum(block.kind in targets.OF_ITEMS for block in blocks), 1)
    most = min(max(share, targets.LEAST_ITEMS), targets.MOST_ITEMS)
    found = [np.arange(block.offset, min(block.end, block.offset + most)) for block in blocks]
    return np.concatenate([*found, np.zeros(0, np.int64)])


def peer_keys(examples: Represented, place: np.ndarray) -> np.ndarray:
    """Which groups the entities share with others, int64 (rows, kinds): see `tasks.peers`.

    Of every category column the newest item, the newest two in order, and the usual one.
    """
    columns = dict.fromkeys((block.source, block.column) for block in examples.layout.select("recent_item"))
    wanted = [
        block.offset
        for column in columns
        for kind, detail in (("recent_item", "1"), ("recent_item", "2"), ("profile", "usual"))
        for block in examples.layout.select(kind, *column)
        if block.detail == detail
    ]
    found = examples.gather(place, np.array(wanted, np.int64)).astype(np.int64).reshape(len(place), -1, 3)
    pairs = found[:, :, 0] * (RAREST + 1) + found[:, :, 1]
    return np.stack([found[:, :, 0], pairs, found[:, :, 2]], axis=2).reshape(len(place), -1)


def _contrasts(examples: Represented, task: Task) -> list[Contrast]:
    """Trends and averages, for questions of an amount at a time; a yes or no has no use for them."""
    is_amount = task.form.is_amount and task.horizon is not None
    return contrasts(examples.layout) if is_amount else []


def automatic_positions(examples: Represented, task: Task) -> np.ndarray:
    """Input positions of the automatic aggregates of `single_views`, in order; contrasts of these stand after them."""
    if task.horizon is None:
        return _slow(examples, "scalar", "count", *FACTS, without=task.reads)
    return examples.positions(*targets.READ, without=task.reads)


def _slow(examples: Represented, *kinds: str, without: tuple[str, ...]) -> np.ndarray:
    """Positions of these kinds, of counts and pools the longest half-life: a trait does not change within weeks."""
    faded = [block for block in examples.layout.blocks if block.kind in ("count", "pooled")]
    longest = max((float(block.detail) for block in faded), default=0.0)
    shorter = [np.arange(block.offset, block.end) for block in faded if float(block.detail) < longest]
    positions = examples.positions(*kinds, without=without)
    return positions[~np.isin(positions, np.concatenate([*shorter, np.zeros(0, np.int64)]))]


def automatic_names(examples: Represented, task: Task) -> list[str]:
    """Names of the automatic aggregates of `single_views`, in order."""
    names = {
        place: " ".join(part for part in (block.source, block.column, block.kind, block.detail) if part)
        for block in examples.layout.blocks
        for place in range(block.offset, block.end)
    }
    numbers = [names[place] for place in automatic_positions(examples, task).tolist()]
    return numbers + [contrast.name for contrast in _contrasts(examples, task)]


FEWEST = 0.05
"""Events that a mean is taken over at least: fewer that are foreseen would make anything of it."""


def _asking(task: Task, aggregate: Aggregate) -> Task:
    """The same task, asking for another aggregate."""
    if task.predicts is None:
        return task
    return task.model_copy(update={"predicts": task.predicts.model_copy(update={"aggregate": aggregate})})


def zero_shot_answer(checkpoint: Checkpoint, activity: np.ndarray, task: Task) -> np.ndarray | None:
    """What the checkpoint answers to a task that asks for a future it learnt, float64 (rows, 1); else None.

    A probability for a yes or no, the logarithm of an amount for a number. A mean is the sum over the count.
    """
    if task.predicts is None or task.predicts.aggregate is None or task.horizon is None:
        return None
    aggregate = task.predicts.aggregate
    if aggregate is Aggregate.MEAN:
        parts = [zero_shot_answer(checkpoint, activity, _asking(task, one)) for one in (Aggregate.SUM, Aggregate.COUNT)]
        if any(part is None for part in parts):
            return None
        total, count = (signed_expm1(np.asarray(part)) for part in parts)
        return squash(total / np.maximum(count, FEWEST))
    kind = "any" if aggregate in (Aggregate.ANY, Aggregate.NONE) else "amount"
    column = {Aggregate.COUNT: "events", Aggregate.SUM: task.predicts.column}.get(aggregate, "")
    wanted = (kind, task.predicts.source, column, str(task.horizon))
    at = [n for n, b in enumerate(checkpoint.blocks) if (b.kind, b.source, b.column, b.detail) == wanted]
    if not at:
        return None
    value = activity[:, at].astype(np.float64)
    if kind == "amount":
        return value
    return 1 / (1 + np.exp(value if aggregate is Aggregate.NONE else -value))


def pair_views(
    ws: Workspace, examples: Represented, checkpoint: Checkpoint, place: np.ndarray, task: Task, labels: pa.Array
) -> PairViews:
    """Views of (row, label) pairs; a label among the exactly kept things carries its own features, others zeros."""
    if task.predicts is None:
        raise DataError(f"Task {task.name} does not say which event column it predicts. Add `predicts`.")
    source, column = task.predicts.source, task.predicts.column
    at = targets.label_places(ws, source, column, labels)
    known = (at >= 0) & (at < examples.layout.select("recency", source, column)[0].length)
    things = np.where(known, at, 0)
    found = checkpoint.things(examples, place, source, column, task.horizon or 0, things)
    own, learnt = (
        np.where(known[None, :, None], values, unknown)
        for values, unknown in ((found.own, 0), (found.learnt, UNKNOWN_LOGIT))
    )
    return PairViews(own, learnt, found.shared, found.share)
