"""Writing one partition: all of it and its ledger row, or nothing. The same steps on every warehouse."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse.arrow import (
    columns_of,
    combined,
    content_hash,
    defined,
    foreign_rows,
    is_added,
    portable_schema,
    rebatched,
    to_portable,
)
from basemodel_ops.warehouse.partition import LEDGER_COLUMNS, CommitError, Partition, text_literal
from basemodel_ops.warehouse.queries import column_of, table_of
from basemodel_ops.warehouse.session import Session
from basemodel_ops.warehouse.staging import drop, new_stage, sweep

STAGE_ROWS = 65_536
APPEND_ROWS, APPEND_BYTES = 131_072, 16 * 2**20
"""Rows are held until they are this many or this large: a statement for each small batch would cost more."""


class Publication:
    """The rows of a partition on their way: into a stage table batch by batch, then into the table at once."""

    def __init__(self, partition: Partition, schema: pa.Schema, errors: tuple[type[Exception], ...]) -> None:
        """Ask nothing yet.

        Args:
            partition: What the rows are.
            schema: Of every batch to come.
            errors: What the session's driver raises.

        Raises:
            WarehouseError: the rows do not say to which partition they belong, or a type is none of a warehouse.
        """
        self._partition, self._schema, self._errors = partition, schema, (*errors, OSError, duckdb.Error)
        self._portable = portable_schema(schema)
        self._columns = columns_of(self._portable)
        named = [self._portable.field(field.name) for field in schema if is_added(field)]
        self._addable = pa.schema(named)
        for name in partition.values:
            if name not in schema.names:
                raise self._refused(f"the rows have no column {name!r}. They have: {schema.names}")
        self._stage = new_stage(partition.relation.schema_name)
        self._session: Session | None = None
        self._held: list[pa.Table] = []
        self._held_rows = self._held_bytes = 0
        self._sent = (0, 0, 0)
        self._is_sound = True
        self.is_written = False
        self.rows = self.table_rows = 0

    def __str__(self) -> str:
        return str(self._partition)

    @property
    def is_needed(self) -> bool:
        """Whether rows are to be appended now; False where the ledger knows the same inputs."""
        return self._session is not None

    def begin(self, session: Session) -> None:
        """Read the ledger, and make a stage table unless it knows the same inputs."""
        with self._translated_errors():
            columns = [defined(name, exp.DataType.build(kind)) for name, kind in LEDGER_COLUMNS.items()]
            session.create(self._partition.ledger, columns)
            if self._partition.is_committed(session):
                self._count(session)
                return
            session.create_schema(self._stage.schema_name)
            sweep(session, self._stage.schema_name)
            self._session = session
            session.open_stage(self._stage, self._columns)
            self._check_columns(session)  # before long work, not only after it

    def append(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Send rows to the stage table; see `base.Publication.append`."""
        session = self._open()
        self._is_sound = False
        for batch in rebatched(rows.to_batches() if isinstance(rows, pa.Table) else [rows], APPEND_ROWS, APPEND_BYTES):
            self._held.append(self._checked(batch))
            # Counted as they come: over thousands of small batches sums of all would take longer than the rows.
            self._held_rows += self._held[-1].num_rows
            self._held_bytes += self._held[-1].nbytes
            if self._held_rows >= APPEND_ROWS or self._held_bytes >= APPEND_BYTES:
                self._flush(session)
        self._is_sound = True

    def finish(self) -> None:
        """Compare what is in the stage table with what was sent, then replace the partition in one transaction."""
        session = self._open()
        if not self._is_sound:
            raise self._refused("a batch of it could not be appended")
        self._flush(session)
        with self._translated_errors():
            session.close_stage(self._stage)
            self._check_rows(session)
            # All DDL is before the transaction: on Snowflake it commits by itself.
            session.create(self._partition.relation, self._columns)
            session.add_columns(self._partition.relation, columns_of(self._addable))
            self._check_columns(session)
            self.is_written = self._replace(session)
        self._session = None
        # What was committed stays so; a stage table that cannot be dropped now is swept by a later writer.
        with suppress(*self._errors):
            drop(session, self._stage)

    def abandon(self) -> None:
        """Leave no stage table behind. Whatever led here is the error to tell."""
        session, self._session = self._session, None
        self._held.clear()
        if session is not None:
            with suppress(Exception):
                session.rollback()
            with suppress(Exception):
                drop(session, self._stage)

    def _open(self) -> Session:
        if self._session is None:
            raise ValueError(f"{self} takes no rows: ask `is_needed` first, and append inside of the `with` block.")
        return self._session

    def _checked(self, batch: pa.RecordBatch) -> pa.Table:
        """A batch in plain types; WarehouseError when it has other columns, or rows of another partition."""
        if batch.schema.names != self._schema.names or batch.schema.types != self._schema.types:
            raise self._refused(f"a batch has the columns {_listed(batch.schema)}, not {_listed(self._schema)}")
        table = to_portable(pa.Table.from_batches([batch]))
        for name, value in self._partition.values.items():
            if wrong := foreign_rows(table, name, value):
                raise self._refused(f"{wrong} of {table.num_rows} rows have another {name} than {value}")
        return table

    def _flush(self, session: Session) -> None:
        if not self._held:
            return
        table = pa.concat_tables(self._held)
        self._held.clear()
        self._held_rows = self._held_bytes = 0
        self._sent = combined(self._sent, content_hash(table))
        with self._translated_errors():
            session.append(self._stage, table)

    def _check_rows(self, session: Session) -> None:
        """The stage holds what was sent."""
        query = exp.select(*map(column_of, self._portable.names)).from_(table_of(self._stage))
        arrived = session.stream(query, STAGE_ROWS)
        batches = (_cast(batch, self._portable) for batch in arrived)
        result = content_hash(pa.RecordBatchReader.from_batches(self._portable, batches))
        if result != self._sent:
            raise self._refused(
                f"{result[0]} rows with the hash {result[1:]} reached the stage table, and {self._sent[0]} with the "
                "hash "
                f"{self._sent[1:]} were sent"
            )

    def _check_columns(self, session: Session) -> None:
        """The stage's columns are the table's, if it is there, or will be added to it."""
        staged, target = session.columns(self._stage), session.columns(self._partition.relation)
        if not target:
            return
        missing = sorted(target.keys() - staged.keys())
        surplus = sorted(staged.keys() - target.keys() - set(self._addable.names))
        if missing or surplus:
            raise self._refused(
                f"its columns are not the table's: missing {missing}, surplus {surplus}. The table has: {list(target)}"
            )
        for name, kind in staged.items():
            if kind != target.get(name, kind):
                raise self._refused(f"column {name!r} is {kind}, and {target[name]} in the table")

    def _replace(self, session: Session) -> bool:
        partition, names = self._partition, self._portable.names
        values = partition.entry_of(self._sent[0])
        entry = exp.select(*(exp.alias_(value, name, quoted=True) for name, value in values.items()))
        session.begin()
        try:
            session.lock(partition.relation, partition.entry)
            if partition.is_committed(session):
                self._count(session)
                session.rollback()
                return False
            session.rows(exp.delete(table_of(partition.relation)).where(partition.rows))
            source = exp.select(*map(column_of, names)).from_(table_of(self._stage))
            session.rows(exp.insert(source, table_of(partition.relation), columns=_identifiers(names)))
            session.rows(exp.delete(table_of(partition.ledger)).where(partition.entry))
            session.rows(exp.insert(entry, table_of(partition.ledger), columns=_identifiers(list(values))))
            self._count(session, self._sent[0])
        except BaseException:
            session.rollback()
            raise
        try:
            session.commit()
        except Exception as error:
            raise CommitError(str(error)) from error
        return True

    def _count(self, session: Session, written: int | None = None) -> None:
        """Note how many rows the partition and its table have, as the ledger says; those `written` it need not say."""
        partition = self._partition
        query = exp.select(column_of("partition"), column_of("row_count")).from_(table_of(partition.ledger))
        counts = session.rows(query.where(column_of("table_name").eq(text_literal(str(partition.relation)))))
        known = sum(int(count) for key, count in counts if key == partition.key)
        self.rows = known if written is None else written  # a session may hold its changes back until the commit
        self.table_rows = self.rows + sum(int(count) for key, count in counts if key != partition.key)

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """What a driver says, as the error that says what became of the partition."""
        try:
            yield
        except CommitError as error:
            raise WarehouseError(
                f"{self}: no answer came to its commit. It is wholly old or wholly new, and the ledger says "
                f"which. Run again: what is there is not written twice. {error}"
            ) from error
        except self._errors as error:
            raise WarehouseError(f"{self} was not written and is as it was: {error}") from error

    def _refused(self, reason: str) -> WarehouseError:
        return WarehouseError(f"{self} was not written and is as it was: {reason}.")


def _identifiers(names: list[str]) -> list[exp.Identifier]:
    return [exp.to_identifier(name, quoted=True) for name in names]


def _listed(schema: pa.Schema) -> list[str]:
    return [f"{field.name}: {field.type}" for field in schema]


def _cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)], schema=schema
    )
