"""What a page reads of published tables: bounded, and sampled by entity where there are many."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.types import AttributeSource, ColumnType, Contract, EventSource, Relation, Task
from basemodel_ops.pages.contents import Reason, Segment
from basemodel_ops.pages.effects import Effect
from basemodel_ops.stages.explanations.importance import EVENTS, EVIDENCE
from basemodel_ops.stages.explanations.published import answer_column, effects_relation, importance_relation
from basemodel_ops.stages.insight.lookalikes import LOOKALIKES, NEIGHBOUR
from basemodel_ops.stages.insight.profiles import PROFILES, personal
from basemodel_ops.stages.insight.segments import SEGMENTS
from basemodel_ops.stages.scoring.answering import score_relation
from basemodel_ops.stages.snapshot.times import microseconds, to_microseconds
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, counts_by_cutoff_query, rows_query, table_of, timestamp_of

SCORES, WEEKS = 20_000, 6
"""Scores of a week that are looked at, about, and weeks."""

REASONS = 60
"""Sources, columns and values whose reasons are shown, those that move scores most."""

GROUPS = 12
"""Values of an attribute by which it counts as one of few values."""

ODD = 20
"""Anomalies that are shown."""


def _at(as_of: datetime) -> exp.Expr:
    return column_of("as_of").eq(timestamp_of(as_of))


def _named(what: exp.Expr, name: str) -> exp.Expr:
    return exp.alias_(what, name, quoted=True)


def events_by_month(warehouse: Warehouse, source: EventSource, before: datetime) -> tuple[list[str], list[int]]:
    """Months with events strictly before a moment, and how many."""
    month = exp.TimestampTrunc(this=column_of(source.time), unit=exp.var("MONTH"))
    query = (
        exp.select(_named(month, "month"), _named(exp.Count(this=exp.Star()), "events"))
        .from_(table_of(source.relation))
        .where(exp.LT(this=column_of(source.time), expression=timestamp_of(before)))
        .group_by(month.copy())
    )
    rows = sorted(
        (entry for entry in warehouse.read(query).to_pylist() if entry["month"]), key=lambda entry: entry["month"]
    )
    return [f"{row['month']:%Y-%m}" for row in rows], [int(row["events"]) for row in rows]


def scored_weeks(warehouse: Warehouse, task: Task, schema: str, until: datetime) -> dict[str, np.ndarray]:
    """A sample of the scores of the newest weeks up to one, the oldest first; of ranked answers the first."""
    relation = score_relation(task.name, schema)
    if not warehouse.exists(relation):
        return {}
    is_first = column_of("rank").eq(exp.Literal.number(1)) if task.form.key else exp.true()
    counts = warehouse.read(counts_by_cutoff_query(relation, "as_of").where(is_first)).to_pylist()
    results = {}
    for entry in [count for count in counts if count["cutoff"] <= until][-WEEKS:]:
        query = exp.select(_named(column_of(answer_column(task)), "score")).from_(table_of(relation))
        query = query.where(_at(entry["cutoff"])).where(is_first.copy())
        sampled = warehouse.sampled(query, task.entity, min(1.0, SCORES / max(int(entry["rows"]), 1)))
        scores = warehouse.read(sampled).column(0).cast(pa.float64()).drop_null().to_numpy()
        if len(scores):
            results[key_of(entry["cutoff"])] = scores
    return results


def reasons(warehouse: Warehouse, task: Task, schema: str, as_of: datetime) -> list[Reason]:
    """What moves the explained scores of a week, by source, column and value; what moves them most first."""
    relation = importance_relation(task.name, schema)
    if not warehouse.exists(relation):
        return []
    names = ["source_table", "column_name", "column_value", "mean_absolute", "mean", "entities"]
    # Aggregates share the same scores out once more, and items are explained by kinds of evidence alone.
    kinds = map(exp.Literal.string, (EVENTS, EVIDENCE))
    query = exp.select(*map(column_of, names)).from_(table_of(relation)).where(_at(as_of))
    query = query.where(column_of("kind").isin(*kinds)).order_by(column_of("rank")).limit(REASONS)
    return [
        Reason(
            entry["source_table"] or "all sources", entry["column_name"] or "any column",
            entry["column_value"] or "any value", float(entry["mean_absolute"]), float(entry["mean"]),
            int(entry["entities"]),
        )
        for entry in warehouse.read(query).to_pylist()
    ]  # fmt: skip


def effects(warehouse: Warehouse, task: Task, schema: str, as_of: datetime) -> list[Effect]:
    """How the explained scores of a week move along aggregates, bin by bin; what moves them most first."""
    relation = effects_relation(task.name, schema)
    if not warehouse.exists(relation):
        return []
    names = ["aggregate", "words", "entities", "contribution", "score"]
    query = exp.select(*map(column_of, names)).from_(table_of(relation)).where(_at(as_of))
    query = query.order_by(column_of("rank"), column_of("bin"))
    return [Effect(*row.values()) for row in warehouse.read(query).to_pylist()]


def read_segments(warehouse: Warehouse, schema: str, as_of: datetime) -> list[Segment]:
    """The segments of a week with what sets each apart, groups before the groups within them."""
    relation, profiled = (Relation(schema_name=schema, name=name) for name in (SEGMENTS, PROFILES))
    if not warehouse.exists(relation):
        return []
    names = [column_of(name) for name in ("segment", "level", "name")]
    counted = (
        exp.select(*names, _named(exp.Count(this=exp.Star()), "size"))
        .from_(table_of(relation))
        .where(_at(as_of))
        .group_by(*(name.copy() for name in names))
    )
    groups = warehouse.read(counted).to_pylist()
    words: dict[str, list[str]] = {}
    if warehouse.exists(profiled):
        profile_rows = warehouse.read(rows_query(profiled, ["segment", "rank", "words"]).where(_at(as_of))).to_pylist()
        for row in sorted(profile_rows, key=lambda entry: entry["rank"]):
            words.setdefault(row["segment"], []).append(row["words"])
    full = max(sum(int(group["size"]) for group in groups if group["level"] == 1), 1)
    return [
        Segment(
            group["segment"], int(group["level"]), group["name"], int(group["size"]), int(group["size"]) / full,
            words.get(group["segment"], []),
        )
        for group in sorted(groups, key=lambda entry: entry["segment"].split("."))
    ]  # fmt: skip


def first_segments(warehouse: Warehouse, schema: str, entity: str, entities: pa.Array, as_of: datetime) -> list[str]:
    """The segment of each entity at the first level; "" where it has none."""
    relation = Relation(schema_name=schema, name=SEGMENTS)
    if not warehouse.exists(relation) or not len(entities):
        return [""] * len(entities)
    query = exp.select(column_of(entity), column_of("segment")).from_(table_of(relation)).where(_at(as_of))
    query = query.where(column_of("level").eq(exp.Literal.number(1)))
    query = query.where(column_of(entity).isin(*map(exp.convert, entities.to_pylist())))
    results = {str(entry[entity]): entry["segment"] for entry in warehouse.read(query).to_pylist()}
    return [results.get(str(entry), "") for entry in entities.to_pylist()]


def nearest(warehouse: Warehouse, schema: str, entity: str, entities: pa.Array, as_of: datetime) -> list[tuple]:
    """Three look-alikes of a few entities: entity, segment, rank, neighbour, similarity, the neighbour's segment."""
    relation = Relation(schema_name=schema, name=LOOKALIKES)
    if not warehouse.exists(relation) or not len(entities):
        return []
    names = [entity, "rank", NEIGHBOUR, "similarity"]
    query = exp.select(*map(column_of, names)).from_(table_of(relation)).where(_at(as_of))
    query = query.where(exp.LTE(this=column_of("rank"), expression=exp.Literal.number(3)))
    query = query.where(column_of(entity).isin(*map(exp.convert, entities.to_pylist())))
    rows = sorted(warehouse.read(query).to_pylist(), key=lambda entry: (str(entry[entity]), entry["rank"]))
    both = pa.array([value for row in rows for value in (row[entity], row[NEIGHBOUR])], entities.type)
    segment = first_segments(warehouse, schema, entity, both, as_of)
    return [
        (
            str(row[entity]),
            segment[2 * n],
            int(row["rank"]),
            str(row[NEIGHBOUR]),
            float(row["similarity"]),
            segment[2 * n + 1],
        )
        for n, row in enumerate(rows)
    ]


SHOWN = {"p_value": "p-value", "words": "what", "main_at": "when", "events": "events", "source_table": "source"}
"""Columns of anomalies that are shown beside the entity, and what they are called there."""


def anomalies(
    warehouse: Warehouse, relation: Relation, entity: str, as_of: datetime
) -> tuple[list[str], list[list]] | None:
    """The oddest of a week by their p-value, and what is odd of each; None where there is no such table."""
    if not warehouse.exists(relation):
        return None
    query = exp.select(*map(column_of, (entity, *SHOWN))).from_(table_of(relation)).where(_at(as_of))
    query = query.where(column_of("rank") <= exp.Literal.number(ODD)).order_by(column_of("rank"), column_of("reason"))
    rows = warehouse.read(query).to_pylist()
    # An entity is a name, even where it is a number.
    return [entity, *SHOWN.values()], [[str(row[entity]), *(row[name] for name in SHOWN)] for row in rows]


def attribute_groups(
    warehouse: Warehouse, contract: Contract, entities: pa.Array, before: datetime, share: float
) -> list[tuple[str, Sequence[object]]]:
    """Attributes of few values and the value of each of the entities, as known strictly before a moment.

    Personal columns are left out. `share` of the entities of the table is read, by their hash.
    """
    hidden, results = personal(contract), []
    for source in contract.attributes:
        if source.key != contract.entity:
            continue
        wanted = [
            column.name
            for column in source.columns
            if column.type is ColumnType.CATEGORY and (source.name, column.name) not in hidden
        ]
        table = _newest(warehouse, source, wanted, before, share) if wanted else None
        if table is None:
            continue
        for name in wanted:
            known = {str(key): value for key, value in zip(table[source.key], table[name], strict=True)}
            values = [known.get(str(entry)) for entry in entities.to_pylist()]
            if 1 < len({value for value in values if value is not None}) <= GROUPS:
                results.append((f"{source.name}.{name}", values))
    return results


def _newest(
    warehouse: Warehouse, source: AttributeSource, names: list[str], before: datetime, share: float
) -> dict[str, list]:
    """Columns of the newest row of each entity that is known strictly before a moment."""
    times = [name for name in (source.valid_from, source.valid_to) if name]
    table = warehouse.read(
        warehouse.sampled(rows_query(source.relation, [source.key, *times, *names]), source.key, share)
    )
    if source.valid_from:
        since = microseconds(table.column(source.valid_from))
        kept = np.flatnonzero(since < to_microseconds(before))
        table = table.take(pa.array(kept[np.argsort(since[kept], kind="stable")]))
    return table.to_pydict()
