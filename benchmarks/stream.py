"""Events per second from the warehouse to finished sketches, and whether memory grows with the number of events."""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.emde import identity_codes, sketch_histories
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.representation import EventReader, Events, History, stream_histories
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.sorting import SortedRange, sorted_ranges
from basemodel_ops.representation.workers import parallel_map
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from benchmarks.measure import apart
from benchmarks.prefetching import prefetch

Tables = dict[str, np.ndarray]
Sum = tuple[int, int, float]
"""Events, cells of their sketches, mass of the items' first row at the longest half-life."""

ITEMS, CATEGORIES, CATEGORY_WIDTH = 200_000, 50, 64
DEPTH, WIDTH, HALF_LIVES = 10, 128, (7.0, 28.0, 365.0)
CUTOFF = 20_454 * DAY  # 2026-01-01, in microseconds
BATCH_ROWS, SHARD = 131_072, 128
MEMORY = {"partition": "128MB", "order": "1500MB"}
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

TOTAL_WEIGHT = "select sum(power(2, -(({cutoff} - epoch_us(happened_at)) / 86400e6) / {half_life})) from events"


def generate(path: str, events: int, entities: int) -> float:
    """Fill a new warehouse; returns the true mass of all sketches at the longest half-life."""
    with duckdb.connect(path, config={"memory_limit": "2GB", "preserve_insertion_order": "false"}) as connection:
        connection.execute(
            GENERATE.format(events=events, entities=entities, items=ITEMS, categories=CATEGORIES, cutoff=CUTOFF)
        )
        connection.execute("checkpoint")
        row = connection.execute(TOTAL_WEIGHT.format(cutoff=CUTOFF, half_life=HALF_LIVES[-1])).fetchall()
    return float(row[0][0])


def _query(columns: list[str], is_ordered: bool) -> exp.Select:
    query = exp.select(*(exp.column(name, quoted=True) for name in columns)).from_(exp.table_("events", quoted=True))
    return query.order_by(*(exp.column(name, quoted=True) for name in columns[:2])) if is_ordered else query


def _reader(entities: Vocabulary, items: int, categories: int) -> EventReader:
    item = Vocabulary(pa.array(np.arange(items)), np.ones(items, np.int64))
    category = Vocabulary(pa.array(np.arange(categories, dtype=np.int32)), np.ones(categories, np.int64))
    known = {"item": item, "category": category}
    return EventReader("events", entities, "client", "happened_at", None, known, ("price",))


def _summed(start: np.ndarray, events: Events, tables: Tables) -> tuple[int, float]:
    """Sketch consecutive entities, a shard at a time: cells, and the mass of the items' first row."""
    cells, total_weight = 0, 0.0
    cutoffs, half_lives = np.array([CUTOFF]), np.array(HALF_LIVES) * DAY
    for low in range(0, len(start) - 1, SHARD):
        part = start[low : low + SHARD + 1]
        begin, end = part[0], part[-1]
        for column, weight in (("item", None), ("category", events.numbers["price"])):
            width = WIDTH if column == "item" else CATEGORY_WIDTH
            sketches = sketch_histories(
                part - begin,
                events.time[begin:end],
                events.item_ids[column][begin:end],
                tables[column],
                width,
                cutoffs,
                half_lives,
                None if weight is None else weight[begin:end],
            )
            if column == "item":
                total_weight += float(sketches[:, 0, -1, :width].sum(dtype=np.float64))
            cells += sketches.size
    return cells, total_weight


def _partitioned(
    batches: Iterator[pa.RecordBatch], reader: EventReader, directory: str, tables: Tables
) -> Iterator[Sum]:
    """Any order: ranges of entities on disk, sorted and sketched side by side."""
    events = prefetch(reader.read(batches))

    def work(part: SortedRange) -> Sum:
        result = part.load()
        if result is None:
            return 0, 0, 0.0
        start = np.searchsorted(result.entity_index, np.arange(part.first, part.first + part.entities + 1))
        return len(result), *_summed(start, result, tables)

    return parallel_map(work, sorted_ranges(events, len(reader.entities), Path(directory)))


def _ordered(batches: Iterator[pa.RecordBatch], reader: EventReader, directory: str, tables: Tables) -> Iterator[Sum]:
    """Sorted by the warehouse: shards of histories sketched side by side."""

    def work(shard: tuple[int, list[History]]) -> Sum:
        _, (history,) = shard
        events = Events(np.zeros(0, np.int32), history.time, None, history.item_ids, history.numbers)
        return len(history.time), *_summed(history.start, events, tables)

    events = reader.read(prefetch(batches))
    return parallel_map(work, stream_histories([events], len(reader.entities), 16 * SHARD))


METHODS = {"partition": _partitioned, "order": _ordered}


def sketch(path: str, directory: str, method: str) -> dict[str, Any]:
    """Read all events, sketch items and spend per category of every entity, and add up what came out."""
    hashes = np.random.default_rng(0).integers(0, 2**63, ITEMS).astype(np.uint64)
    tables = {"item": identity_codes(hashes, DEPTH, WIDTH), "category": np.arange(CATEGORIES)[:, None]}
    _compile_kernels(directory, method, tables)
    options: dict[str, str | bool | int | float] = {
        "memory_limit": MEMORY[method], "temp_directory": directory, "preserve_insertion_order": False, "threads": 2,
    }  # fmt: skip
    started, busy = time.perf_counter(), time.process_time()
    read, cells, total_weight = 0, 0, 0.0
    with DuckDBWarehouse(Path(path), options) as warehouse:
        distinct = exp.select(exp.column("client")).distinct().from_("events").order_by(exp.column("client"))
        reader = _reader(Vocabulary.from_entities(warehouse.read(distinct)), ITEMS, CATEGORIES)
        batches = warehouse.batches(_query(reader.columns, method == "order"), BATCH_ROWS)
        for count, size, weight in METHODS[method](batches, reader, directory, tables):
            read, cells, total_weight = read + count, cells + size, total_weight + weight
    return {
        "seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - busy, "events": read,
        "cells": cells, "mass": total_weight,
    }  # fmt: skip


def _compile_kernels(directory: str, method: str, tables: Tables) -> None:
    """Compile, or load from the cache, what the measured part calls."""
    with duckdb.connect() as connection:
        connection.execute(GENERATE.format(events=1000, entities=10, items=9, categories=9, cutoff=CUTOFF))
        table = connection.sql("select * from events order by client, happened_at").to_arrow_table()
    entities = Vocabulary(pa.array(np.arange(10)), np.ones(10, np.int64))
    for _ in METHODS[method](iter(table.to_batches()), _reader(entities, ITEMS, CATEGORIES), directory, tables):
        pass


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
            for method in chosen.ways:
                done = [
                    apart("benchmarks.stream:sketch", path=path, directory=folder, method=method)
                    for _ in range(chosen.repeats)
                ]
                best = min(done, key=lambda entry: entry["result"]["seconds"])["result"]
                if best["events"] != events or abs(best["mass"] / true - 1) > 1e-4:
                    raise SystemExit(f"Wrong result: {best} for {events} events of mass {true}.")
                rows.append(
                    {
                        "way": method, "events": events, "seconds": round(best["seconds"], 2),
                        "cpu_seconds": round(best["cpu_seconds"], 2),
                        "events_per_second": round(events / best["seconds"]),
                        "peak_mb": round(max(entry["peak_mb"] for entry in done)),
                    }
                )  # fmt: skip
    return {
        "entities": chosen.entities, "depth": DEPTH, "width": WIDTH, "half_lives": HALF_LIVES,
        "runs": rows,
        "ratios": {method: _ratios([row for row in rows if row["way"] == method]) for method in chosen.ways},
    }  # fmt: skip


def _ratios(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Of the largest size to the smallest."""
    first, last = min(rows, key=lambda row: row["events"]), max(rows, key=lambda row: row["events"])
    return {
        "events": last["events"] / first["events"],
        "seconds": round(last["seconds"] / first["seconds"], 3),
        "peak": round(last["peak_mb"] / first["peak_mb"], 3),
    }
