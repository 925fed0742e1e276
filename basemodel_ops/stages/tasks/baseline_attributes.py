"""What is known of an entity at a cutoff, for the baseline on plain features; read apart from the representation."""

from collections.abc import Collection, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.contract.types import AttributeSource, Contract
from basemodel_ops.encoders.numbers import signed_log1p
from basemodel_ops.encoders.time import known_moments
from basemodel_ops.stages.features.encoding import categories, moments, numbers
from basemodel_ops.stages.features.reading import Chosen
from basemodel_ops.stages.snapshot.times import microseconds
from basemodel_ops.tasks.split import DAY
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import rows_query

UNKNOWN = -1.0
"""Of a fact that nobody knew."""


def attribute_features(
    contract: Contract, warehouse: Warehouse, entities: pa.Array, entity_index: np.ndarray, cutoff: np.ndarray,
    chosen: Chosen, without: Collection[str] = (),
) -> Iterator[np.ndarray]:  # fmt: skip
    """Columns of the dated facts of each row's entity that were known before its cutoff.

    Args:
        contract: Which sources there are.
        warehouse: Where they are.
        entities: Keys of entities.
        entity_index: Whose row it is, a position in `entities`, (rows,).
        cutoff: Microseconds, (rows,).
        chosen: The entities that the rows were drawn from.
        without: Sources that are left out.
    """
    for source in contract.attributes:
        if source.key == contract.entity and source.valid_from and source.name not in without:
            names = [*categories(source), *numbers(source), *moments(source)]
            read = [source.key, source.valid_from, *([source.valid_to] if source.valid_to else []), *names]
            table = warehouse.read(chosen.of(warehouse, rows_query(source.relation, read), source.key))
            of = np.asarray(
                pc.index_in(pc.cast(table.column(source.key), entities.type), value_set=entities).fill_null(-1)
            )
            yield from _of_source(source, table, of.astype(np.int64), entity_index, cutoff)


def _of_source(
    source: AttributeSource, table: pa.Table, attribute_entity: np.ndarray, entity_index: np.ndarray, cutoff: np.ndarray
) -> Iterator[np.ndarray]:
    since = microseconds(table.column(source.valid_from))
    order = np.lexsort((since, attribute_entity))
    at = _newest_before(attribute_entity[order], since[order], entity_index, cutoff)
    attribute = np.append(order, -1)[at]
    if source.valid_to:
        ends = table.column(source.valid_to)
        is_over = np.asarray(pc.is_valid(ends))
        until = np.full(len(attribute_entity), np.iinfo(np.int64).max)
        until[is_over] = microseconds(ends.drop_null())
        attribute = np.where(cutoff <= np.append(until, 0)[attribute], attribute, -1)
    for name in categories(source):
        codes = pc.dictionary_encode(table.column(name).combine_chunks()).indices.fill_null(-1)
        yield _values_of(np.asarray(codes).astype(float), attribute)
    for name in numbers(source):
        values = pc.cast(table.column(name), pa.float64(), safe=False).to_numpy()
        yield _values_of(np.where(np.isfinite(values), signed_log1p(values), UNKNOWN), attribute)
    for name, planned in moments(source).items():
        timestamp, is_known = known_moments(table.column(name).combine_chunks())
        days = (cutoff - _values_of(timestamp, attribute)) / DAY
        shown = (attribute >= 0) & (_values_of(is_known.astype(float), attribute) > 0) & (planned | (days > 0))
        yield np.where(shown, signed_log1p(days), UNKNOWN)


def _newest_before(
    attribute_entity: np.ndarray, since: np.ndarray, entity_index: np.ndarray, cutoff: np.ndarray
) -> np.ndarray:
    """The position of the newest of facts in order of entity and moment that each row knows; -1 for none."""
    timestamps = np.unique(since)
    stride = np.int64(len(timestamps) + 1)
    keys = attribute_entity * stride + np.searchsorted(timestamps, since)
    at = np.searchsorted(keys, entity_index * stride + np.searchsorted(timestamps, cutoff)) - 1
    return np.where(np.append(attribute_entity, -1)[at] == entity_index, at, -1)


def _values_of(values: np.ndarray, attribute: np.ndarray) -> np.ndarray:
    """The values of facts (positions, -1 for none), (rows,); of none `UNKNOWN`."""
    return np.append(values, UNKNOWN)[attribute]
