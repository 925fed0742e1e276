"""Questions that are asked at every trip, beside a weekly one: where next, how soon, and whether within a week."""

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

from basemodel_ops.contract.types import Aggregate, Moments, Relation, Target, Task, TaskType
from basemodel_ops.stages import Workspace

from .riding import CUTOFFS, plain, trained
from .trips import NOW, ZONES, trips

WEEK = timedelta(days=7)
NAMES = ("next_zone", "days_until_next", "soon")
KINDS = (TaskType.MULTICLASS, TaskType.REGRESSION, TaskType.BINARY)


def question_rows() -> list[dict[str, Any]]:
    """Every distinct moment of a rider's trips from the first cutoff on, with what follows and when."""
    rows = trips().select(["rider", "started_at", "station"]).to_pylist()
    result = []
    for rider in sorted({row["rider"] for row in rows}):
        current: dict[datetime, int] = {}
        for row in rows:
            if row["rider"] == rider:
                current[row["started_at"]] = max(row["station"], current.get(row["started_at"], 0))
        moments = sorted(current)
        for moment, later in [*pairwise(moments), (moments[-1], None)]:
            if moment < CUTOFFS[0]:
                continue
            is_over = moment + WEEK <= NOW
            result.append(
                {
                    "rider": rider, "moment": moment, "next_at": later,
                    "next_zone": None if later is None else ZONES[current[later] % len(ZONES)],
                    "days_until_next": None if later is None else (later - moment) / timedelta(days=1),
                    "soon": int(later is not None and later <= moment + WEEK) if is_over else None,
                }
            )  # fmt: skip
    return result


def declared() -> tuple[Task, ...]:
    """The weekly task and the three."""
    weekly = plain().tasks[0]
    current = {
        "cutoff": "moment",
        "moments": Moments.OWN,
        "relation": Relation(schema_name="behavior", name="questions"),
    }
    at_next = {"known": "next_at", "horizon": 0}
    soon = {"horizon": 7, "predicts": Target(source="trips", aggregate=Aggregate.ANY)}
    when = {"next_zone": at_next, "days_until_next": at_next, "soon": soon}
    created = [
        weekly.model_copy(update={**current, "name": name, "type": kind, "target": name, **when[name]})
        for name, kind in zip(NAMES, KINDS, strict=True)
    ]
    return weekly, *created


def project(home: Path) -> Workspace:
    """Rows to learn from and a checkpoint; the weekly task and those at moments of their own are drawn together."""
    contract = plain().model_copy(update={"tasks": declared()})
    rows = question_rows()
    kinds = {"moment": pa.timestamp("us"), "next_at": pa.timestamp("us"), "soon": pa.int64()}
    columns = {name: pa.array([row[name] for row in rows], kinds.get(name)) for name in rows[0]}
    return trained(home, contract, questions=pa.table(columns))
