"""Where explanations are written, of whom, and in which columns."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Relation, Task
from basemodel_ops.encoders.hashing import hash_values
from basemodel_ops.errors import DataError
from basemodel_ops.stages.scoring.answering import score_relation
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, table_of, timestamp_of

REST = "everything else"
"""Value of an entity's last row, which holds what its other reasons add."""

SAMPLE = "sample"
"""`chosen_by` of entities that were drawn, whatever their score."""

SPARE = 4
"""A sample is drawn of so many times as many entities as are wanted, as shares by a hash are not exact."""


def explanation_relation(task: str, schema: str = "basemodel") -> Relation:
    """Where the reasons of a task's scores are written, in the schema of answers."""
    return Relation(schema_name=schema, name=f"{task}_explanations")


def explanation_schema(task: Task, entity: pa.DataType) -> pa.Schema:
    """Columns of that table: a row per reason of an entity, the largest first, and one for all its other reasons."""
    text, timestamp, number = pa.string(), pa.timestamp("us"), pa.float64()
    label = [("label", text)] if task.form.has_labels else []
    return pa.schema(
        [
            (task.entity, entity), ("as_of", timestamp), *label, ("rank", pa.int32()), ("source_table", text),
            ("column_name", text), ("column_value", text), ("stretch", text), ("events", pa.int64()),
            ("first_at", timestamp), ("last_at", timestamp), ("main_at", timestamp), ("contribution", number),
            ("score", number), ("empty_score", number), ("chosen_by", text), ("model_version", text),
            ("run_id", text), ("scored_at", timestamp),
        ]
    )  # fmt: skip


def aggregate_relation(task: str, schema: str = "basemodel") -> Relation:
    """Where it is written what aggregates add to a task's scores."""
    return Relation(schema_name=schema, name=f"{task}_aggregate_reasons")


def importance_relation(task: str, schema: str = "basemodel") -> Relation:
    """Where it is written what moves a task's scores at large."""
    return Relation(schema_name=schema, name=f"{task}_importance")


def effects_relation(task: str, schema: str = "basemodel") -> Relation:
    """Where it is written how a task's scores move along its aggregates."""
    return Relation(schema_name=schema, name=f"{task}_effects")


def tables_of(task: Task, entity: pa.DataType, item: pa.DataType, schema: str) -> dict[str, tuple[Relation, pa.Schema]]:
    """The tables that explain a task's scores, and their columns, by the last word of their names.

    Only where one number or class is answered do aggregates have shares of their own.
    """
    text, timestamp, number, count = pa.string(), pa.timestamp("us"), pa.float64(), pa.int64()
    ends = [("model_version", text), ("run_id", text), ("scored_at", timestamp)]
    label = [("label", text)] if task.form.has_labels else []
    where = [("source_table", text), ("column_name", text)]
    importance = [
        ("as_of", timestamp), ("kind", text), ("rank", pa.int32()), *where, ("column_value", text), ("entities", count),
        ("of_entities", count), ("mean_absolute", number), ("mean", number), *ends,
    ]  # fmt: skip
    reasons = [
        (task.entity, entity), ("as_of", timestamp), *label, ("rank", pa.int32()), ("aggregate", text), *where,
        ("value", number), ("usual", number), ("words", text), ("contribution", number), ("score", number),
        ("usual_score", number), ("chosen_by", text), *ends,
    ]  # fmt: skip
    effects = [
        ("as_of", timestamp), ("rank", pa.int32()), ("aggregate", text), *where, ("bin", pa.int32()), ("low", number),
        ("high", number), ("words", text), ("entities", count), ("contribution", number), ("score", number), *ends,
    ]  # fmt: skip
    is_ranked = task.form.shape is Shape.ITEMS
    reason_schema = item_schema(task, entity, item) if is_ranked else explanation_schema(task, entity)
    results = {
        "explanations": (explanation_relation(task.name, schema), reason_schema),
        "importance": (importance_relation(task.name, schema), pa.schema(importance)),
    }
    if task.form.is_attributed:
        results["aggregate_reasons"] = aggregate_relation(task.name, schema), pa.schema(reasons)
        results["effects"] = effects_relation(task.name, schema), pa.schema(effects)
    return results


def item_schema(task: Task, entity: pa.DataType, item: pa.DataType) -> pa.Schema:
    """Columns of explanations of a recommendation: a row per reason of an entity's item, and one for all others."""
    text, timestamp, number = pa.string(), pa.timestamp("us"), pa.float64()
    return pa.schema(
        [
            (task.entity, entity),
            ("as_of", timestamp),
            ("item", item),
            ("item_rank", pa.int32()),
            ("rank", pa.int32()),
            ("evidence", text),
            ("source_table", text),
            ("column_name", text),
            ("column_value", text),
            ("events", pa.int64()),
            ("last_at", timestamp),
            ("contribution", number),
            ("score", number),
            ("empty_score", number),
            ("chosen_by", text),
            ("model_version", text),
            ("run_id", text),
            ("scored_at", timestamp),
        ]
    )


def answer_column(task: Task) -> str:
    """The column of a score table that orders its entities."""
    return task.form.answer


def chosen_entities(warehouse: Warehouse, task: Task, as_of: datetime, count: int) -> pa.Table:
    """Of the entities with a score at `as_of` the `count` with the highest, and as many others.

    Of a time to an event those with the shortest.

    Returns:
        The entity, and `chosen_by`: `top` or `sample`.

    Raises:
        DataError: there is no score.
    """
    relation, entity = score_relation(task.name, warehouse.ledger.schema_name), column_of(task.entity)
    scored = exp.select(entity).from_(table_of(relation)).where(column_of("as_of").eq(timestamp_of(as_of)))
    if task.form.key:
        scored = scored.where(column_of("rank").eq(exp.Literal.number(1)))
    many = exp.select(exp.alias_(exp.Count(this=exp.Star()), "many", quoted=True)).from_(scored.subquery("scored"))
    total = int(warehouse.read(many).column(0)[0].as_py()) if warehouse.exists(relation) else 0
    if not total:
        raise DataError(
            f"There are no scores of {task.name} as of {key_of(as_of)} to explain. Run "
            f"`basemodel score --task {task.name} --as-of {key_of(as_of)}` first."
        )
    first = exp.Ordered(this=column_of(answer_column(task)), desc=not task.form.is_least_first)
    highest = warehouse.read(scored.order_by(first, entity).limit(count)).column(0).combine_chunks()
    drawn = warehouse.read(warehouse.sampled(scored, task.entity, min(1.0, SPARE * count / total))).column(0)
    others = drawn.filter(pc.invert(pc.is_in(drawn, value_set=highest))).combine_chunks()
    others = others.take(pa.array(np.argsort(hash_values(others), kind="stable")[:count]))
    by = ["top"] * len(highest) + [SAMPLE] * len(others)
    return pa.table({task.entity: pa.concat_arrays([highest, others]), "chosen_by": by})
