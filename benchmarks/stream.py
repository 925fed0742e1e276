"""Events per second from the warehouse to finished sketches, and whether memory grows with the number of events."""

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.emde import SketchStream, identity_codes
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.representation import EventReader, sorted_events
from basemodel_ops.representation.ahead import read_ahead
from basemodel_ops.representation.history import DAY
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from benchmarks.measure import apart

ITEMS, CATEGORIES = 200_000, 50
DEPTH, WIDTH, HALF_LIVES = 10, 128, (7.0, 28.0, 365.0)
CUTOFF = 20_454 * DAY  # 2026-01-01, in microseconds
BATCH_ROWS, SHARD = 262_144, 1024
MEMORY = {"partition": "512MB", "order": "1500MB"}
"""What DuckDB may take: a scan needs little, a sort spills what does not fit."""

BYTES_PER_EVENT = 120
"""Room asked for on the disk: the table, and the encoded events or the warehouse's own sort."""

# A year of events; items follow a power law, the numbers are prices.
GENERATE = """
create table events as
select
    (hash(i) % {entities})::bigint as client,
    floor({items} * power((hash(i, 1) % 1000003) / 1000003.0, 3))::bigint as item,
    (hash(i, 2) % {categories})::integer as category,
    round(exp((hash(i, 3) % 1000) / 250.0), 2)::double as price,
    make_timestamp({cutoff} - 1 - (hash(i, 4) % 31536000)::bigint * 1000000) as happened_at
from range({events}) as numbers(i)
"""

MASS = "select sum(power(2, -(({cutoff} - epoch_us(happened_at)) / 86400e6) / {half_life})) from events"


def generate(path: str, events: int, entities: int) -> float:
    """Fill a new warehouse; returns the true mass of all sketches at the longest half-life."""
    with duckdb.connect(path, config={"memory_limit": "2GB", "preserve_insertion_order": "false"}) as connection:
        connection.execute(
            GENERATE.format(events=events, entities=entities, items=ITEMS, categories=CATEGORIES, cutoff=CUTOFF)
        )
        connection.execute("checkpoint")
        row = connection.execute(MASS.format(cutoff=CUTOFF, half_life=HALF_LIVES[-1])).fetchall()
    return float(row[0][0])


def _query(columns: list[str], is_ordered: bool) -> exp.Select:
    query = exp.select(*(exp.column(name, quoted=True) for name in columns)).from_(exp.table_("events", quoted=True))
    return query.order_by(*(exp.column(name, quoted=True) for name in columns[:2])) if is_ordered else query


def sketch(path: str, directory: str, way: str) -> dict[str, Any]:
    """Read all events, sketch items per entity and spend per category, and add up what came out."""
    items = Vocabulary(pa.array(np.arange(ITEMS)), np.ones(ITEMS, np.int64))
    categories = Vocabulary(pa.array(np.arange(CATEGORIES, dtype=np.int32)), np.ones(CATEGORIES, np.int64))
    hashes = np.random.default_rng(0).integers(0, 2**63, ITEMS).astype(np.uint64)
    tables = {"item": identity_codes(hashes, DEPTH, WIDTH), "category": np.arange(CATEGORIES)[:, None]}
    widths, weights = {"item": WIDTH, "category": 64}, {"item": None, "category": "price"}
    compile_kernels(directory)
    options: dict[str, str | bool | int | float] = {
        "memory_limit": MEMORY[way], "temp_directory": directory, "preserve_insertion_order": False, "threads": 2,
    }  # fmt: skip
    began = time.perf_counter()
    with DuckDBWarehouse(Path(path), options) as warehouse:
        distinct = exp.select(exp.column("client")).distinct().from_("events").order_by(exp.column("client"))
        entities = Vocabulary.from_entities(warehouse.read(distinct))
        reader = EventReader(
            "events", entities, "client", "happened_at", None, {"item": items, "category": categories}, ("price",)
        )
        batches = read_ahead(warehouse.batches(_query(reader.columns, way == "order"), BATCH_ROWS))
        events = reader.read(batches)
        if way == "partition":
            events = sorted_events(events, len(entities), Path(directory))
        cutoffs, lives = np.array([CUTOFF]), np.array(HALF_LIVES) * DAY
        streams = {
            name: SketchStream(len(entities), tables[name], widths[name], cutoffs, lives, SHARD) for name in tables
        }
        mass, shards, read = 0.0, 0, 0
        for batch in events:
            read += len(batch)
            for name, stream in streams.items():
                weight = weights[name]
                for shard in stream.add(
                    batch.owner, batch.time, batch.codes[name], batch.numbers[weight] if weight else None
                ):
                    shards += 1
                    if name == "item":
                        mass += float(shard.values[:, 0, -1, :WIDTH].sum(dtype=np.float64))
        for name, stream in streams.items():
            for shard in stream.finish():
                shards += 1
                if name == "item":
                    mass += float(shard.values[:, 0, -1, :WIDTH].sum(dtype=np.float64))
    return {"seconds": time.perf_counter() - began, "events": read, "shards": shards, "mass": mass}


def compile_kernels(directory: str) -> None:
    """Compile, or load from the cache, what the measured part calls."""
    entities, one = Vocabulary(pa.array([0, 1]), np.ones(2, np.int64)), np.ones(1, np.int64)
    item = Vocabulary(pa.array([0]), one)
    category = Vocabulary(pa.array([0], pa.int32()), one)
    reader = EventReader("events", entities, "client", "happened_at", None, {"item": item, "category": category}, ("price",))
    batch = pa.record_batch(
        {
            "client": pa.array([0, 1]),
            "happened_at": pa.array([0, 1], pa.timestamp("us")),
            "item": pa.array([0, 0]),
            "category": pa.array([0, 0], pa.int32()),
            "price": pa.array([1.0, 1.0]),
        }
    )
    for events in sorted_events(reader.read([batch]), 2, Path(directory)):
        for name, weight in (("item", None), ("category", events.numbers["price"])):
            stream = SketchStream(2, np.zeros((1, 2), np.int32), 2, np.array([DAY]), np.array([1.0, 2.0]) * DAY)
            list(stream.add(events.owner, events.time, events.codes[name], weight))
            list(stream.finish())


def run(arguments: list[str]) -> dict[str, Any]:
    """Measure every size, each in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks stream", description=__doc__)
    parser.add_argument("--sizes", type=float, nargs="+", default=[10, 50, 100], help="millions of events")
    parser.add_argument("--entities", type=int, default=1_000_000)
    parser.add_argument("--ways", nargs="+", default=["partition"], choices=sorted(MEMORY))
    parser.add_argument("--repeats", type=int, default=1, help="runs of each, of which the fastest counts")
    parser.add_argument("--directory", default=None, help="where the tables are generated")
    chosen = parser.parse_args(arguments)
    root = Path(chosen.directory or tempfile.gettempdir())
    needed, free = int(max(chosen.sizes) * 1e6 * BYTES_PER_EVENT), shutil.disk_usage(root).free
    if free < needed:
        raise SystemExit(f"{root} has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are needed: --directory.")
    rows = []
    for size in chosen.sizes:
        with tempfile.TemporaryDirectory(dir=root, prefix="stream-") as folder:
            path, events = str(Path(folder) / "warehouse.duckdb"), int(size * 1e6)
            true = apart("benchmarks.stream:generate", path=path, events=events, entities=chosen.entities)["result"]
            for way in chosen.ways:
                done = [
                    apart("benchmarks.stream:sketch", path=path, directory=folder, way=way)
                    for _ in range(chosen.repeats)
                ]
                best = min(done, key=lambda one: one["result"]["seconds"])["result"]
                if best["events"] != events or abs(best["mass"] / true - 1) > 1e-4:
                    raise SystemExit(f"Wrong result: {best} for {events} events of mass {true}.")
                rows.append(
                    {
                        "way": way, "events": events, "seconds": round(best["seconds"], 2),
                        "events_per_second": round(events / best["seconds"]),
                        "peak_mb": round(max(one["peak_mb"] for one in done)),
                    }
                )  # fmt: skip
    return {
        "entities": chosen.entities, "depth": DEPTH, "width": WIDTH, "half_lives": HALF_LIVES,
        "runs": rows, "ratios": {way: _ratios([row for row in rows if row["way"] == way]) for way in chosen.ways},
    }  # fmt: skip


def _ratios(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Of the largest size to the smallest."""
    first, last = min(rows, key=lambda row: row["events"]), max(rows, key=lambda row: row["events"])
    return {
        "events": last["events"] / first["events"],
        "seconds": round(last["seconds"] / first["seconds"], 3),
        "peak": round(last["peak_mb"] / first["peak_mb"], 3),
    }
