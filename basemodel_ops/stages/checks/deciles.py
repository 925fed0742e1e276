"""What must hold of a table of deciles."""

from datetime import datetime

import numpy as np
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.report import CheckResult
from basemodel_ops.stages.scoring.answering import score_relation
from basemodel_ops.stages.scoring.deciles import deciles_relation
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.queries import column_of, counts_by_cutoff_query, table_of, timestamp_of


def check_deciles(ws: Workspace, task: str, as_of: datetime) -> CheckResult:
    """Every score of a week has one place, between 0 and 100, and the decile that follows from it."""
    schema, wrong, placed = ws.settings.answers_schema, 0, 0
    relation = deciles_relation(task, schema)
    query = exp.select(column_of("percentile"), column_of("decile")).from_(table_of(relation))
    with ws.warehouse() as warehouse:
        counts = warehouse.read(counts_by_cutoff_query(score_relation(task, schema), "as_of")).to_pylist()
        scores = next((int(count["rows"]) for count in counts if count["cutoff"] == as_of), 0)
        for batch in warehouse.batches(query.where(column_of("as_of").eq(timestamp_of(as_of))), ws.settings.batch_rows):
            percentile, decile = (column.cast(pa.float64()).to_numpy() for column in batch.columns)
            inside = (percentile > 0) & (percentile < 100)
            wrong += int((~(inside & (decile == np.minimum(percentile // 10 + 1, 10)))).sum())
            placed += batch.num_rows
    text = f"{placed} of {scores} scores of {task} have a place, and {wrong} places are wrong."
    return CheckResult(
        "whole", placed == scores and not wrong, text, {"scores": scores, "placed": placed, "wrong": wrong}
    )
