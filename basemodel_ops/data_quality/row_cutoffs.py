"""What must hold of the rows of a task with moments of its own, before any long work."""

from collections.abc import Iterator
from datetime import date

from sqlglot import exp

from basemodel_ops.contract.cutoffs import midnight
from basemodel_ops.contract.types import Grid, Task
from basemodel_ops.report import CheckResult
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, table_of, timestamp_of


def row_cutoff_results(warehouse: Warehouse, task: Task, grid: Grid, data_end: date) -> Iterator[CheckResult]:
    """Whether moments lie between the first cutoff and the end of the data, and labels are known after them."""
    query = exp.select(exp.Min(this=column_of(grid.cutoff))).from_(table_of(grid.relation))
    first = warehouse.read(query).column(0)[0].as_py()
    timestamp, end = column_of(task.cutoff), timestamp_of(midnight(data_end))
    early = exp.LT(this=timestamp, expression=timestamp_of(midnight(first)))
    late = exp.GT(this=timestamp, expression=end)
    relation = task.relation
    before, after = _counts(warehouse, task, [early, late])
    text = (
        f"{before} rows of {relation} have {task.cutoff} before {first}, the first cutoff of {grid.relation}, and "
        f"{after} have it after {data_end}, the end of the data: no partition would hold them. Filter them out in the "
        "model, or start the grid earlier."
    )
    name = f"{relation.name}: moments are within the grid"
    yield CheckResult(name, not before + after, text if before + after else "All are.")
    if task.known is None:
        return
    known, target = column_of(task.known), column_of(task.target)
    is_labelled, is_known = (column.is_(exp.null()).not_() for column in (target, known))
    is_over = exp.LTE(this=known, expression=end)
    conditions = {
        f"have {task.known} at or before {task.cutoff}, so that the label is known when it is asked for. It must be "
        "later: of an event that comes next, look only at those after the moment": exp.LTE(
            this=known, expression=timestamp
        ),
        f"carry a {task.target} and no {task.known}. Return both, or neither": exp.and_(is_labelled, is_known.not_()),
        f"carry a {task.target} that is known only after {data_end}, the end of the data. Return null there": exp.and_(
            is_labelled, exp.GT(this=known, expression=end)
        ),
        f"have {task.known} and no {task.target}. Return both, or neither": exp.and_(
            is_over, target.is_(exp.null())
        ),
    }  # fmt: skip
    counts = _counts(warehouse, task, list(conditions.values()))
    wrong = [f"{count} rows of {relation} {what}." for what, count in zip(conditions, counts, strict=True) if count]
    name = f"{relation.name}: labels are known after their moment"
    yield CheckResult(name, not wrong, " ".join(wrong) or "All are.")


def _counts(warehouse: Warehouse, task: Task, conditions: list[exp.Expr]) -> list[int]:
    """Rows of a task that meet each condition."""
    counts = [
        exp.alias_(exp.Count(this=exp.case().when(condition, exp.Literal.number(1))), f"count_{index}", quoted=True)
        for index, condition in enumerate(conditions)
    ]
    table = warehouse.read(exp.select(*counts).from_(table_of(task.relation)))
    return [int(column[0].as_py()) for column in table.columns]
