"""Dagster's own SQLite files, written to without a wait for the disk at each of a run's thousands of events."""

import atexit
import contextlib
import sqlite3

from sqlalchemy import event
from sqlalchemy.engine import Engine

MOST = 8
"""Files that are kept open, the newest: Dagster has one per run."""

_open: dict[str, sqlite3.Connection] = {}


def quicken() -> None:
    """From now on in this process, let SQLite files be synced at checkpoints, and not checkpoint at every close.

    Dagster opens, commits and closes for each event, which is two waits for the disk. Its files have a write-ahead log,
    so they stay whole whatever happens; after a power cut, the last events of a run may be missing.
    """
    if not event.contains(Engine, "connect", _relax):
        event.listen(Engine, "connect", _relax)
        atexit.register(_close)


def _relax(connection: object, _record: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.execute("pragma synchronous = normal")
    _, _, path = connection.execute("pragma database_list").fetchone()
    if path:
        _keep_open(path)


def _keep_open(path: str) -> None:
    """Hold a connection to a file: the last that closes writes the log back into it, and waits for the disk."""
    with contextlib.suppress(sqlite3.Error):  # a file that is locked or gone is its own connection's to report
        if path not in _open:
            _open[path] = sqlite3.connect(path, check_same_thread=False)
        _open[path].execute("pragma schema_version").fetchone()
    while len(_open) > MOST:
        _open.pop(next(iter(_open))).close()


def _close() -> None:
    while _open:
        _open.popitem()[1].close()
