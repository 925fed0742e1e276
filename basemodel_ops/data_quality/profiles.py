"""A bounded look at the values of every column: what an inferred type may have got wrong. An annotation always wins."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.contract.types import AttributeSource, Column, ColumnType, Contract, EventSource
from basemodel_ops.data_quality.samples import known_values, sample
from basemodel_ops.encoders.base import flat
from basemodel_ops.warehouse.base import Warehouse

ROWS = 10_000
"""Rows of a source that are looked at, about: from all over the table."""

ENOUGH = 100
"""Values from which shares are taken seriously."""

ID_WITHOUT_A_GAP = r"(?i)[a-z]{3}(?<!pa)id$"
"""`userid` may be an id, `bid` and `prepaid` are none."""

IMAGE_NAMES = r"(?i)\.(png|jpe?g|gif|webp|bmp|tiff?)$"


@dataclass(frozen=True)
class Profile:
    """What one column holds, and what to review; `advice` is empty where nothing is odd."""

    source: str
    column: Column
    rows: int
    """All there are."""
    nulls: int
    """Of all rows."""
    distinct: int
    """Values in the rows that were looked at."""
    advice: str


def profile(warehouse: Warehouse, source: EventSource | AttributeSource) -> list[Profile]:
    """Profiles of the columns of a source that are read; ignored ones are not looked at.

    Nulls are counted in all rows, values looked at in about `ROWS`.
    """
    columns = [column for column in source.columns if column.type is not ColumnType.IGNORE]
    if not columns:
        return []
    names = [column.name for column in columns]
    total, *filled = known_values(warehouse, source, names)
    table = sample(warehouse, source, names, ROWS, total)
    results = []
    for column, count in zip(columns, filled, strict=True):
        values = flat(table.column(column.name))
        known = values.drop_null()
        distinct = pc.count_distinct(known).as_py() if _is_countable(known.type) else len(known)
        advice = ""
        if column.inferred and total:
            advice = _advice(column, known, distinct, total > ROWS) if count else "holds nothing: `ignore`"
        results.append(Profile(source.name, column, total, total - count, distinct, advice))
    return results


def profiles(warehouse: Warehouse, contract: Contract) -> list[Profile]:
    """Profiles of all columns of all sources."""
    return [entry for source in (*contract.events, *contract.attributes) for entry in profile(warehouse, source)]


def unread(sources: Iterable[EventSource | AttributeSource]) -> list[tuple[str, Column]]:
    """Source and column of all that is ignored: annotated so, withheld, or of a data type without a reading."""
    return [
        (event_source.name, column)
        for event_source in sources
        for column in event_source.columns
        if column.type is ColumnType.IGNORE
    ]


def inference_report(result: Sequence[Profile], unread: Sequence[tuple[str, Column]] = ()) -> str:
    """The profiles as a Markdown table, columns to review first; then what is `unread`, by source and column."""
    lines = [
        "# Inference report",
        "",
        "How each column is read, and what its values say. Nulls are of all rows; values were looked at in about",
        f"{ROWS:,} rows of a source, from all over its table. To change a type,",
        "annotate the column in its dbt model: `config: {meta: {basemodel: {type: …}}}`.",
        "",
        "| source | column | data type | read as | from | rows | nulls | distinct | review |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for profile in sorted(result, key=lambda entry: not entry.advice):
        column = profile.column
        origin = "inferred" if column.inferred else "annotated"
        cells = [
            profile.source,
            column.name,
            column.data_type,
            column.type.value,
            origin,
            profile.rows,
            profile.nulls,
            profile.distinct,
        ]
        lines.append(f"| {' | '.join(map(str, cells))} | {profile.advice} |")
    if unread:
        names = ", ".join(f"`{source}.{column.name}` ({column.data_type})" for source, column in unread)
        lines += ["", f"Not read: {names}."]
    return "\n".join(lines) + "\n"


def _is_countable(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or pa.types.is_null(kind))


def _advice(column: Column, known: pa.Array, distinct: int, is_sampled: bool) -> str:
    if len(known) < ENOUGH:
        return ""
    if distinct == 1:
        return (
            f"one value only in {len(known):,} rows looked at: `ignore`?" if is_sampled else "one value only: `ignore`"
        )
    share = distinct / len(known)
    if column.type is ColumnType.CATEGORY and pa.types.is_string(known.type):
        if pc.all(pc.match_substring_regex(known, IMAGE_NAMES)).as_py():
            return "paths of pictures: `image`"
        words = pc.mean(pc.add(pc.count_substring(pc.utf8_trim_whitespace(known), " "), 1)).as_py()
        if words >= 3 and share > 0.5:
            return f"{words:.0f} words each, {share:.0%} distinct: `text`"
        if share > 0.98:
            return f"{share:.0%} distinct, so nothing repeats: `text` or `ignore`"
    if column.type is ColumnType.NUMBER and pa.types.is_integer(known.type):
        if share > 0.98:
            return f"whole numbers, {share:.0%} distinct: an id? `category` or `ignore`"
        if distinct <= 5:
            return f"{distinct} whole numbers only: a code? `category`"
        if re.search(ID_WITHOUT_A_GAP, column.name):
            return "named like an id: `category`, or `number` to say that it is none"
    return ""
