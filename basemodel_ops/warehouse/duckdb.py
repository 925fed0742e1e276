"""The embedded default warehouse: one DuckDB file."""

import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import duckdb
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse.base import LEDGER
from basemodel_ops.warehouse.queries import column_of, moment_of, table_of

LEDGER_DDL = """
create table if not exists {ledger} (
    table_name varchar, partition varchar, input_hash varchar, code_version varchar,
    row_count bigint, run_id varchar, committed_at timestamp
)
"""


MISSING = (duckdb.CatalogException, duckdb.BinderException)


def _missing(error: duckdb.Error) -> WarehouseError:
    return WarehouseError(f"A table or column is not there: {error} Build the dbt models first.")


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql("duckdb")


class DuckDBWarehouse:
    """One writing process at a time: the file is opened late and closed early."""

    def __init__(self, path: Path, options: dict[str, str | bool | int | float] | None = None) -> None:
        """Open the file.

        Args:
            path: The file; it is made if it is not there.
            options: DuckDB's own, such as `memory_limit` and `temp_directory`.
        """
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = duckdb.connect(str(path), config=dict(options or {}))
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise WarehouseError(f"The warehouse {path} cannot be opened: {error}") from error
            raise WarehouseError(
                f"The warehouse {path} is open in another process, and DuckDB lets one process in at a time. Close it "
                f"there (a notebook, a DuckDB shell, another run) and run again. DuckDB says: {error}"
            ) from error

    def __enter__(self) -> "DuckDBWarehouse":
        """The open connection."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._connection.close()

    def exists(self, relation: Relation) -> bool:
        """Whether the table or view is there."""
        found = self._connection.execute(
            "select 1 from information_schema.tables where table_schema = ? and table_name = ?",
            [relation.schema_name, relation.name],
        ).fetchall()
        return bool(found)

    def columns(self, relation: Relation) -> dict[str, str]:
        """Data type per column; WarehouseError that names what exists if the relation is not there."""
        rows = self._connection.execute(
            "select column_name, data_type from information_schema.columns "
            "where table_schema = ? and table_name = ? order by ordinal_position",
            [relation.schema_name, relation.name],
        ).fetchall()
        if not rows:
            there = self._connection.execute(
                "select table_schema || '.' || table_name from information_schema.tables order by 1"
            ).fetchall()
            raise WarehouseError(
                f"There is no table {relation} in {self._path}. It has: {[name for (name,) in there]}. "
                "Build the dbt models first."
            )
        return dict(rows)

    def batches(self, query: exp.Query, rows: int) -> Iterator[pa.RecordBatch]:
        """The result, streamed in batches of about `rows`."""
        # A reader blocks its connection, so each gets a cursor of its own.
        cursor = self._connection.cursor()
        try:
            yield from cursor.sql(query.sql("duckdb")).to_arrow_reader(rows)
        except MISSING as error:
            raise _missing(error) from error
        finally:
            cursor.close()

    def read(self, query: exp.Query) -> pa.Table:
        """The result, whole."""
        cursor = self._connection.cursor()
        try:
            return cursor.sql(query.sql("duckdb")).to_arrow_table()
        except MISSING as error:
            raise _missing(error) from error
        finally:
            cursor.close()

    def fingerprint(self, relation: Relation, columns: list[str]) -> str:
        """A hash of the columns' content that does not depend on the order of rows."""
        self.columns(relation)
        names = ", ".join(column_of(name).sql("duckdb") for name in columns)
        source = table_of(relation).sql("duckdb")
        try:
            rows = self._connection.execute(
                f"select count(*), bit_xor(hash({names})), sum(hash({names})::hugeint % 1000000007) from {source}"
            ).fetchall()
        except MISSING as error:
            raise _missing(error) from error
        return hashlib.sha256(json.dumps([str(relation), columns, str(rows)]).encode()).hexdigest()[:16]

    def publish(
        self,
        relation: Relation,
        table: pa.Table,
        partition: dict[str, datetime | str],
        input_hash: str,
        code_version: str,
        run_id: str,
    ) -> bool:
        """Replace one partition, with its ledger row, in one transaction."""
        connection = self._connection
        target, ledger = table_of(relation).sql("duckdb"), table_of(LEDGER).sql("duckdb")
        connection.execute(f"create schema if not exists {_quoted(relation.schema_name)}")
        connection.execute(f"create schema if not exists {_quoted(LEDGER.schema_name)}")
        connection.execute(LEDGER_DDL.format(ledger=ledger))
        key = json.dumps({name: str(value) for name, value in partition.items()}, sort_keys=True)
        known = connection.execute(
            f"select input_hash, code_version from {ledger} where table_name = ? and partition = ?",
            [str(relation), key],
        ).fetchall()
        if known == [(input_hash, code_version)]:
            return False
        stage = f"{_quoted(relation.schema_name)}.{_quoted(f'stage_{relation.name}_{uuid.uuid4().hex[:8]}')}"
        names = ", ".join(_quoted(name) for name in table.column_names)
        where = exp.and_(
            *[
                column_of(name).eq(moment_of(value) if isinstance(value, datetime) else exp.Literal.string(value))
                for name, value in partition.items()
            ]
        ).sql("duckdb")
        connection.register("incoming", table)
        try:
            connection.execute(f"create table {stage} as select {names} from incoming")
            connection.execute(f"create table if not exists {target} as select {names} from {stage} limit 0")
            staged = connection.execute(f"select count(*) from {stage}").fetchall()
            if staged != [(table.num_rows,)]:
                raise WarehouseError(f"{staged[0][0]} rows of {table.num_rows} reached the stage table of {relation}.")
            connection.execute("begin")
            try:
                connection.execute(f"delete from {target} where {where}")
                connection.execute(f"insert into {target} ({names}) select {names} from {stage}")
                connection.execute(f"delete from {ledger} where table_name = ? and partition = ?", [str(relation), key])
                stamp = datetime.now(UTC).replace(tzinfo=None)
                connection.execute(
                    f"insert into {ledger} values (?, ?, ?, ?, ?, ?, ?)",
                    [str(relation), key, input_hash, code_version, table.num_rows, run_id, stamp],
                )
                connection.execute("commit")
            except BaseException:
                connection.execute("rollback")
                raise
        except duckdb.Error as error:
            raise WarehouseError(
                f"The partition {key} of {relation} was not written and is as it was: {error}"
            ) from error
        finally:
            connection.unregister("incoming")
            connection.execute(f"drop table if exists {stage}")
        connection.execute("checkpoint")
        return True

    def load(self, relation: Relation, table: pa.Table) -> None:
        """Create or replace a whole table, atomically."""
        connection = self._connection
        connection.execute(f"create schema if not exists {_quoted(relation.schema_name)}")
        connection.register("incoming", table)
        try:
            connection.execute(f"create or replace table {table_of(relation).sql('duckdb')} as select * from incoming")
        finally:
            connection.unregister("incoming")
        connection.execute("checkpoint")
