"""The stage that says where a score stands among all of its week: percentiles and deciles, as a table of their own.

A score table is written while its scores are made, group by group; where each stands is known once all are there.
"""

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.artifacts import version_of
from basemodel_ops.code import code_behind
from basemodel_ops.contract.types import Relation, Task
from basemodel_ops.report import Report
from basemodel_ops.stages.scoring.answering import CUTOFF_COLUMN, score_relation
from basemodel_ops.stages.scoring.ledger import made_from
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, table_of, timestamp_of

PROVENANCE = ("model_version", "run_id", "scored_at")


def deciles_relation(task: str, schema: str = "basemodel") -> Relation:
    """Where the deciles of a task are written, in the schema of answers."""
    return Relation(schema_name=schema, name=f"{task}_deciles")


def task_deciles(ws: Workspace, name: str, as_of: datetime, run_id: str) -> Report:
    """Publish the percentile and the decile of every score of a task at `as_of` as `basemodel.<task>_deciles`.

    A percentile is the share of scores below one, those equal to it counted half, in percent; of 100 scores the highest
    has 99.5. Decile 10 holds the highest tenth. The warehouse ranks; rows are streamed.
    """
    task = ws.contract.task(name)
    relation = deciles_relation(name, ws.settings.answers_schema)
    with ws.warehouse() as warehouse:
        scores = score_relation(name, ws.settings.answers_schema)
        version = version_of(str(relation), as_of, *made_from(warehouse, scores, as_of))
        query = ranked_query(task, scores, as_of)
        schema = _placed(warehouse.read(_of_first_score(query, scores)), task).schema
        rows = 0
        with warehouse.publication(
            relation, schema, {"as_of": as_of}, version, code_behind("stages.scoring.deciles"), run_id
        ) as out:
            if out.is_needed:
                for batch in _batches(warehouse, query, ws.settings.batch_rows):
                    out.append(_placed(batch, task).cast(schema))
                    rows += batch.num_rows
    return Report(version, not out.is_written, {"rows": rows, "written": int(out.is_written)})


def ranked_query(task: Task, scores: Relation, as_of: datetime) -> exp.Select:
    """The scores of a week with their place: `from_low` and `from_high` (from 1, equal ones the same) and `scores`."""
    answer = task.form.answer
    within = [column_of(name) for name in task.form.group]

    def over(function: exp.Expr, order: exp.Ordered | None, name: str) -> exp.Expr:
        ordered = exp.Order(expressions=[order]) if order else None
        window = exp.Window(this=function, partition_by=[entry.copy() for entry in within], order=ordered)
        return exp.alias_(window, name, quoted=True)

    low, high = (exp.Ordered(this=column_of(answer), desc=desc, nulls_first=False) for desc in (False, True))
    columns = [column_of(task.entity), column_of("as_of"), *map(column_of, _cutoff_column(task)), *within]
    return (
        exp.select(
            *columns,
            exp.alias_(column_of(answer), "score", quoted=True),
            over(exp.Rank(), low, "from_low"),
            over(exp.Rank(), high, "from_high"),
            over(exp.Count(this=exp.Star()), None, "scores"),
            *map(column_of, PROVENANCE),
        )
        .from_(table_of(scores))
        .where(column_of("as_of").eq(timestamp_of(as_of)))
        .order_by(column_of(task.entity), *map(column_of, _cutoff_column(task)), *(entry.copy() for entry in within))
    )


def _of_first_score(query: exp.Select, scores: Relation) -> exp.Select:
    """The same of the first score that is found alone: its columns are told without ranking all."""
    names = sorted({column.name for column in query.find_all(exp.Column)})
    first_score = (
        exp.select(*map(column_of, names)).from_(table_of(scores)).where(query.args["where"].this.copy()).limit(1)
    )
    return query.from_(first_score.subquery("one"))


def percentiles(from_low: np.ndarray, from_high: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The share below, equal ones counted half, in percent, of places from either end."""
    return 50.0 * (from_low.astype(np.float64) - from_high + scores) / scores


def _batches(warehouse: Warehouse, query: exp.Query, rows: int) -> Iterator[pa.Table]:
    for batch in warehouse.batches(query, rows):
        yield pa.Table.from_batches([batch])


def _placed(table: pa.Table, task: Task) -> pa.Table:
    """Rows of the table of deciles."""
    row_index = [table.column(name).cast(pa.int64()).to_numpy() for name in ("from_low", "from_high", "scores")]
    result = percentiles(*row_index)
    decile = np.minimum(result // 10 + 1, 10).astype(np.int32)
    kept = table.select([task.entity, "as_of", *_cutoff_column(task), *task.form.group, "score"])
    kept = kept.append_column("percentile", pa.array(result)).append_column("decile", pa.array(decile))
    for name in PROVENANCE:
        kept = kept.append_column(name, table.column(name))
    timestamp = pa.timestamp("us")
    return kept.cast(pa.schema([(f.name, timestamp if pa.types.is_timestamp(f.type) else f.type) for f in kept.schema]))


def _cutoff_column(task: Task) -> list[str]:
    """The column that tells the rows of an entity apart where a task has moments of its own."""
    return [CUTOFF_COLUMN] if task.has_row_cutoffs else []
