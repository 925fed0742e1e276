"""Checks of the tables about entities side by side; each claims one property of one partition."""

from datetime import datetime

from sqlglot import exp

from basemodel_ops.insight.neighbours import Directions
from basemodel_ops.insight.segments import LEVELS
from basemodel_ops.report import Finding
from basemodel_ops.stages.checks.partitions import count_partition
from basemodel_ops.stages.insight.lookalikes import LOOKALIKES, NEIGHBOUR, unlike
from basemodel_ops.stages.insight.profiles import PROFILES
from basemodel_ops.stages.insight.segments import SEGMENTS
from basemodel_ops.stages.insight.vectors import ENTITIES
from basemodel_ops.stages.insight.week import Week
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.queries import column_of, moment_of, table_of

CLOSE = 1 + 1e-5
"""No cosine is larger, but for rounding."""

FAR = 1e9
"""No entity is so far from the centre of its group."""


def check_entity_embeddings(ws: Workspace, as_of: datetime) -> Finding:
    """The partition holds everyone of the week once, with a vector."""
    week = Week(ws, as_of)
    query = exp.select(column_of(ws.contract.entity)).distinct().from_(table_of(ws.answers(ENTITIES)))
    here = column_of("as_of").eq(moment_of(as_of))
    filled = column_of("embedding").like("[%]")
    with ws.warehouse() as warehouse:
        found = warehouse.read(query.where(here, filled)).num_rows
        rows = warehouse.read(
            exp.select(column_of("as_of")).from_(table_of(ws.answers(ENTITIES))).where(here.copy())
        ).num_rows
    return Finding(
        "embeddings_are_whole", found == rows == len(week),
        f"{rows} rows, {found} entities with a vector, {len(week)} in the week.", {"rows": rows},
    )  # fmt: skip


def check_lookalikes(ws: Workspace, as_of: datetime) -> Finding:
    """Everyone has as many look-alikes, is none of their own, and no similarity is beyond 1."""
    week, entity = Week(ws, as_of), ws.contract.entity
    each = 0 if unlike(week, Directions(week.embeddings)) else min(ws.settings.lookalikes, len(week) - 1)
    own = exp.select(column_of(entity)).from_(table_of(ws.answers(LOOKALIKES))).where(
        column_of("as_of").eq(moment_of(as_of)), column_of(entity).eq(column_of(NEIGHBOUR))
    )  # fmt: skip
    with ws.warehouse() as warehouse:
        found = count_partition(warehouse, ws.answers(LOOKALIKES), as_of, [entity, "rank"], "similarity", -CLOSE, CLOSE)
        alone = warehouse.read(own).num_rows
    passed = found.rows == each * len(week) and not (found.repeated or found.outside or alone)
    text = (
        f"{found.rows} rows for {found.entities} of {len(week)} entities, {each} each; "
        f"{found.repeated} repeated ranks, {found.outside} similarities out of range, {alone} entities near themselves."
    )
    return Finding("lookalikes_are_whole", passed, text, {"rows": found.rows})


def check_segments(ws: Workspace, as_of: datetime) -> Finding:
    """Everyone of the week has one segment at the first level, and at most one at each."""
    week = Week(ws, as_of)
    with ws.warehouse() as warehouse:
        found = count_partition(
            warehouse, ws.answers(SEGMENTS), as_of, [ws.contract.entity, "level"], "distance", 0, FAR
        )
    passed = found.entities == len(week) and found.rows <= LEVELS * len(week)
    text = (
        f"{found.rows} rows for {found.entities} of {len(week)} entities; {found.repeated} stand twice at a level, "
        f"{found.outside} distances out of range."
    )
    return Finding("everyone_has_a_segment", passed and not (found.repeated or found.outside), text)


def check_profiles(ws: Workspace, as_of: datetime) -> Finding:
    """Lifts are above 1 and inside of their intervals."""
    lift, low, high = (column_of(name) for name in ("lift", "lift_low", "lift_high"))
    wrong = exp.or_(lift < low, lift > high, low <= exp.Literal.number(1))
    query = exp.select(column_of("segment")).from_(table_of(ws.answers(PROFILES)))
    with ws.warehouse() as warehouse:
        found = warehouse.read(query.where(column_of("as_of").eq(moment_of(as_of)), wrong)).num_rows
    return Finding("lifts_are_in_their_intervals", found == 0, f"{found} rows of profiles break this.")
