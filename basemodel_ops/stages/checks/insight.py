"""Checks of the tables about entities side by side; each claims one property of one partition."""

from datetime import datetime

import numpy as np
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.insight.neighbours import Directions
from basemodel_ops.insight.segments import LEVELS
from basemodel_ops.report import CheckResult
from basemodel_ops.stages.checks.partitions import count_partition
from basemodel_ops.stages.insight.anomalies import ANOMALIES, REASONS, uniform
from basemodel_ops.stages.insight.lookalikes import LOOKALIKES, NEIGHBOUR, unlike
from basemodel_ops.stages.insight.profiles import PROFILES
from basemodel_ops.stages.insight.segments import SEGMENTS
from basemodel_ops.stages.insight.vectors import ENTITIES
from basemodel_ops.stages.insight.week import Week
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, rows_query, table_of, timestamp_of

CLOSE = 1 + 1e-5
"""No cosine is larger, but for rounding."""

UNIFORM, P_VALUES = 0.01, 500
"""P-values are called uniform down to this chance, of so many at most, few beside the windows they are ranks among."""

LEAST = 1e-9
"""P-values are larger."""

FAR = 1e9
"""No entity is so far from the centre of its group."""


def check_entity_embeddings(ws: Workspace, as_of: datetime) -> CheckResult:
    """The partition holds everyone of the week once, with a vector."""
    week = Week(ws.store, as_of)
    query = exp.select(column_of(ws.contract.entity)).distinct().from_(table_of(ws.answer_relation(ENTITIES)))
    here = column_of("as_of").eq(timestamp_of(as_of))
    filled = column_of("embedding").like("[%]")
    with ws.warehouse() as warehouse:
        result = warehouse.read(query.where(here, filled)).num_rows
        rows = warehouse.read(
            exp.select(column_of("as_of")).from_(table_of(ws.answer_relation(ENTITIES))).where(here.copy())
        ).num_rows
    return CheckResult(
        "embeddings_are_whole", result == rows == len(week),
        f"{rows} rows, {result} entities with a vector, {len(week)} in the week.", {"rows": rows},
    )  # fmt: skip


def check_lookalikes(ws: Workspace, as_of: datetime) -> CheckResult:
    """Everyone has as many look-alikes, is none of their own, and no similarity is beyond 1."""
    week, entity = Week(ws.store, as_of), ws.contract.entity
    per_entity = 0 if unlike(week, Directions(week.embeddings)) else min(ws.settings.lookalikes, len(week) - 1)
    repeated = exp.select(column_of(entity)).from_(table_of(ws.answer_relation(LOOKALIKES))).where(
        column_of("as_of").eq(timestamp_of(as_of)), column_of(entity).eq(column_of(NEIGHBOUR))
    )  # fmt: skip
    with ws.warehouse() as warehouse:
        counts = count_partition(
            warehouse, ws.answer_relation(LOOKALIKES), as_of, [entity, "rank"], "similarity", -CLOSE, CLOSE
        )
        alone = warehouse.read(repeated).num_rows
    passed = counts.rows == per_entity * len(week) and not (counts.repeated or counts.outside or alone)
    text = (
        f"{counts.rows} rows for {counts.entities} of {len(week)} entities, {per_entity} each; "
        f"{counts.repeated} repeated ranks, {counts.outside} similarities out of range, {alone} entities near "
        "themselves."
    )
    return CheckResult("lookalikes_are_whole", passed, text, {"rows": counts.rows})


def check_segments(ws: Workspace, as_of: datetime) -> CheckResult:
    """Everyone of the week has one segment at the first level, and at most one at each."""
    week = Week(ws.store, as_of)
    with ws.warehouse() as warehouse:
        counts = count_partition(
            warehouse, ws.answer_relation(SEGMENTS), as_of, [ws.contract.entity, "level"], "distance", 0, FAR
        )
    passed = counts.entities == len(week) and counts.rows <= LEVELS * len(week)
    text = (
        f"{counts.rows} rows for {counts.entities} of {len(week)} entities; {counts.repeated} stand twice at a level, "
        f"{counts.outside} distances out of range."
    )
    return CheckResult("everyone_has_a_segment", passed and not (counts.repeated or counts.outside), text)


def check_profiles(ws: Workspace, as_of: datetime) -> CheckResult:
    """Lifts are above 1 and inside of their intervals."""
    lift, low, high = (column_of(name) for name in ("lift", "lift_low", "lift_high"))
    wrong = exp.or_(lift < low, lift > high, low <= exp.Literal.number(1))
    query = exp.select(column_of("segment")).from_(table_of(ws.answer_relation(PROFILES)))
    with ws.warehouse() as warehouse:
        result = warehouse.read(query.where(column_of("as_of").eq(timestamp_of(as_of)), wrong)).num_rows
    return CheckResult("lifts_are_in_their_intervals", result == 0, f"{result} rows of profiles break this.")


def check_anomalies(ws: Workspace, as_of: datetime) -> CheckResult:
    """Everyone of the week has a first reason and at most `REASONS`, or there are no rows at all."""
    week, relation = Week(ws.store, as_of), ws.answer_relation(ANOMALIES)
    with ws.warehouse() as warehouse:
        counts = count_partition(warehouse, relation, as_of, [ws.contract.entity, "reason"], "p_value", LEAST, 1)
        p = _p_values(warehouse, relation, as_of)
    # Of whom nothing was known before there is one row without a p-value, which counts as out of bounds.
    outside = counts.outside - (counts.entities - len(p))
    passed = counts.entities in (0, len(week)) and not (counts.repeated or outside)
    passed = passed and counts.entities <= counts.rows <= REASONS * counts.entities
    text = (
        f"{counts.rows} rows for {counts.entities} of {len(week)} entities; {counts.repeated} reasons stand twice, "
        f"{outside} p-values are out of range."
    )
    return CheckResult("everyone_has_a_p_value", passed, text, {"rows": counts.rows, "p_values": len(p)})


def check_calibrated(ws: Workspace, as_of: datetime) -> CheckResult:
    """P-values are uniform, as they are where the week is like those before it (Kolmogorov and Smirnov)."""
    with ws.warehouse() as warehouse:
        p = _p_values(warehouse, ws.answer_relation(ANOMALIES), as_of)
    if not len(p):
        return CheckResult("p_values_are_uniform", True, "There are no p-values in that week.")
    sampled_permutation = np.random.default_rng(ws.settings.seed).permutation(np.sort(p))[:P_VALUES]
    report_metrics = uniform(sampled_permutation)
    chance = float(report_metrics["ks_p_value"])
    text = (
        f"{len(sampled_permutation)} p-values are {report_metrics['ks']} from uniform at most (chance {chance:.2g}), "
        "and "
        f"{report_metrics['share_told']:.1%} are .05 or less."
    )
    if chance <= UNIFORM:
        text += " The week is not like those before it: read the ranks, and the p-values as those of an odd week."
    return CheckResult("p_values_are_uniform", chance > UNIFORM, text, report_metrics)


def _p_values(warehouse: Warehouse, relation: Relation, as_of: datetime) -> np.ndarray:
    """Of everyone who has one, (entities,)."""
    query = rows_query(relation, ["p_value"]).where(
        column_of("as_of").eq(timestamp_of(as_of)), column_of("reason").eq(exp.Literal.number(1)),
        column_of("p_value").is_(exp.null()).not_(),
    )  # fmt: skip
    return warehouse.read(query).column(0).to_numpy()
