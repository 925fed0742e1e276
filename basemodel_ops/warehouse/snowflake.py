"""The production warehouse, through Snowflake's own connector."""

import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import SettingsError, WarehouseError
from basemodel_ops.warehouse.base import LEDGER
from basemodel_ops.warehouse.queries import column_of, moment_of, table_of

REQUIRED = ("SNOWFLAKE_ACCOUNT", "SNOWFLAKE_USER", "SNOWFLAKE_ROLE", "SNOWFLAKE_DATABASE", "SNOWFLAKE_WAREHOUSE")
OPTIONAL = ("SNOWFLAKE_HOST", "SNOWFLAKE_PORT", "SNOWFLAKE_PROTOCOL")
TYPES = {"int": "bigint", "float": "double", "double": "double", "timestamp": "timestamp_ntz", "bool": "boolean"}


def connection_settings(environment: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of the connector from `SNOWFLAKE_*` variables.

    Raises:
        SettingsError: naming every variable that is missing, before any connection.
    """
    missing = [name for name in REQUIRED if not environment.get(name)]
    if not (environment.get("SNOWFLAKE_PRIVATE_KEY_PATH") or environment.get("SNOWFLAKE_PASSWORD")):
        missing.append("SNOWFLAKE_PRIVATE_KEY_PATH (or SNOWFLAKE_PASSWORD)")
    if missing:
        raise SettingsError(
            f"The target is snowflake, and these environment variables are missing: {', '.join(missing)}. "
            "Set them, or set BASEMODEL_TARGET=duckdb."
        )
    names = [name for name in (*REQUIRED, *OPTIONAL) if environment.get(name)]
    settings: dict[str, Any] = {name.removeprefix("SNOWFLAKE_").lower(): environment[name] for name in names}
    if environment.get("SNOWFLAKE_PRIVATE_KEY_PATH"):
        settings["private_key_file"] = environment["SNOWFLAKE_PRIVATE_KEY_PATH"]
    else:
        settings["password"] = environment["SNOWFLAKE_PASSWORD"]
    return settings


class SnowflakeWarehouse:
    """One session; names are upper case there, as dbt creates them unquoted."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @classmethod
    def from_environment(cls) -> "SnowflakeWarehouse":
        """A session from `SNOWFLAKE_*` variables."""
        settings = connection_settings(os.environ)
        import snowflake.connector

        return cls(snowflake.connector.connect(**settings))

    def __enter__(self) -> "SnowflakeWarehouse":
        """The open session."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._connection.close()

    def _sql(self, query: exp.Expr) -> str:
        """Snowflake's dialect, identifiers in upper case and quoted."""
        upper = query.copy()
        for identifier in upper.find_all(exp.Identifier):
            identifier.set("this", identifier.this.upper())
        return upper.sql("snowflake")

    def _rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            return cursor.execute(sql, values or None).fetchall()

    def exists(self, relation: Relation) -> bool:
        """Whether the table or view is there."""
        return bool(self._column_rows(relation))

    def _column_rows(self, relation: Relation) -> list[tuple[Any, ...]]:
        return self._rows(
            "select column_name, data_type from information_schema.columns "
            "where table_schema = %s and table_name = %s order by ordinal_position",
            (relation.schema_name.upper(), relation.name.upper()),
        )

    def columns(self, relation: Relation) -> dict[str, str]:
        """Data type per column; WarehouseError if the relation is not there."""
        rows = self._column_rows(relation)
        if not rows:
            raise WarehouseError(f"There is no table {relation} in the database. Build the dbt models first.")
        return {name.lower(): kind for name, kind in rows}

    def batches(self, query: exp.Query, rows: int) -> Iterator[pa.RecordBatch]:
        """The result, streamed in batches of at most `rows`."""
        with self._connection.cursor() as cursor:
            cursor.execute(self._sql(query))
            for table in cursor.fetch_arrow_batches():
                yield from _lowered(table).to_batches(max_chunksize=rows)

    def read(self, query: exp.Query) -> pa.Table:
        """The result, whole."""
        with self._connection.cursor() as cursor:
            cursor.execute(self._sql(query))
            return _lowered(cursor.fetch_arrow_all(force_return_table=True))

    def fingerprint(self, relation: Relation, columns: list[str]) -> str:
        """A hash of the columns' content that does not depend on the order of rows."""
        hashed = exp.Anonymous(this="HASH_AGG", expressions=[column_of(name) for name in columns])
        rows = self._rows(self._sql(exp.select(exp.Count(this=exp.Star()), hashed).from_(table_of(relation))))
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
        """Replace one partition, with its ledger row, in one transaction. All DDL stands before it."""
        target, ledger = self._sql(table_of(relation)), self._sql(table_of(LEDGER))
        key = json.dumps({name: str(value) for name, value in partition.items()}, sort_keys=True)
        self._rows(f"create schema if not exists {self._sql(exp.to_identifier(relation.schema_name, quoted=True))}")
        self._rows(f"create schema if not exists {self._sql(exp.to_identifier(LEDGER.schema_name, quoted=True))}")
        self._rows(
            f"create table if not exists {ledger} (table_name varchar, partition varchar, input_hash varchar, "
            "code_version varchar, row_count bigint, run_id varchar, committed_at timestamp_ntz)"
        )
        known = self._rows(
            f"select input_hash, code_version from {ledger} where table_name = %s and partition = %s",
            (str(relation), key),
        )
        if known == [(input_hash, code_version)]:
            return False
        self._rows(f"create table if not exists {target} ({self._ddl(table)})")
        stage = Relation(schema_name=relation.schema_name, name=f"stage_{relation.name}_{uuid.uuid4().hex[:8]}")
        staged = self._sql(table_of(stage))
        names = ", ".join(self._sql(column_of(name)) for name in table.column_names)
        where = self._sql(
            exp.and_(
                *[
                    column_of(name).eq(moment_of(value) if isinstance(value, datetime) else exp.Literal.string(value))
                    for name, value in partition.items()
                ]
            )
        )
        try:
            self._upload(stage, table)
            count = self._rows(f"select count(*) from {staged}")[0][0]
            if count != table.num_rows:
                raise WarehouseError(f"{count} rows of {table.num_rows} reached the stage table of {relation}.")
            self._rows("begin")
            try:
                self._rows(f"delete from {target} where {where}")
                self._rows(f"insert into {target} ({names}) select {names} from {staged}")
                self._rows(f"delete from {ledger} where table_name = %s and partition = %s", (str(relation), key))
                stamp = datetime.now(UTC).replace(tzinfo=None)
                self._rows(
                    f"insert into {ledger} values (%s, %s, %s, %s, %s, %s, %s)",
                    (str(relation), key, input_hash, code_version, table.num_rows, run_id, stamp),
                )
                self._rows("commit")
            except BaseException:
                self._rows("rollback")
                raise
        finally:
            self._rows(f"drop table if exists {staged}")
        return True

    def load(self, relation: Relation, table: pa.Table) -> None:
        """Create or replace a whole table: uploaded beside it, then renamed over it."""
        self._rows(f"create schema if not exists {self._sql(exp.to_identifier(relation.schema_name, quoted=True))}")
        stage = Relation(schema_name=relation.schema_name, name=f"stage_{relation.name}_{uuid.uuid4().hex[:8]}")
        self._upload(stage, table)
        self._rows(f"create or replace table {self._sql(table_of(relation))} clone {self._sql(table_of(stage))}")
        self._rows(f"drop table if exists {self._sql(table_of(stage))}")

    def _ddl(self, table: pa.Table) -> str:
        kinds = []
        for field in table.schema:
            kind = next((sql for arrow, sql in TYPES.items() if str(field.type).startswith(arrow)), "varchar")
            kinds.append(f"{self._sql(column_of(field.name))} {kind}")
        return ", ".join(kinds)

    def _upload(self, stage: Relation, table: pa.Table) -> None:
        """Create the stage table and copy a Parquet file into it."""
        target = self._sql(table_of(stage))
        self._rows(f"create transient table {target} ({self._ddl(table)})")
        place = f"@{stage.schema_name.upper()}.%{self._sql(exp.to_identifier(stage.name, quoted=True))}"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "part.parquet"
            pq.write_table(table.rename_columns([name.upper() for name in table.column_names]), path)
            self._rows(f"put file://{path} {place} auto_compress = false")
        self._rows(
            f"copy into {target} from {place} file_format = (type = parquet) match_by_column_name = case_insensitive"
        )


def _lowered(table: pa.Table) -> pa.Table:
    """Column names in lower case, as the contract has them."""
    return table.rename_columns([name.lower() for name in table.column_names])
