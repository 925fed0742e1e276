"""Riders of few columns, whose rows and checkpoint are made once; questions about them are asked in any number."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from basemodel_ops import stages
from basemodel_ops.contract.types import ColumnType, Contract, Relation, Task, TaskType
from basemodel_ops.stages import Workspace
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

from .trips import NOW, RIDERS, column, contract, opened, riders, trips, workspace

CUTOFFS = [datetime(2024, 3, 4) + timedelta(weeks=week) for week in range(18)]
HORIZON = timedelta(days=14)
SMALL = {"hidden": 16, "epochs": 1, "pretraining_rows": 300, "horizons": (14,)}
"""Settings of a network that is learnt in seconds."""


def plain() -> Contract:
    """Trips with a station and a fare, and a tariff and an age of riders."""
    full = contract(None)
    (events,) = full.events
    events = events.model_copy(update={"columns": tuple(c for c in events.columns if c.name in ("station", "fare"))})
    people = full.attribute("riders")
    columns = (column("tariff", ColumnType.CATEGORY), column("age", ColumnType.NUMBER))
    return full.model_copy(
        update={"events": (events,), "attributes": (people.model_copy(update={"columns": columns}),)}
    )


def encoded(home: Path, declared: Contract | None = None, **tables: pa.Table) -> Workspace:
    """Encoders, vectors and codes, before any row is made."""
    tables = {"trips": trips().select(["rider", "started_at", "booking", "station", "fare"])} | tables
    created = workspace(home, declared or plain(), **tables)
    ws = opened(home, created.contract, **SMALL)
    for source in ("trips", "riders"):
        stages.encoders(ws, source)
    stages.embeddings(ws, "trips", "station")
    stages.codes(ws, "trips", "station")
    return ws


def trained(home: Path, declared: Contract | None = None, **tables: pa.Table) -> Workspace:
    """Rows to learn from, and a checkpoint."""
    ws = encoded(home, declared, **tables)
    stages.training_examples(ws)
    stages.foundation_model(ws)
    return ws


def _rides() -> dict[tuple[str, datetime], list[dict[str, Any]]]:
    """The trips of every rider in the window of every cutoff."""
    result = {(f"rider {number}", cutoff): [] for number in range(RIDERS) for cutoff in CUTOFFS}
    for row in trips().to_pylist():
        for cutoff in CUTOFFS:
            if cutoff <= row["started_at"] < cutoff + HORIZON:
                result[row["rider"], cutoff].append(row)
    return result


def _last_fares() -> dict[tuple[str, datetime], float]:
    """The fare of the newest trip before each cutoff, where it is a plain number."""
    rows = sorted(trips().to_pylist(), key=lambda row: row["started_at"])
    fares = {
        (f"rider {number}", cutoff): [
            row["fare"] for row in rows if row["rider"] == f"rider {number}" and row["started_at"] < cutoff
        ]
        for number in range(RIDERS)
        for cutoff in CUTOFFS
    }
    return {key: result[-1] for key, result in fares.items() if np.isfinite(result).all()}


RIDES, LAST_FARE = _rides(), _last_fares()
AGES = {row["rider"]: row["age"] for row in riders().to_pylist() if row["age"] is not None}
NUMBERS = count()


def is_over(cutoff: datetime) -> bool:
    return cutoff + HORIZON <= NOW


def ask(
    ws: Workspace, answer: Callable[[str, datetime], Any], kind: pa.DataType, **changes: Any
) -> tuple[Workspace, Task]:
    """A workspace with one task, whose table holds the answer to each rider and cutoff; `...` leaves a row out."""
    name = f"question_{next(NUMBERS)}"
    rows = [(rider, cutoff, answer(rider, cutoff)) for rider, cutoff in RIDES]
    rows = [(rider, cutoff, value) for rider, cutoff, value in rows if value is not ...]
    table = pa.table(
        {
            "rider": [rider for rider, _, _ in rows],
            "cutoff": pa.array([cutoff for _, cutoff, _ in rows], pa.timestamp("us")),
            "target": pa.array([value for _, _, value in rows], kind),
        }
    )
    relation = Relation(schema_name="tasks", name=name)
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        warehouse.load(relation, table)
    task = ws.contract.tasks[0].model_copy(
        update={"name": name, "relation": relation, "type": TaskType.BINARY, "target": "target"} | changes
    )
    return Workspace.open(ws.settings, ws.contract.model_copy(update={"tasks": (task,)}), lambda _: None), task
