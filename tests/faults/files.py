"""Disks that fill up, a log that is cut off, and columns that change under a contract."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import ArtifactStore, ArtifactWriter
from basemodel_ops.contract.types import Column, ColumnType, Contract, EventSource, Grid, Relation
from basemodel_ops.data_quality.preflight import preflight
from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.duckdb_log import complete_length, log_of
from basemodel_ops.warehouse.sql import SqlWarehouse

from .kills import ROOT
from .locations import MONDAY, Location, Outcome, is_whole, publish, turn_rows

DISK = 24 * 2**20
KILLED = """
import duckdb, os, sys
with duckdb.connect(sys.argv[1]) as connection:
    connection.execute("create table things (value bigint)")
    connection.execute("checkpoint")
    for value in range(5):
        connection.execute(f"insert into things values ({value})")
    os.kill(os.getpid(), 9)
"""


def on_small_disk(folder: Path, name: str) -> list[Outcome] | str:
    """Run `python -m tests.faults.files NAME` where `folder` is a disk of 24 MB; if it cannot be one, why not.

    Root mounts in a name space of its own; others first become root of one.
    """
    method = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    mount = f'mount -t tmpfs -o size={DISK} tmpfs "$1" && exec "$2" -m tests.faults.files "$3" "$1"'
    command = [*method, "sh", "-c", mount, "sh", str(folder), sys.executable, name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
    if done.returncode in (1, 32) and ("mount" in done.stderr or "unshare" in done.stderr) and not done.stdout:
        return done.stderr.strip()
    assert done.returncode == 0, done.stderr
    return [Outcome(**entry) for entry in json.loads(done.stdout.splitlines()[-1])]


def staging_on_a_full_disk(folder: Path) -> Outcome:
    """A partition that does not fit is refused and all is as it was; with room again it is written."""
    tried, bad = 0, 0
    location = Location("duckdb", str(folder / "warehouse.duckdb"))
    with location.open() as warehouse:
        publish(warehouse, 0, 1000)
    for room in (0, 1, 2, 4, 8):  # MB
        tried += 1
        filler = folder / "filler"
        _fill(filler, folder, room)
        try:
            with location.open() as warehouse:
                warehouse.publish(*_wide(tried))
            bad += 1  # it does not fit
        except WarehouseError as error:
            bad += not any(word in str(error).lower() for word in ("space", "disk", "full"))
        filler.unlink()
        with location.open() as warehouse:
            bad += not is_whole(warehouse, {0}, 1000)
    with location.open() as warehouse:
        publish(warehouse, 1, 1000)
        bad += not is_whole(warehouse, {1}, 1000)
    return Outcome("a full disk while staging", "duckdb", tried, bad)


def _fill(filler: Path, folder: Path, room: int) -> None:
    """Leave `room` MB of the disk."""
    size = shutil.disk_usage(folder).free - room * 2**20
    with filler.open("wb") as file:
        for _ in range(size // 2**16):
            file.write(bytes(2**16))


def _wide(turn: int) -> tuple:
    """A partition of about 13 MB that cannot be compressed."""
    generator = np.random.default_rng(turn)
    count = 800_000
    rows = turn_rows(1, 1000).schema
    table = pa.table(
        [pa.array([MONDAY] * count, pa.timestamp("us")), generator.integers(0, 2**62, count), generator.random(count)],
        schema=rows,
    )
    return Relation(schema_name="answers", name="scores"), table, {"as_of": MONDAY}, f"wide {turn}", "code", "run"


def checkpoint_on_a_full_disk(folder: Path) -> Outcome:
    """Weights that do not fit leave the artifact that was there, and nothing half-written is taken for one."""
    store = ArtifactStore(str(folder / "artifacts"))
    weights = np.random.default_rng(0).random(250_000)

    def write(value: float, times: int) -> None:
        def fill(writer: ArtifactWriter) -> None:
            for number in range(times):
                writer.arrays(f"weights {number}", {"weights": weights * value})

        store.write("foundation_model", f"version{value:g}", fill, {})

    write(1.0, 1)
    tried, bad = 0, 0
    for times in (12, 14, 20):  # 2 MB each
        tried += 1
        try:
            write(2.0 + tried, times)
            bad += 1
        except OSError as error:
            bad += "space" not in str(error).lower()
        result = store.current("foundation_model")
        bad += result.version != "version1" or not np.array_equal(result.arrays("weights 0")["weights"], weights)
        bad += store.find("foundation_model", f"version{2.0 + tried:g}") is not None
    write(9.0, 2)
    bad += store.current("foundation_model").version != "version9"
    return Outcome("a full disk while saving a checkpoint", "none", tried, bad)


def cut_logs(folder: Path, times: int, generator: random.Random) -> Outcome:
    """A log cut off at a random byte is refused by name and left alone; one that is whole is replayed."""
    path = folder / "killed.duckdb"
    subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=60, check=False)
    log = log_of(path).read_bytes()
    complete = {length for length in range(len(log) + 1) if complete_length(log[:length]) == length}
    cuts = generator.sample(sorted(set(range(1, len(log))) - complete), times)
    bad = 0
    for cut in cuts:
        copy = folder / f"cut {cut}.duckdb"
        shutil.copy(path, copy)
        log_of(copy).write_bytes(log[:cut])
        try:
            DuckDBWarehouse(copy)
            bad += 1
        except WarehouseError as error:
            bad += str(log_of(copy)) not in str(error) or log_of(copy).read_bytes() != log[:cut]
    with DuckDBWarehouse(path), duckdb.connect(str(path)) as connection:
        bad += connection.execute("select count(*) from things").fetchall() != [(5,)]
    return Outcome("a truncated DuckDB log", "duckdb", times, bad)


VISITS = Relation(schema_name="behavior", name="visits")
WEEKS = Relation(schema_name="tasks", name="weeks")


def contract() -> Contract:
    """One source of events with a number and a category, and a grid."""
    columns = (
        Column(name="cost", data_type="double", type=ColumnType.NUMBER, inferred=True),
        Column(name="clinic", data_type="bigint", type=ColumnType.CATEGORY, inferred=False),
    )
    visits = EventSource(name="visits", relation=VISITS, entity="patient", time="at", session=None, columns=columns)
    grid = Grid(relation=WEEKS, cutoff="cutoff", data_end="data_end", start=MONDAY.date(), now=None)
    return Contract(entity="patient", events=(visits,), attributes=(), tasks=(), grid=grid)


def drifts(location: Location) -> Outcome:
    """A column dropped, added or retyped fails the blocking check by its name; another order passes."""
    sound = pa.table({"patient": [1, 2], "at": pa.array([MONDAY] * 2, pa.timestamp("us")), "cost": [0.5, 1.0],
                      "clinic": [3, 4]})  # fmt: skip
    cases = {
        "": sound.select(["clinic", "cost", "at", "patient"]),
        "cost": sound.drop_columns(["cost"]),
        "nurse": sound.append_column("nurse", pa.array(["a", "b"])),
        "clinic": sound.set_column(3, "clinic", pa.array(["3", "4"])),
        "at": sound.set_column(1, "at", pa.array(["2024-01-01", "2024-01-02"])),
        "patient": sound.drop_columns(["patient"]),
    }
    bad = 0
    with location.open() as warehouse:
        warehouse.load(
            WEEKS, pa.table({name: pa.array([MONDAY], pa.timestamp("us")) for name in ("cutoff", "data_end")})
        )
        for named, table in cases.items():
            warehouse.load(VISITS, table)
            bad += not _is_named(warehouse, named)
    return Outcome("schema drift: the check names the column", location.kind, len(cases), bad)


def _is_named(warehouse: SqlWarehouse, column: str) -> bool:
    failed = [entry for entry in preflight(warehouse, contract(), MONDAY) if not entry.passed]
    if not column:
        return failed == []
    return [entry.name for entry in failed] == ["visits: the warehouse has what is declared"] and all(
        repr(column) in entry.description and str(VISITS) in entry.description for entry in failed
    )


if __name__ == "__main__":
    work = {"staging": staging_on_a_full_disk, "checkpoint": checkpoint_on_a_full_disk}[sys.argv[1]]
    print(json.dumps([work(Path(sys.argv[2])).json()]))
