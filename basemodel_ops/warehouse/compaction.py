"""Rewriting a DuckDB file without what was deleted from it: deleting rows frees their blocks and leaves their bytes."""

import contextlib
import os
import uuid
from pathlib import Path

import duckdb
from sqlglot import exp

from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse


def compact(path: Path) -> tuple[int, int]:
    """Copy every schema, table and view into a new file, compare row by row, and put it in the old one's place.

    Returns:
        Bytes before and after.

    Raises:
        WarehouseError: the file is not there or held, the disk is full, or the copy differs; the file is as it was.
    """
    if not path.exists():
        raise WarehouseError(f"There is no warehouse {path} to rewrite. Build the dbt models first.")
    before = path.stat().st_size
    copy = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    name = f"copy_{uuid.uuid4().hex[:8]}"
    with DuckDBWarehouse(path):  # says what is wrong with the file, or who else holds it
        pass
    try:
        # Opened to write, so that nobody else is in the file until the copy stands in its place.
        with contextlib.closing(duckdb.connect(str(path))) as connection:
            connection.execute("checkpoint")
            (old,) = connection.execute("select current_database()").fetchall()[0]
            connection.execute(f"attach {exp.Literal.string(str(copy)).sql('duckdb')} as {name}")
            connection.execute(f"copy from database {_quoted(old)} to {name}")
            _compare(connection, old, name)
            connection.execute(f"detach {name}")  # writes what is in its log into the file
            with copy.open("rb") as file:
                os.fsync(file.fileno())
            copy.replace(path)
    except (duckdb.Error, OSError) as error:
        raise WarehouseError(f"The warehouse {path} was not rewritten and is as it was: {error}") from error
    finally:
        for left in (copy, copy.with_name(copy.name + ".wal")):
            left.unlink(missing_ok=True)
    return before, path.stat().st_size


def _quoted(*parts: str) -> str:
    return ".".join(exp.to_identifier(part, quoted=True).sql("duckdb") for part in parts)


def _compare(connection: duckdb.DuckDBPyConnection, old: str, new: str) -> None:
    """Hold every table of both databases to the same number of rows and sum of hashes."""
    listing = "select schema_name, table_name from duckdb_tables() where database_name = ? order by all"
    tables = connection.execute(listing, [old]).fetchall()
    if connection.execute(listing, [new]).fetchall() != tables:
        raise WarehouseError("The copy has other tables than the warehouse, which is as it was.")
    for schema, table in tables:
        checksums = [
            connection.execute(
                f"select count(*), sum(hash(item)::hugeint) from {_quoted(database, schema, table)} as item"
            ).fetchall()
            for database in (old, new)
        ]
        if checksums[0] != checksums[1]:
            raise WarehouseError(
                f"The copy of {schema}.{table} differs: {checksums[1]}, not {checksums[0]}. It was dropped."
            )
