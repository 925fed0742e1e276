"""Which inputs and futures stand where: what the learners of the foundation model read, and what they answer."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.bank.similarity import similarity
from basemodel_ops.errors import DataError
from basemodel_ops.foundation import Shape
from basemodel_ops.representation import Layout
from basemodel_ops.representation.layout import Block
from basemodel_ops.stages.features.rows import Represented
from basemodel_ops.stages.workspace import Workspace

READ = ("scalar", "sum", "mean", "last", "attribute", "calendar")
"""Kinds of blocks from which activity is foreseen: few numbers that say most of it. Facts without a date are not among
them: at a past cutoff they may be hindsight."""

OF_THINGS = ("count", "occasion", "recency")
"""Kinds of blocks that say what an entity did with each thing."""

READ_FOR_THINGS = (*(kind for kind in READ if kind != "calendar"), *OF_THINGS, "cell", "pooled")
"""Kinds that the hidden layers of the network of things read; its skips also read sketches."""

OF_ITEMS = ("count", "recency")
"""Kinds of blocks by which heads know the most frequent items of each column, `TOP_ITEMS` in all."""

RECENT = ("recent_gap", "recent_item", "recent_same", "recent_number", "profile", "run", "between")
"""Kinds of blocks that tell the newest events one by one, their runs and order, and which items are usual."""

CLOCK = "clock"
"""Kind of the blocks of weekday and hour, which heads read. The learners of activity do not: few weeks teach them."""

TOP_ITEMS, LEAST_ITEMS, MOST_ITEMS = 256, 4, 64

RIDGE = 0.1
"""Penalty of the similarity of things, per row."""


def chains_of(blocks: list[Block]) -> list[list[int]]:
    """Positions of the activity futures of one quantity, by growing horizon."""
    chains: dict[tuple[str, str, str], list[int]] = {}
    for number in sorted(range(len(blocks)), key=lambda number: int(blocks[number].detail)):
        block = blocks[number]
        chains.setdefault((block.source, block.kind, block.column), []).append(number)
    return list(chains.values())


def families_of(blocks: list[Block]) -> list[str]:
    """The family of each activity future: its source and its kind."""
    return [f"{block.source} {block.kind}" for block in blocks]


def things_shape(inputs: Layout, futures: Layout, width: int, hidden: int) -> Shape:
    """Sizes of the network of things and composition, and which inputs stand for the same thing or cell."""
    features: dict[tuple[str, str], list[int]] = {}
    for block in inputs.blocks:
        if block.kind in OF_THINGS:
            features.setdefault((block.kind, block.detail), []).extend(range(block.offset, block.end))
    spans = sorted({b.detail for b in futures.blocks if b.kind == "thing"}, key=int)
    sketches: dict[str, list[int]] = {}
    columns: dict[tuple[str, str], int] = {}
    for block in futures.blocks:
        if block.kind == "composition":
            columns[block.source, block.column] = block.length
    for (source, column), length in columns.items():
        for block in inputs.select("sketch", source, column):
            sketches.setdefault(block.detail, []).extend(range(block.offset, block.offset + length))
    composed = {b.detail for b in futures.blocks if b.kind == "composition"}
    read = np.concatenate([inputs.positions(kind) for kind in READ_FOR_THINGS])
    return Shape(
        inputs=inputs.length,
        scalars=(),
        activity=0,
        thing_inputs=tuple(tuple(row) for row in features.values()) if spans else (),
        thing_spans=len(spans) if features else 0,
        sketch_inputs=tuple(tuple(row) for row in sketches.values()),
        composition_spans=len(composed),
        width=width,
        hidden=hidden,
        read=tuple(int(place) for place in np.sort(read)),
    )


def first_thing(futures: Layout) -> int:
    """Where the futures of things begin; they and composition stand to the end as the network answers them."""
    return min(
        [block.offset for block in futures.blocks if block.kind in ("thing", "composition")], default=futures.length
    )


def thing_offset(inputs: Layout, source: str, column: str) -> int:
    """Where a column's things begin among all things, which stand in the order of the recency blocks."""
    offset = 0
    for block in inputs.select("recency"):
        if (block.source, block.column) == (source, column):
            return offset
        offset += block.length
    raise DataError(f"No things of {column} in {source} are known: it has no values before the end of training.")


def similar_things(inputs: Layout, values: np.ndarray) -> dict[str, np.ndarray]:
    """What the things of a column say of each other in the histories `values` (rows, inputs), by source and column.

    See `bank.similarity`.
    """
    found = {}
    for source, column in dict.fromkeys((block.source, block.column) for block in inputs.select("occasion")):
        block = _slowest(inputs, source, column)
        counts = values[:, block.offset : block.end].astype(np.float32)
        found[f"{source}.{column}"] = similarity(counts.T @ counts, RIDGE * max(len(values), 1))
    return found


def own_features(
    examples: Represented, place: np.ndarray, source: str, column: str, things: np.ndarray, similar: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What the entities did with each thing, (rows, things, own), and scalars of the source, (rows, shared).

    The last of what is `own` is what they did with other things, weighted by how `similar` (things, things) these are.
    """
    blocks = [block for kind in OF_THINGS for block in examples.layout.select(kind, source, column)]
    scalars = np.array([b.offset for b in examples.layout.blocks if b.kind == "scalar" and b.source == source])
    slowest = _slowest(examples.layout, source, column)
    wanted = [*[block.offset + things for block in blocks], scalars, np.arange(slowest.offset, slowest.end)]
    values = examples.gather(place, np.concatenate(wanted)).astype(np.float32)
    own, shared, counts = np.split(values, np.cumsum([len(blocks) * len(things), len(scalars)]), axis=1)
    own = own.reshape(len(place), len(blocks), len(things)).transpose(0, 2, 1)
    return np.concatenate([own, (counts @ similar[:, things])[:, :, None]], axis=2), shared


def _slowest(inputs: Layout, source: str, column: str) -> Block:
    """The counts of occasions with each thing at the longest half-life."""
    return max(inputs.select("occasion", source, column), key=lambda block: float(block.detail))


def label_places(ws: Workspace, source: str, column: str, labels: pa.Array) -> np.ndarray:
    """The place of each label among the exactly kept things of a column; -1 where it is not kept."""
    values = ws.current(f"encoders/{source}").table(column).column("value").combine_chunks()
    return np.asarray(pc.index_in(labels.cast(values.type), value_set=values).fill_null(-1))
