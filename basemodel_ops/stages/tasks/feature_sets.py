"""Views of rows for the heads: which features of a representation and which answers of the checkpoint they read."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.contract.types import Aggregate, Task
from basemodel_ops.encoders.numbers import signed_expm1, signed_log1p
from basemodel_ops.representation.layout import Block
from basemodel_ops.representation.recent import RAREST
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.rows import ATTRIBUTES, Represented
from basemodel_ops.stages.foundation import learner_layout
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.tasks.difference_features import (
    DifferenceFeature,
    difference_features,
    difference_values,
    rate_features,
)
from basemodel_ops.stages.tasks.targets import target_of
from basemodel_ops.tasks.feature_sets import FeatureSets
from basemodel_ops.tasks.label_boosters import FEW_LABELS
from basemodel_ops.tasks.multilabel import PairFeatureSets

UNKNOWN_LOGIT = -8.0
"""What the checkpoint is taken to say of a label it never learnt."""


def single_feature_sets(
    examples: Represented, checkpoint: Checkpoint, row_index: np.ndarray, task: Task, terms: csr_array | None = None
) -> FeatureSets:
    """Views for a single-answer task. A trait is read from the raw representation, without the facts it is made of,
    and from `terms`, how often each row had each of many items."""
    pick = aggregate_positions(examples, task)
    if task.horizon is None:
        raw = _slow(examples, "scalar", "count", "pooled", *ATTRIBUTES, without=task.reads)
        values = examples.gather(row_index, np.concatenate([pick, raw])).astype(np.float32)
        return FeatureSets(values[:, : len(pick)], values[:, len(pick) :], terms=terms, is_raw=True)
    model_outputs = checkpoint.activity(examples, row_index)
    prediction = zero_shot_prediction(checkpoint, model_outputs, task)
    items = item_positions(examples)
    values, items = examples.gather(row_index, pick).astype(np.float32), examples.gather(row_index, items)
    rates = difference_values(values, pick, rate_features(examples.layout))
    values = np.hstack([values, difference_values(values, pick, difference_features_of(examples, task))])
    items = np.hstack([items, rates.astype(np.float16)])
    outputs = model_outputs[:, predicted_positions(checkpoint, task)]
    return FeatureSets(values, outputs, prediction, items, *newest_features(examples))


def predicted_positions(checkpoint: Checkpoint, task: Task) -> list[int]:
    """Which foreseen futures heads read: those of the source that is asked for; with few labels others are noise."""
    source = None if task.predicts is None else task.predicts.source
    return [n for n, block in enumerate(checkpoint.blocks) if source in (None, block.source)]


def _item_blocks(examples: Represented) -> list[tuple[Block, int]]:
    """Blocks of the newest events, of the items of each column and of the clock, and how many of each are read."""
    kinds = (*learner_layout.OF_ITEMS, *learner_layout.NUMBERS_OF_ITEMS, *learner_layout.RECENT, learner_layout.CLOCK)
    blocks = [block for block in examples.layout.blocks if block.kind in kinds]
    share = learner_layout.TOP_ITEMS // max(sum(block.kind in learner_layout.OF_ITEMS for block in blocks), 1)
    most = min(max(share, learner_layout.LEAST_ITEMS), learner_layout.MOST_ITEMS)
    return [(block, min(block.length, most)) for block in blocks]


def item_positions(examples: Represented) -> np.ndarray:
    """Input positions of the newest events, of the most frequent items of each column, and of weekday and hour."""
    results = [block.offset + np.arange(count) for block, count in _item_blocks(examples)]
    return np.concatenate([*results, np.zeros(0, np.int64)])


OF_NEWEST = ("1", "2", "3")
"""Places of the newest items of a column that trees may split by as sets."""


def newest_features(examples: Represented) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Which of `item_positions` tell the newest events and the clock, and which of those are items, without an order.

    None where no column has more than `MOST_ITEMS` items: of fewer, a few splits of their ranks single out each.
    """
    many = {
        (block.source, block.column)
        for block in examples.layout.select("recency")
        if block.length > learner_layout.MOST_ITEMS
    }
    blocks = [block for block, count in _item_blocks(examples) for _ in range(count)]
    newest = [n for n, block in enumerate(blocks) if block.kind in (*learner_layout.RECENT, learner_layout.CLOCK)]
    is_item = [
        blocks[n].kind == "recent_item"
        and blocks[n].detail in OF_NEWEST
        and (blocks[n].source, blocks[n].column) in many
        for n in newest
    ]
    return (np.array(newest), np.flatnonzero(is_item)) if any(is_item) else (None, None)


KINDS_OF_PEERS = 3
"""Groups that a category column puts a row into."""


def peer_keys(examples: Represented, row_index: np.ndarray) -> np.ndarray:
    """Which groups the entities share with others, int64 (rows, kinds): see `tasks.peers`.

    Of every category column the newest item, the newest two in order, and the usual one.
    """
    columns = dict.fromkeys((block.source, block.column) for block in examples.layout.select("recent_item"))
    wanted = [
        block.offset
        for column in columns
        for kind, detail in (("recent_item", "1"), ("recent_item", "2"), ("profile", "most_frequent"))
        for block in examples.layout.select(kind, *column)
        if block.detail == detail
    ]
    result = examples.gather(row_index, np.array(wanted, np.int64)).astype(np.int64).reshape(len(row_index), -1, 3)
    pairs = result[:, :, 0] * (RAREST + 1) + result[:, :, 1]
    return np.stack([result[:, :, 0], pairs, result[:, :, 2]], axis=2).reshape(len(row_index), -1)


def difference_features_of(examples: Represented, task: Task) -> list[DifferenceFeature]:
    """Trends and averages, for questions of an amount at a time; a yes or no has no use for them."""
    is_amount = task.form.is_amount and task.horizon is not None
    return difference_features(examples.layout) if is_amount else []


def aggregate_positions(examples: Represented, task: Task) -> np.ndarray:
    """Input positions of the automatic aggregates of `single_feature_sets`, in order; contrasts of these stand after
    them."""
    if task.horizon is None:
        return _slow(examples, "scalar", "count", *ATTRIBUTES, without=task.reads)
    return examples.positions(*learner_layout.READ, learner_layout.CLOCK, without=task.reads)


def _slow(examples: Represented, *kinds: str, without: tuple[str, ...]) -> np.ndarray:
    """Positions of these kinds, of counts and pools the longest half-life: a trait does not change within weeks."""
    faded = [block for block in examples.layout.blocks if block.kind in ("count", "pooled")]
    longest = max((float(block.detail) for block in faded), default=0.0)
    shorter = [np.arange(block.offset, block.end) for block in faded if float(block.detail) < longest]
    positions = examples.positions(*kinds, without=without)
    return positions[~np.isin(positions, np.concatenate([*shorter, np.zeros(0, np.int64)]))]


def aggregate_names(examples: Represented, task: Task) -> list[str]:
    """Names of the automatic aggregates of `single_feature_sets`, in order."""
    numbers = _names(examples, aggregate_positions(examples, task))
    return numbers + [feature.name for feature in difference_features_of(examples, task)]


def item_names(examples: Represented) -> list[str]:
    """Names of the items of `single_feature_sets`, in order, and of the rates behind them."""
    return _names(examples, item_positions(examples)) + [rate.name for rate in rate_features(examples.layout)]


def _names(examples: Represented, positions: np.ndarray) -> list[str]:
    names = {
        index: " ".join(part for part in (block.source, block.column, block.kind, block.detail) if part)
        for block in examples.layout.blocks
        for index in range(block.offset, block.end)
    }
    return [names[index] for index in positions.tolist()]


FEWEST = 0.05
"""Events that a mean is taken over at least: fewer that are foreseen would make anything of it."""


def _with_aggregate(task: Task, aggregate: Aggregate) -> Task:
    """The same task, asking for another aggregate."""
    if task.predicts is None:
        return task
    return task.model_copy(update={"predicts": task.predicts.model_copy(update={"aggregate": aggregate})})


def zero_shot_prediction(checkpoint: Checkpoint, activity: np.ndarray, task: Task) -> np.ndarray | None:
    """What the checkpoint answers to a task that asks for a future it learnt, float64 (rows, 1); else None.

    A probability for a yes or no, the logarithm of an amount for a number. A mean is the sum over the count.
    """
    if task.predicts is None or task.predicts.aggregate is None or task.horizon is None:
        return None
    aggregate = task.predicts.aggregate
    if aggregate is Aggregate.MEAN:
        parts = [
            zero_shot_prediction(checkpoint, activity, _with_aggregate(task, entry))
            for entry in (Aggregate.SUM, Aggregate.COUNT)
        ]
        if any(part is None for part in parts):
            return None
        total, count = (signed_expm1(np.asarray(part)) for part in parts)
        return signed_log1p(total / np.maximum(count, FEWEST))
    kind = "occurred" if aggregate in (Aggregate.ANY, Aggregate.NONE) else "amount"
    column = {Aggregate.COUNT: "events", Aggregate.SUM: task.predicts.column}.get(aggregate, "")
    wanted = (kind, task.predicts.source, column, str(task.horizon))
    at = [n for n, b in enumerate(checkpoint.blocks) if (b.kind, b.source, b.column, b.detail) == wanted]
    if not at:
        return None
    value = activity[:, at].astype(np.float64)
    if kind == "amount":
        return value
    return 1 / (1 + np.exp(value if aggregate is Aggregate.NONE else -value))


def label_item_ids(store: ArtifactStore, task: Task, labels: pa.Array) -> np.ndarray:
    """The item id of each label of a task, (labels,); -1 where the column that it predicts lacks it."""
    target = target_of(task)
    values = EncoderArtifact.current(store, target.source).vocabulary(target.column).values
    return np.asarray(pc.index_in(labels.cast(values.type), value_set=values).fill_null(-1))


def pair_feature_sets(
    examples: Represented, checkpoint: Checkpoint, row_index: np.ndarray, task: Task, item_ids: np.ndarray
) -> PairFeatureSets:
    """Views of (row, label) pairs; a label among the exactly kept items carries its own features, others zeros.

    Labels are given by their `item_ids` (labels,): see `label_item_ids`. Of few, all that is known of the entity is
    read too.
    """
    target = target_of(task)
    source, column = target.source, target.column
    known = (item_ids >= 0) & (item_ids < examples.layout.select("recency", source, column)[0].length)
    items = np.where(known, item_ids, 0)
    item_outputs = checkpoint.items(examples, row_index, source, column, task.horizon or 0, items)
    item_features, model_outputs = (
        np.where(known[None, :, None], values, unknown)
        for values, unknown in ((item_outputs.item_features, 0), (item_outputs.model_outputs, UNKNOWN_LOGIT))
    )
    history = None
    if len(item_ids) <= FEW_LABELS:
        positions = np.concatenate([aggregate_positions(examples, task), item_positions(examples)])
        history = examples.gather(row_index, positions)
    return PairFeatureSets(
        item_features, model_outputs, item_outputs.entity_features, item_outputs.network_weight, history
    )
