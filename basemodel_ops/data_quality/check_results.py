"""Single properties of a relation's rows, each found by aggregates in the warehouse, with the way out."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from sqlglot import exp

from basemodel_ops.contract.cutoffs import described, fits, guessed, key_of, midnight
from basemodel_ops.contract.inference import family, is_opaque, is_timestamp, join_kind
from basemodel_ops.contract.types import Grid, Relation, Task
from basemodel_ops.report import CheckResult
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, table_of, timestamp_of

EARLIEST = datetime(1700, 1, 1)
"""No event was before; where times are nanoseconds, nothing can be compared with 1677 and earlier."""


def row_of(warehouse: Warehouse, query: exp.Select) -> list[Any]:
    """The only row of an aggregate."""
    table = warehouse.read(query)
    return [table.column(i)[0].as_py() for i in range(table.num_columns)]


def _count_where(condition: exp.Expr) -> exp.Expr:
    return exp.Count(this=exp.case().when(condition, exp.Literal.number(1)))


def _is_null(name: str) -> exp.Expr:
    return column_of(name).is_(exp.null())


def check_declared(
    actual: dict[str, str],
    relation: Relation,
    columns: list[str],
    timestamps: list[str],
    kinds: dict[str, str],
    everything: list[str] | None,
) -> CheckResult:
    """The warehouse has the declared columns, as declared, and no others. Their order does not matter.

    Args:
        actual: Data type by column in lower case.
        relation: Where.
        columns: Those that must be there.
        timestamps: Those of them that must be timestamps or dates.
        kinds: Declared data type by column.
        everything: All that are declared; None where a contract does not know all columns of a model.
    """
    missing = [name for name in columns if name.lower() not in actual]
    problems = []
    if missing:
        problems.append(
            f"{relation} has no column {missing}, which its model declares. It has: {list(actual)}. "
            "Build the model again, or correct its YAML."
        )
    problems += _other_types(actual, relation, columns, timestamps, kinds)
    if everything is not None:
        known = {name.lower() for name in everything}
        if added := [name for name in actual if name not in known]:
            problems.append(
                f"{relation} has columns {added} that its model does not declare, so nobody said how to read them. "
                "Declare each (`type: ignore` keeps it unread), or take them out of the model."
            )
    name = f"{relation.name}: the warehouse has what is declared"
    return CheckResult(name, not problems, " ".join(problems) or f"All of {len(columns)} declared columns.")


def _other_types(
    actual: dict[str, str], relation: Relation, columns: list[str], timestamps: list[str], kinds: dict[str, str]
) -> Iterator[str]:
    """Columns that are there and cannot be read as they are declared."""
    for name in timestamps:
        kind = actual.get(name.lower())
        if kind is not None and not is_timestamp(kind):
            others = [other for other, result in actual.items() if is_timestamp(result)]
            yield (
                f"{relation}: column {name!r} is {kind} in the warehouse, not a timestamp or a date. Timestamps it "
                f"has: {others}. Cast it in the model and build it again, or name one of these."
            )
    for name in columns:
        kind = actual.get(name.lower(), "")
        if name not in kinds and is_opaque(kind):
            yield (
                f"{relation}: column {name!r} is {kind} in the warehouse, of which no value can be told from another. "
                "Cast it in the model and build it again: to a text, for example."
            )
    for name, declared in kinds.items():
        kind = actual.get(name.lower())
        named = kind == "user-defined" and family(declared) == declared.lower().strip()  # an enum of PostgreSQL
        if kind is not None and not named and family(kind) != family(declared):
            yield (
                f"{relation}: column {name!r} is {kind} in the warehouse, and {declared} in its model's YAML. "
                "Cast it in the model and build it again, or correct the YAML."
            )


def check_rows(warehouse: Warehouse, relation: Relation, columns: list[str]) -> CheckResult:
    """There are rows, and none has a null in `columns`."""
    counts = [_count_where(_is_null(name)) for name in columns]
    total, *nulls = row_of(warehouse, exp.select(exp.Count(this=exp.Star()), *counts).from_(table_of(relation)))
    wrong = {name: count for name, count in zip(columns, nulls, strict=True) if count}
    problem = f"{relation} is empty: load its source, or remove the model." if total == 0 else ""
    if wrong:
        problem += f"{relation} has nulls in {wrong}, which identify its {total} rows: filter them out in the model."
    return CheckResult(
        f"{relation.name}: rows and keys are there", not problem, problem or f"{total} rows.", {"rows": total}
    )


def check_unique(warehouse: Warehouse, relation: Relation, key: list[str]) -> CheckResult:
    """No two rows have the same `key`."""
    distinct = exp.select(*map(column_of, key)).distinct().from_(table_of(relation)).subquery("keys")
    (rows,) = row_of(warehouse, exp.select(exp.Count(this=exp.Star())).from_(table_of(relation)))
    (keys,) = row_of(warehouse, exp.select(exp.Count(this=exp.Star())).from_(distinct))
    repeated = rows - keys
    text = f"{relation} has {repeated} rows whose key {key} stands in another row too: keep one row per key."
    return CheckResult(f"{relation.name}: keys are unique", repeated == 0, text if repeated else f"{keys} keys.")


def check_not_after(warehouse: Warehouse, relation: Relation, time: str, now: datetime) -> CheckResult:
    """No event is after `now`, nor so long ago that no clock tells it."""
    later = exp.GT(this=column_of(time), expression=timestamp_of(now))
    never = exp.LT(this=column_of(time), expression=timestamp_of(EARLIEST))
    newest = exp.alias_(exp.Max(this=column_of(time)), "newest", quoted=True)
    query = exp.select(_count_where(later), _count_where(never), newest).from_(table_of(relation))
    count, endless, last = row_of(warehouse, query)
    text = (
        f"{count} rows of {relation} have {time} after now ({now}); the newest is {last}: correct or filter them."
        if count
        else ""
    )
    if endless:
        text += f"{endless} rows of {relation} have {time} before {EARLIEST.year} or `-infinity`: filter them out."
    return CheckResult(f"{relation.name}: no event is after now", not text, text or f"Newest: {last}.")


def check_one_type(relations: dict[str, str], entity: str) -> CheckResult:
    """The entity's column has one kind of values everywhere, or nobody would be found again."""
    kinds = {join_kind(kind) for kind in relations.values()}
    text = (
        f"{entity} is {', '.join(f'{kind} in {name}' for name, kind in relations.items())}: nobody would be found "
        "again. Cast it in the models, so that it is of one type everywhere."
    )
    first = next(iter(relations))
    name = f"{first.rsplit('.', 1)[-1]}: {entity} is of one type"
    return CheckResult(name, len(kinds) == 1, text if len(kinds) > 1 else f"Of {len(relations)} models.")


def check_references(
    warehouse: Warehouse, events: Relation, column: str, kind: str, attributes: Relation, key: str, key_kind: str
) -> CheckResult:
    """At least half of the values that refer to items are keys of their attributes."""
    name = f"{events.name}: {column} is found in {attributes.name}"
    way_out = "Make both the same ids, or remove `references`."
    if join_kind(kind) != join_kind(key_kind):
        text = (
            f"{column} in {events} is {kind}, but {key} of {attributes} is {key_kind}: no value could match. {way_out}"
        )
        return CheckResult(name, False, text)
    keys = exp.select(column_of(key)).from_(table_of(attributes))
    result = exp.In(this=column_of(column), query=keys.subquery())
    matched, total = row_of(
        warehouse, exp.select(_count_where(result), exp.Count(this=column_of(column))).from_(table_of(events))
    )
    share = matched / total if total else 1.0
    text = (
        f"{share:.0%} of the {total} values of {column} in {events} are a {key} of {attributes}; at least half must "
        "be. "
    )
    return CheckResult(name, share >= 0.5, text + way_out, {"share": round(share, 4)})


def check_cutoffs(warehouse: Warehouse, grid: Grid) -> CheckResult:
    """The table's cutoffs are moments of the declared grid; some may be left out."""
    query = exp.select(column_of(grid.cutoff)).distinct().from_(table_of(grid.relation))
    timestamps = sorted(
        midnight(timestamp) for timestamp in warehouse.read(query).column(0).to_pylist() if timestamp is not None
    )
    strange = [timestamp for timestamp in timestamps if not fits(grid, timestamp)]
    text = f"{len(timestamps)} cutoffs."
    if strange:
        other = guessed(grid, timestamps)
        start = "" if other.start is None else f', start: "{key_of(midnight(other.start)).replace("T", " ")}"'
        text = (
            f"{len(strange)} of {len(timestamps)} cutoffs of {grid.relation} are not on the grid that is declared, "
            f"{described(grid)}: the first is {strange[0]}. Declare `every: {other.every.value}{start}`, or correct "
            "the "
            "model."
        )
    return CheckResult(f"{grid.relation.name}: cutoffs are those of the declared grid", not strange, text)


def check_end(grid: Grid, data_end: date, now: datetime) -> CheckResult:
    """The end of the data is not after `now`, but for what is left of a day: open windows would seem to be over."""
    last = midnight(data_end).replace(tzinfo=None)
    text = (
        f"{grid.data_end} of {grid.relation} is {last}, after now ({now}): windows that are not over would count as "
        "over, and half of what happens in them be learnt. Return the time of the newest event."
    )
    is_past = last < now + timedelta(days=1)
    name = f"{grid.relation.name}: the end of the data is not after now"
    return CheckResult(name, is_past, f"{last}." if is_past else text)


def check_labels(warehouse: Warehouse, task: Task, data_end: datetime) -> CheckResult:
    """No label is given before its window is over."""
    last = data_end - timedelta(days=task.horizon or 0)
    after = exp.GT(this=column_of(task.cutoff), expression=timestamp_of(last))
    known = _is_null(task.target).not_()
    (count,) = row_of(warehouse, exp.select(_count_where(exp.and_(after, known))).from_(table_of(task.relation)))
    text = (
        f"{count} rows of {task.relation} carry a {task.target} although their window of {task.horizon} days "
        f"is not over at {data_end}: return null there, or the model learns from half a window."
    )
    return CheckResult(
        f"{task.relation.name}: no label before its window is over", count == 0, text if count else "None."
    )
