"""What comes again in events: rows that should not, and values that should; counted in the warehouse."""

from sqlglot import exp

from basemodel_ops.contract.types import Column, ColumnType, EventSource
from basemodel_ops.report import CheckResult
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, table_of

MANY_VALUES, LONE_SHARE = 10_000, 0.5
"""A category with more values than the one, and more than the other of its rows, hardly repeats."""


COMPARED = 5_000_000
"""Rows that are compared with each other, about: those of some entities where there are more."""


def repeated_rows(warehouse: Warehouse, event: EventSource, most: int = COMPARED) -> CheckResult:
    """Rows that are equal in all that is read of them: an increment that was loaded twice doubles every sum.

    Args:
        warehouse: Where the rows are.
        event: Whose rows.
        most: Rows that are compared, about.
    """
    read = [column.name for column in event.columns if _is_read(column)]
    session = [event.session] if event.session else []
    columns: list[str] = list(dict.fromkeys([event.entity, event.time, *session, *read]))
    compared = exp.select(*map(column_of, columns)).from_(table_of(event.relation))
    (total,) = _counts(warehouse, exp.select(exp.Count(this=exp.Star())).from_(table_of(event.relation)))
    if total > most:
        compared = warehouse.sampled(compared, event.entity, most / total)
    rows, once = (
        _counts(warehouse, exp.select(exp.Count(this=exp.Star())).from_(compared.subquery("compared")))[0]
        for compared in (compared, compared.copy().distinct())
    )
    repeats, among = (
        rows - once,
        f"{rows:,} rows of {event.relation}" + (f" ({total:,} in all)" if total > most else ""),
    )
    text = (
        f"{repeats:,} of {among} are equal to another in {columns}, and count as events of "
        "their own. If an increment was loaded twice, build the model afresh (`dbt build --full-refresh --select "
        f"{event.name}`) and give it a `unique_key`, or select distinct rows in it. If they did happen, nothing is to "
        "be done."
    )
    return CheckResult(
        "no_row_stands_twice", repeats == 0, text if repeats else f"No two of {among} are equal.",
        {"rows": rows, "repeats": repeats},
    )  # fmt: skip


def lone_values(warehouse: Warehouse, event: EventSource) -> CheckResult:
    """Values of categories come again: of those that never do nothing can be learnt, and a sketch names none."""
    # Things with facts are known by them, however seldom each is.
    columns = [c.name for c in event.columns if c.type is ColumnType.CATEGORY and not c.references]
    lone = {}
    if columns:
        queried: list[exp.Expr] = [exp.ApproxDistinct(this=column_of(name)) for name in columns]
        queried += [exp.Count(this=column_of(name)) for name in columns]
        result = _counts(warehouse, exp.select(*queried).from_(table_of(event.relation)))
        counts = zip(columns, result[: len(columns)], result[len(columns) :], strict=True)
        lone = {name: pair for name, *pair in counts if pair[0] > max(MANY_VALUES, LONE_SHARE * pair[1])}
    text = " ".join(
        f"Column {name!r} of {event.relation} has about {values:,} values in {rows:,} rows: hardly one comes again, so "
        "nothing can be learnt of them. Give it `type: ignore`; or `text`, if its words say something; or "
        "`references` to facts about its things."
        for name, (values, rows) in lone.items()
    )
    return CheckResult(f"{event.name}: values come again", not lone, text or f"Of {len(columns)} columns.")


def _is_read(column: Column) -> bool:
    return column.type is not ColumnType.IGNORE or column.references is not None


def _counts(warehouse: Warehouse, query: exp.Select) -> list[int]:
    """A row of counts; their names, which warehouses give as they like, are not asked for."""
    table = warehouse.read(query)
    return [int(table.column(index)[0].as_py() or 0) for index in range(table.num_columns)]
