"""Seconds and peak memory of encoding attribute rows: five columns from the warehouse to cells and features."""

import argparse
import shutil
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from sqlglot import exp

from basemodel_ops.encoders import fit_encoder
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from benchmarks.measure import apart
from benchmarks.prefetching import prefetch

BATCH_ROWS = 262_144
KINDS = {"brand": "category", "segment": "category", "income": "number", "balance": "number", "title": "text"}
BYTES_PER_ROW = 100

GENERATE = """
create table attributes as
select
    i::bigint as entity,
    floor(50000 * power((hash(i, 1) % 1000003) / 1000003.0, 2))::bigint as brand,
    'segment ' || (hash(i, 2) % 200) as segment,
    case when hash(i, 3) % 20 = 0 then null else exp((hash(i, 4) % 1000) / 100.0) end as income,
    ((hash(i, 5) % 200001)::bigint - 100000) / 100.0 as balance,
    ['fresh', 'frozen', 'organic', 'smoked', 'salted'][1 + (hash(i, 6) % 5)::bigint] || ' '
        || ['milk', 'bread', 'fish', 'apple', 'cheese'][1 + (hash(i, 7) % 5)::bigint] || ' '
        || (hash(i, 8) % 400) || ' g' as title
from range({rows}) as numbers(i)
"""


def generate(path: str, rows: int) -> None:
    """Fill a new warehouse."""
    with duckdb.connect(path, config={"memory_limit": "2GB", "preserve_insertion_order": "false"}) as connection:
        connection.execute(GENERATE.format(rows=rows))
        connection.execute("checkpoint")


def encode(path: str) -> dict[str, Any]:
    """Fit every column in one pass each, then encode all rows: cells of all, features of numbers and categories."""
    started = time.perf_counter()
    with DuckDBWarehouse(Path(path), {"memory_limit": "256MB", "threads": 2}) as warehouse:
        encoders = {}
        for name, kind in KINDS.items():
            batches = warehouse.batches(_query([name]), BATCH_ROWS)
            # Texts are fitted on the first distinct ones, so the rest need not be read.
            columns = (batch.column(0) for batch in (islice(batches, 4) if kind == "text" else batches))
            encoders[name] = fit_encoder(kind, columns)
        fitted = time.perf_counter() - started
        rows, known = 0, np.zeros(len(KINDS), np.int64)
        for batch in prefetch(warehouse.batches(_query(list(KINDS)), BATCH_ROWS)):
            rows += batch.num_rows
            for number, (name, kind) in enumerate(KINDS.items()):
                column = batch.column(name)
                known[number] += int((encoders[name].cells(column)[:, 0] >= 0).sum())
                if kind != "text":
                    encoders[name].features(column)
    return {
        "seconds": time.perf_counter() - started, "fit_seconds": fitted, "rows": rows,
        "known": dict(zip(KINDS, known.tolist(), strict=True)),
    }  # fmt: skip


def _query(columns: list[str]) -> exp.Select:
    return exp.select(*(exp.column(name, quoted=True) for name in columns)).from_(exp.table_("attributes", quoted=True))


def run(arguments: list[str]) -> dict[str, Any]:
    """Generate and encode; the second of two runs counts, since the first may compile kernels."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks attributes", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--directory", default=None, help="where the table is generated")
    chosen = parser.parse_args(arguments)
    root = Path(chosen.directory or tempfile.gettempdir())
    needed, free = chosen.rows * BYTES_PER_ROW, shutil.disk_usage(root).free
    if free < needed:
        raise SystemExit(f"{root} has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are needed: --directory.")
    with tempfile.TemporaryDirectory(dir=root, prefix="attributes-") as folder:
        path = str(Path(folder) / "warehouse.duckdb")
        apart("benchmarks.attributes:generate", path=path, rows=chosen.rows)
        done = [apart("benchmarks.attributes:encode", path=path) for _ in range(2)][-1]
    result = done["result"]
    return {
        "rows": result["rows"], "columns": KINDS, "seconds": round(result["seconds"], 2),
        "fit_seconds": round(result["fit_seconds"], 2), "peak_mb": round(done["peak_mb"]), "known": result["known"],
    }  # fmt: skip
