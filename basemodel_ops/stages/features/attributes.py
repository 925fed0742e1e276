"""Facts about entities, encoded; each is seen only after it was known."""

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from basemodel_ops.contract.types import AttributeSource
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.encoders.time import known_moments
from basemodel_ops.representation.elapsed import elapsed_specs, elapsed_values
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.encoding import categories, columns_of, moments
from basemodel_ops.stages.features.reading import EVERYONE, Chosen
from basemodel_ops.stages.snapshot.times import microseconds
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import rows_query

UNKNOWN = np.iinfo(np.int64).min
"""A moment that is not known."""


@dataclass(frozen=True)
class Moment:
    """A column of moments of facts."""

    timestamp: np.ndarray  # (facts,) microseconds, `UNKNOWN` where there is none
    planned: bool  # whether what lies ahead of a cutoff is known there
    features: slice | None  # where its hours, weekdays and weeks stand among the values; None where they do not
    has_days: bool  # whether days from it to the cutoff are told


@dataclass(frozen=True)
class EntityAttributes:
    """Encoded facts of entities, one row per entity and moment from which it is known."""

    layout: list[tuple[str, str, str, str, int]]
    values: np.ndarray  # (facts, length) float16
    entity_index: np.ndarray  # (facts,) entity index, sorted
    since: np.ndarray  # (facts,) microseconds
    until: np.ndarray  # (facts,) microseconds, the last cutoff that sees it
    moments: tuple[Moment, ...] = ()

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
            length = self.values.shape[1] + 2 * sum(moment.has_days for moment in self.moments)
            return np.zeros((*rows.shape, length), np.float16)
        values = np.where(is_there[..., None], self.values[rows], np.float16(0))
        blocks = [values]
        for moment in self.moments:
            timestamp = np.where(is_there, moment.timestamp[rows], UNKNOWN)
            if moment.features is not None and not moment.planned:
                values[timestamp >= timestamps, moment.features] = 0
            if moment.has_days:
                blocks.append(elapsed_values(timestamp, timestamp != UNKNOWN, timestamps, moment.planned))
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
    layout, blocks, width = [], [], 0
    for name in categories(source):
        vocabulary = encoder.vocabulary(name)
        size = min(len(vocabulary), top_items)
        layout.append((kind, source.name, name, "", size))
        blocks.append((vocabulary.encode(table.column(name))[:, None] == np.arange(size)).astype(np.float16))
        width += size
    features: dict[str, slice] = {}
    for name, fitted in encoder.encoders().items():
        size = len(fitted.names)
        layout.append((kind, source.name, name, "", size))
        blocks.append(fitted.features(table.column(name).combine_chunks()).astype(np.float16))
        features[name], width = slice(width, width + size), width + size
    layout += elapsed_specs(source.name, encoder.moments, with_lead=False)
    order = np.lexsort((since, entity_index))
    order = order[entity_index[order] >= 0]
    read = []
    for name, planned in (encoder.moments | moments(source)).items():
        timestamp, is_known = known_moments(table.column(name).combine_chunks())
        timestamp = np.where(is_known, timestamp, UNKNOWN)[order]
        read.append(Moment(timestamp, planned, features.get(name), name in encoder.moments))
    values = np.hstack(blocks) if blocks else np.zeros((len(entity_index), 0), np.float16)
    return EntityAttributes(layout, values[order], entity_index[order], since[order], until[order], tuple(read))
