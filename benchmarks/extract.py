"""Streaming events out of DuckDB in the order of entity and time: memory does not grow with the rows.

Each size is read in a process of its own through `DuckDBWarehouse.batches`, with one memory limit for both.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import duckdb

from basemodel_ops.contract.types import Relation
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import rows_query
from benchmarks.measure import apart

EVENTS = Relation(schema_name="main", name="events")
COLUMNS = ["entity", "at", "thing", "value"]
ALLOWED = 0.15


def run(arguments: list[str]) -> dict[str, Any]:
    """Peak memory, seconds and rows a second per size, and how far the peaks are apart."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks extract")
    parser.add_argument("--rows", type=int, nargs=2, default=[5_000_000, 40_000_000])
    parser.add_argument("--batch", type=int, default=131_072)
    parser.add_argument("--memory", default="256MB", help="DuckDB's memory_limit, for both sizes.")
    options = parser.parse_args(arguments)
    sizes = []
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "warehouse.duckdb")
            apart("benchmarks.extract:fill", path=path, rows=rows, memory=options.memory)
            results = apart("benchmarks.extract:stream", path=path, batch=options.batch, memory=options.memory)
        result = results.pop("result")
        if result["rows"] != rows or not result["ordered"]:
            raise RuntimeError(f"{result} came out of {rows} rows.")
        numbers = {"peak_mb": round(results["peak_mb"], 1), "seconds": round(results["seconds"], 2)}
        sizes.append({"rows": rows, **numbers, "rows_per_second": round(rows / results["seconds"])})
    low, high = sorted(size["peak_mb"] for size in sizes)
    return {
        "benchmark": "extract", "memory_limit": options.memory, "batch_rows": options.batch, "sizes": sizes,
        "apart": round(high / low - 1, 4), "allowed": ALLOWED, "passed": high <= low * (1 + ALLOWED),
    }  # fmt: skip


def fill(path: str, rows: int, memory: str) -> None:
    """A table of events in no order: two of ten columns of a real one are numbers, one a text."""
    with duckdb.connect(path, config={"memory_limit": memory, "preserve_insertion_order": False}) as connection:
        connection.execute(
            f"""
            create table events as
            select
                (hash(i) % {max(rows // 100, 1)})::bigint as entity,
                timestamp '2024-01-01' + to_seconds((hash(i + 1) % 31536000)::bigint) as at,
                'thing ' || (hash(i + 2) % 50000) as thing,
                (hash(i + 3) % 100000) / 100.0 as value
            from range({rows}) as numbers (i)
            """
        )


def stream(path: str, batch: int, memory: str) -> dict[str, Any]:
    """Read everything once; rows, and whether entities came in order."""
    rows, last, ordered = 0, -1, True
    with DuckDBWarehouse(Path(path), {"memory_limit": memory, "threads": 2}) as warehouse:
        for result in warehouse.batches(rows_query(EVENTS, COLUMNS), batch):
            entities = result.column("entity").to_numpy(zero_copy_only=False)
            ordered &= bool(entities[0] >= last) and bool((entities[1:] >= entities[:-1]).all())
            rows, last = rows + result.num_rows, int(entities[-1])
    return {"rows": rows, "ordered": ordered}
