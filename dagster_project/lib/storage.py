"""Dagster's own SQLite files, written to without a wait for the disk at each of a run's thousands of events."""

import atexit
import sqlite3

from sqlalchemy import event
from sqlalchemy.engine import Engine

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
        # The last connection that closes writes the log back into the file; this one stays, and never closes.
        if path not in _open:
            _open[path] = sqlite3.connect(path, check_same_thread=False)
        _open[path].execute("pragma schema_version").fetchone()


def _close() -> None:
    while _open:
        _open.popitem()[1].close()
