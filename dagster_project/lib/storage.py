"""Dagster's own SQLite files, kept open, and written to without a wait for the disk at each of a run's events."""

import atexit
import sqlite3
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DisconnectionError

STORAGES = (
    "dagster._core.storage.event_log.sqlite.sqlite_event_log", "dagster._core.storage.runs.sqlite.sqlite_run_storage",
)  # fmt: skip
"""Where Dagster makes an engine each time it reads or writes."""

MOST = 8
"""Files that are kept open, the newest: Dagster has one per run."""

_open: dict[str, Engine] = {}


def quicken() -> None:
    """From now on in this process, keep SQLite files of Dagster open, and let them be synced at checkpoints.

    Dagster makes an engine, opens, commits and closes for each event, which is two thirds of what an event costs, and
    two waits for the disk. Its files have a write-ahead log, so they stay whole whatever happens; after a power cut,
    the last events of a run may be missing.
    """
    if not event.contains(Engine, "connect", _relax):
        event.listen(Engine, "connect", _relax)
        atexit.register(_close)
    for name in STORAGES if "dagster" in sys.modules else ():
        vars(import_module(name))["create_engine"] = _kept


def _kept(url: str, **arguments: Any) -> Engine:
    """The engine of a file, whose connections outlive the call of `dispose` after each use."""
    path = make_url(url).database or ""
    if path not in _open:
        engine = create_engine(url, connect_args=arguments.get("connect_args", {}))
        event.listen(engine, "checkout", _hold_to_file)
        vars(engine)["dispose"] = lambda *_, **__: None
        _open[path] = engine
    while len(_open) > MOST:
        _end(_open.pop(next(iter(_open))))
    return _open[path]


def _relax(connection: object, record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma synchronous = normal")
        _, _, path = connection.execute("pragma database_list").fetchone()
        record.info["file"] = (path, _number(path))


def _hold_to_file(_connection: object, record: Any, _proxy: object) -> None:
    """Open again what was removed and made anew."""
    path, number = record.info["file"]
    if _number(path) != number:
        raise DisconnectionError(f"{path} is another file by now.")


def _number(path: str) -> int | None:
    return Path(path).stat().st_ino if Path(path).is_file() else None


def _end(engine: Engine) -> None:
    Engine.dispose(engine)


def _close() -> None:
    while _open:
        _end(_open.popitem()[1])
