"""Compiling the kernels ahead, on a toy project in a temporary folder: beside a subprocess that keeps one core busy.

`python -m basemodel_ops.warming` runs every stage that has kernels on a few hundred made-up events, so that each kernel
is compiled with the signature that it is called with. What is compiled is kept where numba keeps it.
"""

import os
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from basemodel_ops.contract.types import (
    Aggregate,
    AttributeSource,
    Column,
    ColumnType,
    Contract,
    EventSource,
    Grid,
    Relation,
    Target,
    Task,
    TaskType,
)
from basemodel_ops.settings import Settings

WEEKS, ENTITIES, EVENTS, ITEMS = 30, 60, 6_000, 1_200
FIRST = datetime(2024, 1, 1)


def is_cold() -> bool:
    """Whether no kernel of this machine was compiled yet, as far as the code's own folder tells."""
    if "NUMBA_CACHE_DIR" in os.environ or "NUMBA_CACHE_LOCATOR_CLASSES" in os.environ:
        return False
    return not any((Path(__file__).parent / "cleora").glob("__pycache__/*.nbi"))


def start() -> "subprocess.Popen[bytes] | None":
    """Begin to compile in another process, which yields to all others; None where that was done before."""
    if not is_cold():
        return None
    command = [sys.executable, "-m", "basemodel_ops.warming"]
    command = ["nice", "-n", "5", *command] if os.name == "posix" else command
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _column(name: str, kind: ColumnType, references: str | None = None) -> Column:
    return Column(name=name, data_type="", type=kind, inferred=False, references=references)


def _relation(name: str) -> Relation:
    return Relation(schema_name="toy", name=name)


def toy() -> tuple[Contract, dict[str, pa.Table]]:
    """A contract with a column of every common kind, and its tables."""
    return _contract(), _tables()


def _tables() -> dict[str, pa.Table]:
    generator = np.random.default_rng(0)
    end = FIRST + timedelta(weeks=WEEKS)
    minutes = generator.integers(0, WEEKS * 7 * 1440, EVENTS)
    item = generator.integers(0, ITEMS, EVENTS)
    events = pa.table(
        {
            "entity": generator.integers(0, ENTITIES, EVENTS),
            "at": pa.array([FIRST + timedelta(minutes=int(minute)) for minute in minutes], pa.timestamp("us")),
            "session": minutes // 60,
            "item": item, "kind": pa.array([f"kind {entry % 7}" for entry in item]), "amount": generator.random(EVENTS),
            "note": pa.array([f"a note of {entry % 11}" for entry in item]),
            "due": pa.array([FIRST + timedelta(minutes=int(minute), days=3) for minute in minutes], pa.timestamp("us")),
        }
    )  # fmt: skip
    items = pa.table({"item": np.arange(ITEMS), "group": pa.array([f"group {entry % 9}" for entry in range(ITEMS)])})
    people = pa.table(
        {
            "entity": np.arange(ENTITIES), "since": pa.array([FIRST] * ENTITIES, pa.timestamp("us")),
            "town": pa.array([f"town {entry % 5}" for entry in range(ENTITIES)]),
        }
    )  # fmt: skip
    cutoffs = [FIRST + timedelta(weeks=week) for week in range(4, WEEKS)]
    grid = pa.table(
        {
            "cutoff": pa.array(cutoffs, pa.timestamp("us")),
            "data_end": pa.array([end] * len(cutoffs), pa.timestamp("us")),
        }
    )
    rows = [(entity, cutoff) for entity in range(ENTITIES) for cutoff in cutoffs]
    over = [cutoff + timedelta(days=7) <= end for _, cutoff in rows]
    labels = pa.table(
        {
            "entity": [entity for entity, _ in rows],
            "cutoff": pa.array([cutoff for _, cutoff in rows], pa.timestamp("us")),
            "label": pa.array([int(generator.random() < 0.5) if done else None for done in over], pa.int64()),
        }
    )
    taken = [(row, int(generator.integers(0, ITEMS))) for row, done in zip(rows, over, strict=True) if done]
    takes = pa.table(
        {
            "entity": [entity for (entity, _), _ in taken],
            "cutoff": pa.array([cutoff for (_, cutoff), _ in taken], pa.timestamp("us")),
            "item": [entry for _, entry in taken],
        }
    )
    return {"events": events, "items": items, "people": people, "grid": grid, "labels": labels, "takes": takes}


def _contract() -> Contract:
    columns = (
        _column("item", ColumnType.CATEGORY, "items"), _column("kind", ColumnType.CATEGORY),
        _column("amount", ColumnType.NUMBER), _column("note", ColumnType.TEXT), _column("due", ColumnType.TIME),
    )  # fmt: skip
    source = EventSource(
        name="events", relation=_relation("events"), entity="entity", time="at", session="session", columns=columns
    )
    attributes = (
        AttributeSource(
            name="items", relation=_relation("items"), key="item", valid_from=None,
            columns=(_column("group", ColumnType.CATEGORY),),
        ),
        AttributeSource(
            name="people", relation=_relation("people"), key="entity", valid_from="since",
            columns=(_column("town", ColumnType.CATEGORY),),
        ),
    )  # fmt: skip
    common = {"entity": "entity", "cutoff": "cutoff", "horizon": 7, "reads": ()}
    tasks = (
        Task(
            name="toy_label", relation=_relation("labels"), type=TaskType.BINARY, target="label", population=None,
            predicts=Target(source="events", aggregate=Aggregate.ANY), **common,
        ),
        Task(
            name="toy_items", relation=_relation("takes"), type=TaskType.RECOMMENDATION, target="item",
            population=_relation("labels"), predicts=Target(source="events", column="item"), **common,
        ),
    )  # fmt: skip
    declared = Grid(relation=_relation("grid"), cutoff="cutoff", data_end="data_end", start=date(2024, 1, 1), now=None)
    return Contract(entity="entity", events=(source,), attributes=attributes, tasks=tasks, grid=declared)


def main() -> None:
    """Train and answer on the toy."""
    from basemodel_ops import stages
    from basemodel_ops.tasks.survival import concordance
    from basemodel_ops.warehouse import open_warehouse

    contract, tables = toy()
    with TemporaryDirectory() as home:
        settings = Settings.model_validate(
            {"home": home, "target": "duckdb", "artifacts": "", "hidden": 8, "width": 16}
        )
        with open_warehouse(settings) as warehouse:
            for name, table in tables.items():
                warehouse.load(_relation(name), table)
        workspace = stages.Workspace.open(settings, contract, lambda _: None)
        for source in ("events", "items", "people"):
            stages.encoders(workspace, source)
        for column in ("item", "kind"):
            stages.embeddings(workspace, "events", column)
            stages.codes(workspace, "events", column)
        stages.training_examples(workspace)
        stages.foundation_model(workspace)
        for task in ("toy_label", "toy_items"):
            stages.task_model(workspace, task)
        as_of = FIRST + timedelta(weeks=WEEKS - 1)
        stages.score(workspace, ["toy_label", "toy_items"], as_of, "toy", keep=True)
    concordance(np.array([1.0, -2.0]), np.array([1.0, 2.0]))


if __name__ == "__main__":
    main()
