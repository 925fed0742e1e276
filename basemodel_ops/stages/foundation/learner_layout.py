"""Which inputs and targets stand where: what the learners of the foundation model read, and what they answer."""

import numpy as np

from basemodel_ops.boosting.ease import ease_weights
from basemodel_ops.errors import DataError
from basemodel_ops.foundation import Shape
from basemodel_ops.representation import Layout
from basemodel_ops.representation.layout import Block
from basemodel_ops.stages.features.rows import Represented

READ = ("scalar", "sum", "mean", "last", "elapsed", "attribute", "calendar")
"""Kinds of blocks from which activity is predicted: few numbers that say most of it. Facts without a date are not among
them: at a past cutoff they may be hindsight."""

PER_ITEM = ("count", "session", "recency")
"""Kinds of blocks that say what an entity did with each item."""

READ_FOR_ITEMS = (*(kind for kind in READ if kind != "calendar"), *PER_ITEM, "cell", "pooled")
"""Kinds that the hidden layers of the network of items read; its skips also read sketches."""

OF_ITEMS = ("count", "recency")
"""Kinds of blocks by which heads know the most frequent items of each column, `TOP_ITEMS` in all."""

RECENT = ("recent_gap", "recent_item", "recent_same", "recent_number", "profile", "run", "between")
"""Kinds of blocks that tell the newest events one by one, their runs and order, and which items are usual."""

NUMBERS_OF_ITEMS = ("item_sum", "item_mean", "item_last")
"""Kinds of blocks of numbers by item, which heads read."""

CLOCK = "clock"
"""Kind of the blocks of weekday and hour, which heads read. The learners of activity do not: few weeks teach them."""

TOP_ITEMS, LEAST_ITEMS, MOST_ITEMS = 256, 4, 64

RIDGE = 0.1
"""Penalty of the similarity of items, per row."""


def horizon_groups_of(blocks: list[Block]) -> list[list[int]]:
    """Positions of the activity targets of one quantity, by growing horizon."""
    horizon_groups: dict[tuple[str, str, str], list[int]] = {}
    for number in sorted(range(len(blocks)), key=lambda number: int(blocks[number].detail)):
        block = blocks[number]
        horizon_groups.setdefault((block.source, block.kind, block.column), []).append(number)
    return list(horizon_groups.values())


def target_groups_of(blocks: list[Block]) -> list[str]:
    """The group of each activity future: its source and its kind."""
    return [f"{block.source} {block.kind}" for block in blocks]


def items_shape(inputs: Layout, targets: Layout, width: int, hidden: int) -> Shape:
    """Sizes of the network of items and composition, and which inputs stand for the same item or cell."""
    features: dict[tuple[str, str], list[int]] = {}
    for block in inputs.blocks:
        if block.kind in PER_ITEM:
            features.setdefault((block.kind, block.detail), []).extend(range(block.offset, block.end))
    horizons = sorted({b.detail for b in targets.blocks if b.kind == "item"}, key=int)
    sketches: dict[str, list[int]] = {}
    columns: dict[tuple[str, str], int] = {}
    for block in targets.blocks:
        if block.kind == "item_distribution":
            columns[block.source, block.column] = block.length
    for (source, column), length in columns.items():
        for block in inputs.select("sketch", source, column):
            sketches.setdefault(block.detail, []).extend(range(block.offset, block.offset + length))
    composed = {b.detail for b in targets.blocks if b.kind == "item_distribution"}
    read = np.concatenate([inputs.positions(kind) for kind in READ_FOR_ITEMS])
    return Shape(
        inputs=inputs.length,
        scalars=(),
        activity=0,
        item_inputs=tuple(tuple(row) for row in features.values()) if horizons else (),
        item_horizons=len(horizons) if features else 0,
        sketch_inputs=tuple(tuple(row) for row in sketches.values()),
        distribution_horizons=len(composed),
        width=width,
        hidden=hidden,
        read=tuple(int(index) for index in np.sort(read)),
    )


def first_item_target(targets: Layout) -> int:
    """Where the targets of items begin; they and composition stand to the end as the network answers them."""
    return min(
        [block.offset for block in targets.blocks if block.kind in ("item", "item_distribution")],
        default=targets.length,
    )


def item_offset(inputs: Layout, source: str, column: str) -> int:
    """Where a column's items begin among all items, which stand in the order of the recency blocks."""
    offset = 0
    for block in inputs.select("recency"):
        if (block.source, block.column) == (source, column):
            return offset
        offset += block.length
    raise DataError(f"No items of {column} in {source} are known: it has no values before the end of training.")


def item_ease_weights(inputs: Layout, values: np.ndarray) -> dict[str, np.ndarray]:
    """What the items of a column say of each other in the histories `values` (rows, inputs), by source and column.

    See `boosting.ease.ease_weights`.
    """
    results = {}
    for source, column in dict.fromkeys((block.source, block.column) for block in inputs.select("session")):
        block = _slowest(inputs, source, column)
        counts = values[:, block.offset : block.end].astype(np.float32)
        results[f"{source}.{column}"] = ease_weights(counts.T @ counts, RIDGE * max(len(values), 1))
    return results


def item_features(
    examples: Represented, row_index: np.ndarray, source: str, column: str, items: np.ndarray, item_ease: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What the entities did with each item, (rows, items, item features), and scalars of the source, (rows, entity
    features).

    The last of what is `item_features` is what they did with other items, weighted by how `item_ease` (items, items)
    these are.
    """
    blocks = [block for kind in PER_ITEM for block in examples.layout.select(kind, source, column)]
    scalars = np.array([b.offset for b in examples.layout.blocks if b.kind == "scalar" and b.source == source])
    slowest = _slowest(examples.layout, source, column)
    wanted = [*[block.offset + items for block in blocks], scalars, np.arange(slowest.offset, slowest.end)]
    values = examples.gather(row_index, np.concatenate(wanted)).astype(np.float32)
    item_features, entity_features, counts = np.split(
        values, np.cumsum([len(blocks) * len(items), len(scalars)]), axis=1
    )
    item_features = item_features.reshape(len(row_index), len(blocks), len(items)).transpose(0, 2, 1)
    return np.concatenate([item_features, (counts @ item_ease[:, items])[:, :, None]], axis=2), entity_features


def _slowest(inputs: Layout, source: str, column: str) -> Block:
    """The counts of sessions with each item at the longest half-life."""
    return max(inputs.select("session", source, column), key=lambda block: float(block.detail))
