"""Whether the stages' memory grows with events: encoders, Cleora, codes and representations of one made-up source.

The table is that of `stream`. Each size runs in a process of its own; everything is read through a workspace, as the
job does, with what DuckDB may keep in memory as in the settings.
"""

import argparse
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from basemodel_ops.contract.types import Column, ColumnType, Contract, EventSource, Grid, Relation, Task, TaskType
from benchmarks.measure import apart
from benchmarks.stream import CUTOFF, generate

MODULE = "benchmarks.represent:represent"
ENTITIES = 100_000
NOW = datetime.fromtimestamp(CUTOFF / 1e6, UTC).replace(tzinfo=None)


def run(arguments: list[str]) -> dict[str, Any]:
    """Seconds and peak memory per size, and their ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks represent", description=__doc__)
    parser.add_argument("--sizes", type=float, nargs="+", default=[5, 40], help="millions of events")
    chosen = parser.parse_args(arguments)
    runs = []
    for size in chosen.sizes:
        with tempfile.TemporaryDirectory() as home:
            events = int(size * 1e6)
            apart("benchmarks.represent:prepare", home=home, events=events)
            measured = apart(MODULE, home=home)
            runs.append({"events": events, **measured["result"], "peak_mb": measured["peak_mb"]})
    first, last = runs[0], runs[-1]
    ratios = {name: last[name] / first[name] for name in ("events", "seconds", "peak_mb")}
    return {"entities": ENTITIES, "runs": runs, "ratios": ratios}


def prepare(home: str, events: int) -> None:
    """The warehouse of a home: events, and a grid whose newest cutoff is now."""
    import duckdb

    path = Path(home) / "warehouse.duckdb"
    generate(str(path), events, ENTITIES)
    cutoffs = [NOW - timedelta(weeks=week) for week in range(10)]
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table grid (cutoff timestamp, data_end timestamp)")
        connection.executemany("insert into grid values (?, ?)", [(cutoff, NOW) for cutoff in cutoffs])


def represent(home: str) -> dict[str, Any]:
    """All stages up to the representation at the newest cutoff."""
    from basemodel_ops import stages
    from basemodel_ops.settings import Settings

    settings = Settings(home=Path(home), depth=8, width=64, dimension=32, top_items=50)
    workspace = stages.Workspace.open(settings, declared(), lambda _: None)
    started = time.perf_counter()
    seconds = {"encoders": stages.encoders(workspace, "events").metrics["seconds"]}
    for column in ("item", "category"):
        for stage in (stages.embeddings, stages.codes):
            created = stage(workspace, "events", column)
            seconds[f"{stage.__name__} {column}"] = created.metrics["seconds"]
    seconds["entity_representation"] = stages.entity_representation(workspace, NOW).metrics["seconds"]
    return {"seconds": time.perf_counter() - started, "stages": seconds}


def declared() -> Contract:
    """The contract of the made-up source."""
    columns = (("item", ColumnType.CATEGORY), ("category", ColumnType.CATEGORY), ("price", ColumnType.NUMBER))
    events = EventSource(
        name="events",
        relation=Relation(schema_name="main", name="events"),
        entity="client",
        time="happened_at",
        session=None,
        columns=tuple(Column(name=name, data_type="", type=kind, inferred=False) for name, kind in columns),
    )
    grid = Grid(
        relation=Relation(schema_name="main", name="grid"),
        cutoff="cutoff",
        data_end="data_end",
        start=date(2025, 1, 1),
        now=NOW.date(),
    )
    task = Task(
        name="unused",
        relation=grid.relation,
        type=TaskType.BINARY,
        entity="client",
        cutoff="cutoff",
        target="none",
        horizon=7,
        population=None,
        predicts=None,
        reads=(),
    )
    return Contract(entity="client", events=(events,), attributes=(), tasks=(task,), grid=grid)
