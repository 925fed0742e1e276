"""How many numbers a row will be, told before anything is encoded."""

from basemodel_ops.contract.types import AttributeSource, Column, ColumnType, Contract, EventSource
from basemodel_ops.representation.item_numbers import measured_items, numbers_each
from basemodel_ops.representation.recent import EVENTS, OF_COLUMN
from basemodel_ops.representation.runs import RUN
from basemodel_ops.settings import Settings
from basemodel_ops.stages.features.encoding import SKETCHED_ABOVE
from basemodel_ops.stages.snapshot.snapshot import Snapshot
from basemodel_ops.stages.snapshot.times import to_datetime
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.counting import distinct_query

DENSITY = 8 * 128
"""Cells of a text or an image, at most."""

Values = dict[tuple[str, str], int]
"""Number of values of categories, by source and column."""


def row_numbers(contract: Contract, settings: Settings, values: Values | None = None) -> int:
    """The numbers in a row, about and as bounded, told from the declarations and from how many values columns have.

    Columns of unknown numbers of values are taken for as wide as they may be.
    """
    attribute_sources = {source.name: source for source in contract.attributes}
    total = sum(_source_numbers(event, attribute_sources, settings, values or {}) for event in contract.events)
    attributes = [source for source in contract.attributes if source.key == contract.entity]
    for source in attributes:
        total += sum(
            min(settings.top_items, (values or {}).get((source.name, column.name), 1)) for column in source.columns
        )
    return min(total, settings.row_numbers)


def count_values(contract: Contract, warehouse: Warehouse, snapshot: Snapshot) -> Values:
    """About how many values each category has up to the end of training, by source and column.

    Items with facts are values of every column that references them, whether an event mentioned them or not.
    """
    end = to_datetime(snapshot.times.training_end)
    keys = {source.name: source.key for source in contract.attributes}
    results: Values = {}
    for source in (*contract.attributes, *contract.events):
        columns = [column.name for column in source.columns if column.type is ColumnType.CATEGORY]
        columns += [source.key] if isinstance(source, AttributeSource) else []
        if columns:
            counts = warehouse.read(distinct_query(source, columns, end))
            results |= {(source.name, name): int(counts.column(name)[0].as_py()) for name in columns}
    for event in contract.events:
        for column in event.columns:
            if column.type is ColumnType.CATEGORY and column.references:
                items = results[column.references, keys[column.references]]
                results[event.name, column.name] = max(results[event.name, column.name], items)
    return results


def _source_numbers(
    event: EventSource, attribute_sources: dict[str, AttributeSource], settings: Settings, values: Values
) -> int:
    half_lives = len(settings.half_lives)
    total = (len(settings.windows) + 1) * 3 + 8 + 31 * half_lives + EVENTS
    sizes: dict[str, int] = {}
    attribute_sizes: dict[str, int] = {}
    for column in event.columns:
        count = values.get((event.name, column.name), SKETCHED_ABOVE + 1)
        if column.type is ColumnType.CATEGORY:
            sizes[column.name] = count
        total += _column_numbers(column, settings, count)
        if column.type is ColumnType.CATEGORY and count > SKETCHED_ABOVE:
            total += (settings.depth * settings.width + settings.dimension + 1) * half_lives
        attributes = attribute_sources[column.references].columns if column.references else ()
        for attribute in attributes:
            count = values.get((str(column.references), attribute.name), settings.top_items)
            total += _column_numbers(attribute, settings, count)
            if attribute.type is ColumnType.CATEGORY:
                attribute_sizes[f"{column.name}.{attribute.name}"] = count
    numbers = [column.name for column in event.columns if column.type is ColumnType.NUMBER]
    measured = measured_items(sizes | attribute_sizes, numbers, half_lives)
    return total + sum(measured.values()) * numbers_each(len(numbers), half_lives)


def _column_numbers(column: Column, settings: Settings, values: int) -> int:
    half_lives = len(settings.half_lives)
    if column.type is ColumnType.CATEGORY:
        return min(settings.top_items, values) * (2 + len(settings.counted_half_lives)) + OF_COLUMN + len(RUN)
    if column.type is ColumnType.NUMBER:
        return (len(settings.windows) + 1) + 2 * half_lives + 1 + 32 * half_lives + EVENTS
    if column.type is ColumnType.TIME:
        return 84 * half_lives + 3
    return (DENSITY + 1) * half_lives if column.type in (ColumnType.TEXT, ColumnType.IMAGE) else 0
