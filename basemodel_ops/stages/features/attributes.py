"""Facts about entities, encoded; each is seen only after it was known."""

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from basemodel_ops.contract.types import AttributeSource
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.encoders.time import known_moments
from basemodel_ops.representation.elapsed import elapsed_specs, elapsed_values
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.encoding import categories, columns_of
from basemodel_ops.stages.features.reading import EVERYONE, Chosen
from basemodel_ops.stages.snapshot.times import microseconds
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import rows_query

UNKNOWN = np.iinfo(np.int64).min
"""A moment that is not known."""


@dataclass(frozen=True)
class EntityAttributes:
    """Encoded facts of entities, one row per entity and moment from which it is known."""

    layout: list[tuple[str, str, str, str, int]]
    values: np.ndarray  # (facts, length) float16
    entity_index: np.ndarray  # (facts,) entity index, sorted
    since: np.ndarray  # (facts,) microseconds
    until: np.ndarray  # (facts,) microseconds, the last cutoff that sees it
    moments: np.ndarray  # (facts, columns) microseconds, `UNKNOWN` where there is none
    planned: tuple[bool, ...]  # whether moments of each column may lie ahead

    def at(self, low: int, high: int, cutoffs: np.ndarray) -> np.ndarray:
        """Facts known strictly before each cutoff, float16 (high - low, cutoffs, length); zeros where none."""
        timestamps = np.broadcast_to(cutoffs, (high - low, cutoffs.shape[-1]))
        rows = np.full(timestamps.shape, -1)
        for row in range(*np.searchsorted(self.entity_index, [low, high])):
            entity = self.entity_index[row] - low
            is_known = (timestamps[entity] > self.since[row]) & (timestamps[entity] <= self.until[row])
            rows[entity, is_known] = row
        is_there = rows >= 0
        if not is_there.any():
            return np.zeros((*rows.shape, self.values.shape[1] + 2 * len(self.planned)), np.float16)
        values, moments = self.values[rows], self.moments[rows]  # of something where nothing is known
        blocks = [np.where(is_there[..., None], values, np.float16(0))]
        for column, planned in enumerate(self.planned):
            moment = moments[..., column]
            blocks.append(elapsed_values(moment, is_there & (moment != UNKNOWN), timestamps, planned))
        return np.concatenate(blocks, axis=2).astype(np.float16)


def read_attributes(
    warehouse: Warehouse, source: AttributeSource, encoder: EncoderArtifact, top_items: int, entities: Vocabulary,
    chosen: Chosen = EVERYONE,
) -> EntityAttributes:  # fmt: skip
    """The facts of a source about the chosen entities, in the codes and features of its encoders.

    Of a category its `top_items` most frequent values are told apart.
    """
    table = warehouse.read(chosen.of(warehouse, rows_query(source.relation, columns_of(source)), source.key))
    entity_index = entities.encode(table.column(source.key))
    since = microseconds(table.column(source.valid_from)) if source.valid_from else np.full(len(entity_index), -(2**62))
    kind = "attribute" if source.valid_from else "untimestamped"
    until = np.full(len(entity_index), 2**62)
    if source.valid_to:  # null where a fact still holds
        ends = table.column(source.valid_to)
        is_over = np.asarray(pc.is_valid(ends))
        until[is_over] = microseconds(ends.drop_null())
    layout, blocks = [], []
    for name in categories(source):
        vocabulary = encoder.vocabulary(name)
        size = min(len(vocabulary), top_items)
        layout.append((kind, source.name, name, "", size))
        blocks.append((vocabulary.encode(table.column(name))[:, None] == np.arange(size)).astype(np.float16))
    for name, fitted in encoder.encoders().items():
        layout.append((kind, source.name, name, "", len(fitted.names)))
        blocks.append(fitted.features(table.column(name).combine_chunks()).astype(np.float16))
    dated = encoder.moments
    layout += elapsed_specs(source.name, dated, with_lead=False)
    known_by_column = [known_moments(table.column(name).combine_chunks()) for name in dated]
    moment = np.array([np.where(is_known, timestamp, UNKNOWN) for timestamp, is_known in known_by_column], np.int64)
    moment = moment.reshape(len(dated), len(entity_index)).T
    order = np.lexsort((since, entity_index))
    order = order[entity_index[order] >= 0]
    values = np.hstack(blocks) if blocks else np.zeros((len(entity_index), 0), np.float16)
    return EntityAttributes(
        layout, values[order], entity_index[order], since[order], until[order], moment[order], tuple(dated.values())
    )
