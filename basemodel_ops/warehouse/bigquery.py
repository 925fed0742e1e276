"""BigQuery, through Google's own client: Arrow out by the Storage Read API, Parquet in by load jobs."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa
from google.api_core import exceptions  # pyright: ignore[reportMissingImports] - of an extra, as all of Google's
from google.auth import default as default_credentials  # pyright: ignore[reportMissingImports]
from google.auth import exceptions as auth_exceptions  # pyright: ignore[reportMissingImports]
from google.cloud import bigquery, bigquery_storage  # pyright: ignore[reportMissingImports, reportAttributeAccessIssue]
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import SettingsError, WarehouseError
from basemodel_ops.warehouse.arrow import fitted
from basemodel_ops.warehouse.dialects import adapted
from basemodel_ops.warehouse.queries import column_of, table_of
from basemodel_ops.warehouse.retry import RetryPolicy
from basemodel_ops.warehouse.session import Session, create_table
from basemodel_ops.warehouse.spool import ParquetSpool
from basemodel_ops.warehouse.sql import SqlWarehouse
from basemodel_ops.warehouse.staging import drop, stage_age
from basemodel_ops.warehouse.values import portable_values

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
STAGE_HOURS = 24
"""A stage table this old belongs to a run that is gone: so long does BigQuery keep a session that nobody uses."""
ALL_ROWS = 2**63 - 1
DATASET = re.compile(r"\w+", re.ASCII)
UNUSABLE = re.compile(r"[!\"$()*,./;?@\[\\\]^`{}~\x00-\x1f]")
"""What no name of a table or column has in BigQuery."""
STANDARD = {
    "INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "BYTES": "BINARY", "RECORD": "STRUCT",
    "BIGNUMERIC": "BIGDECIMAL",
}  # fmt: skip
"""Data types as the contract reads them, by the names that the client has for them; it has two for some."""
ARROW_TYPES = {
    "INT64": pa.int64(), "FLOAT64": pa.float64(), "BOOL": pa.bool_(), "BINARY": pa.binary(), "DATE": pa.date32(),
    "DATETIME": pa.timestamp("us"), "TIMESTAMP": pa.timestamp("us"), "TIME": pa.time64("us"),
    "NUMERIC": pa.decimal128(38, 9), "BIGDECIMAL": pa.decimal128(38, 9),
}  # fmt: skip
"""A result does not tell the scale of its numbers; one that does not fit is an error, never rounded."""
PASSING = (
    exceptions.ServerError, exceptions.TooManyRequests, exceptions.RetryError, auth_exceptions.TransportError, OSError,
)  # fmt: skip
ERRORS = (exceptions.GoogleAPIError, auth_exceptions.GoogleAuthError)
LABELS = {"application": "basemodel_ops"}


class BigQuerySession(Session):
    """A client. Statements commit by themselves; a transaction has a session of the server, ended with this."""

    dialect = "bigquery"

    def __init__(self, client: Any, storage: Callable[[], Any] | None = None) -> None:
        """Ask nothing yet.

        Args:
            client: Google's `bigquery.Client`.
            storage: Makes its `BigQueryReadClient`; without one, results are fetched in pages of JSON.
        """
        self._client, self._make_storage = client, storage
        self._storage: Any = None
        self._session_id: str | None = None
        self._spool = ParquetSpool()

    def render(self, expression: exp.Expr) -> str:
        """BigQuery's dialect, moments as TIMESTAMP.

        Raises:
            WarehouseError: a name that BigQuery does not allow.
        """
        for identifier in expression.find_all(exp.Identifier):
            is_dataset = isinstance(identifier.parent, exp.Table) and identifier.parent.args.get("db") is identifier
            if UNUSABLE.search(identifier.name) or (is_dataset and not DATASET.fullmatch(identifier.name)):
                allowed = "letters, digits and _" if is_dataset else "no quotes, brackets, dots or slashes"
                raise WarehouseError(
                    f"BigQuery has no {'dataset' if is_dataset else 'name'} {identifier.name!r}: it allows {allowed}. "
                    "Rename it."
                )
        result = adapted(expression, self.dialect)
        if isinstance(result, exp.Query) and result.args.get("offset") and not result.args.get("limit"):
            result = result.limit(ALL_ROWS)
        return result.sql(self.dialect)

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement; its rows, if it has any."""
        return [tuple(row.values()) for row in self._client.query_and_wait(sql, job_config=self._config())]

    def stream(self, query: exp.Query, rows: int) -> pa.RecordBatchReader:
        """The result, through one stream, which keeps its order."""
        result = self._client.query_and_wait(self.render(query), job_config=self._config())
        schema = pa.schema([pa.field(field.name, _arrow_type(field)) for field in result.schema])
        if self._storage is None and self._make_storage is not None:
            self._storage = self._make_storage()

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in result.to_arrow_iterable(bqstorage_client=self._storage, max_stream_count=1):
                yield from fitted(portable_values(pa.Table.from_batches([batch])), schema).to_batches()

        return pa.RecordBatchReader.from_batches(schema, batches())

    @staticmethod
    def hashed(columns: list[str]) -> exp.Expr:
        """A hash of the row as JSON, which quotes texts and marks nulls."""
        row = exp.Struct(expressions=[*map(column_of, columns)])
        return exp.Anonymous(this="FARM_FINGERPRINT", expressions=[exp.func("TO_JSON_STRING", row)])

    @staticmethod
    def hashed_value(column: str) -> exp.Expr:
        """A hash of the value's text; the hash of null, which would be in no shard, is 0."""
        hashed = exp.Anonymous(this="FARM_FINGERPRINT", expressions=[exp.cast(column_of(column), "text")])
        return exp.func("COALESCE", hashed, exp.Literal.number(0))

    def open_stage(self, stage: Relation, columns: list[exp.ColumnDef]) -> None:
        """Create a table."""
        self.rows(create_table(stage, columns))

    def append(self, stage: Relation, table: pa.Table) -> None:
        """Write the rows into a Parquet file here, and load it when it is large."""
        if self._spool.append(table):
            self.close_stage(stage)

    def close_stage(self, stage: Relation) -> None:
        """Load what is in the file; a load job that fails loads nothing."""
        file = self._spool.take()
        if file is None:
            return
        reference = self._reference(stage)
        config = bigquery.LoadJobConfig(
            source_format="PARQUET",
            create_disposition="CREATE_NEVER",
            write_disposition="WRITE_APPEND",
            # Without it a moment would become a DATETIME, and a name that is not plain would be changed.
            schema=self._client.get_table(reference).schema,
            column_name_character_map="V2",
            labels=LABELS,
        )
        with file:
            self._client.load_table_from_file(file, reference, rewind=True, job_config=config).result()

    def replace(self, relation: Relation, table: pa.Table, stage: Relation) -> None:
        """Fill a stage, then put a copy of it in the table's place, which is free and one step."""
        target, source = self.render(table_of(relation)), self.render(table_of(stage))
        try:
            self.fill(stage, table)
            self.execute(f"CREATE OR REPLACE TABLE {target} COPY {source}")
        finally:
            drop(self, stage)

    def begin(self) -> None:
        """Begin a transaction, in a session of its own, whose zone is UTC whatever the project's is."""
        if self._session_id is None:
            config = bigquery.QueryJobConfig(create_session=True, labels=LABELS)
            job = self._client.query("SET @@time_zone = 'UTC'", job_config=config)
            job.result()
            self._session_id = job.session_info.session_id
        self.execute("BEGIN TRANSACTION")

    def commit(self) -> None:
        """Commit it."""
        self.execute("COMMIT TRANSACTION")

    def rollback(self) -> None:
        """Take it back; one that was aborted, or whose session is over, is taken back already."""
        if self._session_id is not None:
            with suppress(*ERRORS, OSError):
                self.execute("ROLLBACK TRANSACTION")

    def lock(self, relation: Relation, entry: exp.Condition) -> None:
        """Change the ledger: of two transactions that change one table BigQuery aborts one, which is wholly undone."""
        same = exp.EQ(this=column_of("run_id"), expression=column_of("run_id"))
        self.rows(exp.Update(this=table_of(self.ledger), expressions=[same], where=exp.Where(this=exp.true())))

    def is_abandoned(self, stage: Relation) -> bool:
        """Whether it is older than any run."""
        return stage_age(stage) > STAGE_HOURS * 3600

    def columns(self, relation: Relation) -> dict[str, str]:
        """Data type per column; empty when there is no such relation. A call that costs nothing."""
        try:
            fields = self._client.get_table(self._reference(relation)).schema
        except exceptions.NotFound:
            return {}
        return {field.name: _data_type(field) for field in fields}

    def relations(self, schema_name: str | None = None) -> list[Relation]:
        """Tables and views that are there, in a dataset or in all."""
        names = [schema_name] if schema_name else [dataset.dataset_id for dataset in self._client.list_datasets()]
        tables = []
        for name in names:
            with suppress(exceptions.NotFound):
                tables += [(name, table.table_id) for table in self._client.list_tables(name)]
        return [Relation(schema_name=schema, name=name) for schema, name in sorted(tables)]

    def create_schema(self, name: str) -> None:
        """Create the dataset where it is missing, in the client's location; asked first, as for tables."""
        self.render(exp.Table(db=exp.to_identifier(name, quoted=True)))
        try:
            self._client.get_dataset(name)
        except exceptions.NotFound:
            self._client.create_dataset(name, exists_ok=True)

    def close(self) -> None:
        """End the session on the server, and what is held here."""
        try:
            if self._session_id is not None:
                with suppress(*ERRORS, OSError):  # what was committed stays so, and a session ends by itself
                    self.execute("CALL BQ.ABORT_SESSION()")
                self._session_id = None
        finally:
            self._spool.close()
            if self._storage is not None:
                self._storage.transport.close()
            self._client.close()

    def _config(self) -> Any:
        """A job in the session if there is one, which knows its zone; else in UTC."""
        name, value = ("session_id", self._session_id) if self._session_id else ("time_zone", "UTC")
        return bigquery.QueryJobConfig(
            connection_properties=[bigquery.ConnectionProperty(name, value)], labels=LABELS, use_legacy_sql=False
        )

    def _reference(self, relation: Relation) -> Any:
        self.render(table_of(relation))  # refuses what is no name
        dataset = bigquery.DatasetReference(relation.database or self._client.project, relation.schema_name)
        return bigquery.TableReference(dataset, relation.name)


class BigQueryWarehouse(SqlWarehouse):
    """The datasets of a BigQuery project."""

    session = BigQuerySession
    errors = ERRORS

    def __init__(self, project: str, location: str, retry_policy: RetryPolicy | None = None) -> None:
        """Connect to nothing yet.

        Args:
            project: Whose datasets they are, and who pays.
            location: Where its datasets are, and are made, such as `EU`.
            retry_policy: How long a broken connection is tried again.
        """
        super().__init__(retry_policy)
        self._project, self._location = project, location
        self._credentials: Any = None

    @classmethod
    def from_environment(cls) -> "BigQueryWarehouse":
        """The project that `GOOGLE_CLOUD_PROJECT` names, in `BIGQUERY_LOCATION`."""
        return cls(os.environ["GOOGLE_CLOUD_PROJECT"], os.environ["BIGQUERY_LOCATION"])

    def __str__(self) -> str:
        return f"the BigQuery project {self._project}"

    def _connect(self) -> BigQuerySession:
        if self._credentials is None:  # once, so that their token is
            try:
                self._credentials, _ = default_credentials(scopes=SCOPES)
            except auth_exceptions.DefaultCredentialsError as error:
                raise SettingsError(
                    "No Google credentials were found. Set GOOGLE_APPLICATION_CREDENTIALS to the file of a service "
                    f"account's key, or run `gcloud auth application-default login`. ({type(error).__name__})"
                ) from None
        credentials = self._credentials
        client = bigquery.Client(self._project, credentials, location=self._location)
        return BigQuerySession(client, lambda: bigquery_storage.BigQueryReadClient(credentials=credentials))

    def _is_passing(self, error: Exception) -> bool:
        return isinstance(error, PASSING)

    def _is_missing(self, error: Exception) -> bool:
        unknown = isinstance(error, exceptions.BadRequest) and "Unrecognized name" in str(error)
        return unknown or isinstance(error, exceptions.NotFound)


def _data_type(field: Any) -> str:
    """A data type as the contract reads it."""
    name = _standard(field)
    if field.precision is not None:
        name = f"{name}({field.precision}, {field.scale or 0})"
    return f"ARRAY<{name}>" if field.mode == "REPEATED" else name


def _arrow_type(field: Any) -> pa.DataType:
    return ARROW_TYPES.get(_standard(field), pa.string())


def _standard(field: Any) -> str:
    name: str = field.field_type
    return STANDARD.get(name, name)
