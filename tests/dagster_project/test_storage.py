"""Dagster's files of events are not opened and synced at every event, and hold every one."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy import text

from dagster_project.lib.storage import MOST, _open, quicken

NORMAL = 1


def test_events_wait_for_no_disk_and_none_is_lost(tmp_path: Path) -> None:
    quicken()
    storage = SqliteEventLogStorage(str(tmp_path))
    for _ in range(2):
        with storage.index_connection() as connection:
            assert connection.execute(text("pragma synchronous")).scalar() == NORMAL
            assert connection.execute(text("pragma journal_mode")).scalar() == "wal"
            connection.execute(text("create table if not exists seen (one)"))
            connection.execute(text("insert into seen values (1)"))
    assert (tmp_path / "index.db-wal").stat().st_size > 0  # the close of a connection has not written it back
    with storage.index_connection() as connection:
        assert connection.execute(text("select count(*) from seen")).scalar() == 2


def test_few_files_are_kept_open(tmp_path: Path) -> None:
    quicken()
    storage = SqliteEventLogStorage(str(tmp_path))
    for number in range(MOST + 3):
        with storage.run_connection(f"run{number}") as connection:
            connection.execute(text("select 1"))
    assert len(_open) == MOST
    assert str(tmp_path / f"run{MOST + 2}.db") in _open


def test_threads_share_a_file_that_stays_open(tmp_path: Path) -> None:
    quicken()
    storage = SqliteEventLogStorage(str(tmp_path))

    def insert(_: int) -> int:
        with storage.index_connection() as connection:
            connection.execute(text("create table if not exists seen (one)"))
            connection.execute(text("insert into seen values (1)"))
            return id(connection.engine)

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(insert, range(20)))) == 1
    with storage.index_connection() as connection:
        assert connection.execute(text("select count(*) from seen")).scalar() == 20


def test_a_file_that_was_made_anew_is_opened_again(tmp_path: Path) -> None:
    quicken()
    for _ in range(2):
        with SqliteEventLogStorage(str(tmp_path / "events")).index_connection() as connection:
            connection.execute(text("create table seen (one)"))
        shutil.rmtree(tmp_path / "events")


def test_a_run_is_there_for_another_process(tmp_path: Path) -> None:
    quicken()

    @dg.asset
    def read_once() -> int:
        return 1

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        run = dg.materialize([read_once], instance=instance)
        kinds = [entry.dagster_event_type for entry in instance.all_logs(run.run_id) if entry.is_dagster_event]
    assert dg.DagsterEventType.ASSET_MATERIALIZATION in kinds
    assert dg.DagsterEventType.RUN_SUCCESS in kinds
