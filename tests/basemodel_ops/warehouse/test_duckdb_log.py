"""A log that was cut off is told from one that is whole, at every byte."""

import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.duckdb_log import complete_length, is_held, log_of
from basemodel_ops.warehouse.queries import rows_query

ITEMS = Relation(schema_name="main", name="things")
COMMITS = 4
KILLED = f"""
import duckdb, os, sys
with duckdb.connect(sys.argv[1]) as connection:
    connection.execute("create table things (value bigint, name text)")
    connection.execute("checkpoint")
    for value in range({COMMITS}):
        connection.execute("begin")
        connection.execute(f"insert into things values ({{value}}, 'a name')")
        connection.execute("update things set name = 'another'")
        connection.execute("commit")
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A file whose writer was killed between its last commit and the checkpoint."""
    path = tmp_path / "warehouse.duckdb"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert log_of(path).stat().st_size > 0
    return path


def values(path: Path) -> list[int]:
    with DuckDBWarehouse(path) as warehouse:
        return warehouse.read(rows_query(ITEMS, ["value"])).column(0).to_pylist()


def test_a_log_is_whole_only_where_a_transaction_ends(killed: Path) -> None:
    log = log_of(killed).read_bytes()
    complete = [cut for cut in range(1, len(log) + 1) if complete_length(log[:cut]) == cut]
    assert complete[-1] == len(log)
    assert [complete_length(log[:cut]) for cut in range(complete[0])] == [0] * complete[0]
    assert all(complete_length(log[: cut + 5]) == cut for cut in complete[:-1])
    # The header alone, and then the end of each commit.
    assert len(complete) == COMMITS + 1


def test_a_whole_log_is_replayed(killed: Path) -> None:
    assert values(killed) == list(range(COMMITS))


@pytest.mark.parametrize("part", [0.02, 0.3, 0.999])
def test_a_log_that_was_cut_is_refused_and_left_alone(killed: Path, part: float) -> None:
    log = log_of(killed)
    complete = log.read_bytes()
    size = int(part * len(complete))
    cut = complete[: size + 5 if complete_length(complete[:size]) == size else size]  # never at the end of a commit
    log.write_bytes(cut)
    for _ in range(2):
        with pytest.raises(WarehouseError, match="ends inside of a transaction") as caught:
            DuckDBWarehouse(killed)
    assert str(log) in str(caught.value)
    assert log.read_bytes() == cut
    # The way out that the message names.
    Path(f"{killed}.writing").touch()
    assert values(killed) == list(range(len(values(killed))))
    assert not Path(f"{killed}.writing").exists()


def test_a_log_of_a_living_process_is_not_judged(killed: Path) -> None:
    with duckdb.connect(str(killed)):
        assert is_held(killed)
        log_of(killed).write_bytes(b"\x64\x00\x62")
        DuckDBWarehouse(killed).__exit__(None, None, None)
    assert not is_held(killed)


def test_nothing_committed_stays_in_the_log_after_a_write(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with DuckDBWarehouse(path) as warehouse:
        warehouse.load(ITEMS, pa.table({"value": [1]}))
        assert not log_of(path).exists() or log_of(path).stat().st_size == 0
        assert [file.name for file in tmp_path.iterdir()] == ["warehouse.duckdb"]
