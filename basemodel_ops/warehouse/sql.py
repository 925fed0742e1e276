"""A warehouse over sessions: what is asked, what is tried again, and what errors mean."""

import hashlib
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import ClassVar, Self, TypeVar

import pyarrow as pa
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import DataError, WarehouseError
from basemodel_ops.warehouse.arrow import rebatched, to_portable
from basemodel_ops.warehouse.base import LEDGER
from basemodel_ops.warehouse.partition import Partition
from basemodel_ops.warehouse.publication import Publication
from basemodel_ops.warehouse.queries import column_of, table_of
from basemodel_ops.warehouse.retry import Retries, RetryPolicy, within
from basemodel_ops.warehouse.sampling import drawn_from, remainder, sample_of, shard_of
from basemodel_ops.warehouse.session import Session
from basemodel_ops.warehouse.staging import new_stage, sweep
from basemodel_ops.warehouse.values import portable_values

T = TypeVar("T")
MIXED, SUMMED = 4_611_686_018_427_387_847, 1_000_000_007
"""Primes below which hashes are brought: one that leaves the sign of 64 bits alone, one that a sum has room for."""
READ_ROWS = 131_072


class SqlWarehouse(ABC):
    """Each call opens a session and closes it: no connection is held while a network trains."""

    session: ClassVar[type[Session]]
    errors: ClassVar[tuple[type[Exception], ...]]
    """What the driver raises."""
    ledger: Relation = LEDGER
    """The ledger of the schema that answers are written to."""

    def __init__(self, retry_policy: RetryPolicy | None = None, generator: random.Random | None = None) -> None:
        self._retry_policy = retry_policy or RetryPolicy()
        self._generator = generator or random.Random()

    @abstractmethod
    def _connect(self) -> Session:
        """A new session."""

    def _is_passing(self, error: Exception) -> bool:
        """Whether a new connection may succeed where this one failed."""
        return isinstance(error, (TimeoutError, ConnectionError))

    @abstractmethod
    def _is_missing(self, error: Exception) -> bool:
        """Whether a table or a column was named that is not there."""

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Held around a write, where a warehouse needs to keep writers of one process apart."""
        yield

    def __enter__(self) -> Self:
        """The open warehouse."""
        return self

    def __exit__(  # noqa: B027 - what holds a file closes it
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""

    def exists(self, relation: Relation) -> bool:
        """Whether the table or view is there."""
        return bool(self._retried(lambda session: session.columns(relation)))

    def columns(self, relation: Relation) -> dict[str, str]:
        """Data type per column; WarehouseError that names what exists if the relation is not there."""
        result = self._retried(lambda session: session.columns(relation))
        if not result:
            there = sorted(str(entry) for entry in self._retried(lambda session: session.relations()))
            raise WarehouseError(
                f"There is no table {relation} in {self}. It has: {there}. Build the dbt models first."
            )
        return result

    def batches(self, query: exp.Query, rows: int) -> Iterator[pa.RecordBatch]:
        """The result in the query's order, at most `rows` and about 64 MB at a time; see `Warehouse.batches`."""
        before = self._content_hash(query)
        yield from rebatched(self._resumed(query, rows), rows)
        if self._content_hash(query) != before:
            relations = sorted({f"{table.db}.{table.name}" for table in query.find_all(exp.Table)})
            raise DataError(
                f"Rows of {', '.join(relations)} changed while they were read, so what was read is of no one moment. "
                "Run again, when nothing writes there."
            )

    def read(self, query: exp.Query) -> pa.Table:
        """The result, whole."""
        return portable_values(self._retried(lambda session: session.stream(query, READ_ROWS).read_all()))

    def shard(self, query: exp.Select, column: str, index: int, count: int) -> exp.Select:
        """The rows of a query whose `column` hashes to shard `index` of `count`: disjoint, together all of them."""
        return shard_of(query, self.session.hashed_value(column), column, index, count)

    def sampled(self, query: exp.Select, column: str, share: float, also: exp.Select | None = None) -> exp.Select:
        """The rows whose `column` hashes into the first `share` of all hashes; see `Warehouse.sampled`."""
        return sample_of(query, self.session.hashed_value(column), column, share, also)

    def drawn(
        self, relation: Relation, columns: list[str], by: list[str], share: float, apart: bool = False
    ) -> exp.Select:
        """`columns` of rows from all over a table, the same ones each time; see `Warehouse.drawn`."""
        return drawn_from(relation, columns, by, share, self.session.hashed, apart)

    def fingerprint(self, relation: Relation, columns: list[str]) -> str:
        """A hash of the columns' content that does not depend on the order of rows."""
        try:
            digest = self._content_hash(exp.select(*map(column_of, columns)).from_(table_of(relation)))
        except WarehouseError:
            self.columns(relation)  # where it is not there, this says what is
            raise
        return hashlib.sha256(json.dumps([str(relation), columns, digest]).encode()).hexdigest()[:16]

    def publish(
        self,
        relation: Relation,
        rows: pa.Table | pa.RecordBatchReader,
        partition: dict[str, datetime | str],
        input_hash: str,
        code_version: str,
        run_id: str,
    ) -> bool:
        """Replace one partition, with its ledger row, in one transaction; see `Warehouse.publish`."""
        with self.publication(relation, rows.schema, partition, input_hash, code_version, run_id) as out:
            if out.is_needed:
                for part in [rows] if isinstance(rows, pa.Table) else rows:
                    out.append(part)
        return out.is_written

    @contextmanager
    def publication(
        self,
        relation: Relation,
        schema: pa.Schema,
        partition: dict[str, datetime | str],
        input_hash: str,
        code_version: str,
        run_id: str,
    ) -> Iterator[Publication]:
        """A partition that is replaced when the block ends well; see `Warehouse.publication`."""
        made_from = Partition(relation, partition, input_hash, code_version, run_id, self.ledger)
        out = Publication(made_from, schema, self.errors)
        session = within(self._retry_policy.response_timeout, self._connect, _close)
        session.ledger = self.ledger
        try:
            with self._writing():
                out.begin(session)
            if out.is_needed:
                yield out
                with self._writing():
                    out.finish()
                    session.after_commit()
                return
        except BaseException:
            with self._writing():
                out.abandon()
            raise
        finally:
            session.close()
        yield out

    def load(self, relation: Relation, table: pa.Table) -> None:
        """Create or replace a whole table, atomically."""
        rows = to_portable(table)
        with self._writing(), self._session() as session:
            try:
                session.create_schema(relation.schema_name)
                sweep(session, relation.schema_name)
                session.replace(relation, rows, new_stage(relation.schema_name))
            except (*self.errors, OSError) as error:
                raise WarehouseError(f"The table {relation} was not loaded and is as it was: {error}") from error
            session.after_commit()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        session = within(self._retry_policy.response_timeout, self._connect, _close)
        try:
            yield session
        except TimeoutError:
            raise  # its thread still uses the connection, and closes it when it ends
        except BaseException:
            session.close()
            raise
        else:
            session.close()

    def _retried(self, ask: Callable[[Session], T]) -> T:
        """The answer to a question that changes nothing, asked again while the connection breaks."""

        def once() -> T:
            with self._session() as session:
                return ask(session)

        retries = Retries(self._retry_policy, self._generator)
        while True:
            try:
                return within(self._retry_policy.response_timeout, once)
            except (*self.errors, OSError) as error:
                self._wait_or_raise(error, retries)

    def _resumed(self, query: exp.Query, rows: int) -> Iterator[pa.RecordBatch]:
        """The stream of a query, opened again behind the last row that arrived whenever the connection breaks."""
        retries, arrived, limit = Retries(self._retry_policy, self._generator), 0, self._retry_policy.response_timeout
        while True:
            try:
                with self._session() as session:
                    rest = query.offset(arrived) if arrived else query
                    late = partial(_close, session)
                    reader = within(limit, partial(session.stream, rest, rows), late)
                    while (batch := within(limit, partial(next, reader, None), late)) is not None:
                        arrived += batch.num_rows
                        retries.reset()
                        yield portable_values(batch)
                return
            except (*self.errors, OSError) as error:
                if arrived and self._is_passing(error) and not _is_repeatable(query):
                    raise WarehouseError(
                        f"The connection broke after {arrived} rows of a query that is not ordered by all its columns, "
                        f"so the rest cannot be told from what arrived. Run again. {error}"
                    ) from error
                self._wait_or_raise(error, retries)

    def _wait_or_raise(self, error: Exception, retries: Retries) -> None:
        if self._is_passing(error):
            retries.wait(error)
        elif self._is_missing(error):
            raise WarehouseError(f"A table or column is not there: {error} Build the dbt models first.") from error
        else:
            raise error

    def _content_hash(self, query: exp.Query) -> str:
        """A hash of the rows of a query, found in the warehouse, that does not depend on their order."""
        rows = query.copy()
        rows.set("order", None)
        if plain := _without_windows(query):
            rows.set("expressions", plain)
        names = rows.named_selects
        hashed = self.session.hashed(names)
        sums = (
            exp.Count(this=exp.Star()),
            exp.BitwiseXorAgg(this=remainder(hashed, MIXED)),
            exp.Sum(this=remainder(hashed.copy(), SUMMED)),
        )
        ask = exp.select(*sums).from_(rows.subquery("content"))
        ((count, mixed, total),) = self._retried(lambda session: session.rows(ask))
        return f"{count} {int(mixed or 0)} {int(total or 0)}"


def _close(session: Session | None, *unused: object) -> None:
    if session is not None:
        session.close()


def _without_windows(query: exp.Query) -> list[exp.Expr]:
    """The columns of a query but those that windows make of the others: to rank a table takes longer than to hash it.

    None where there is no window, or one reads what is not among the columns.
    """
    windows = [entry for entry in query.selects if entry.find(exp.Window)]
    plain = [entry.copy() for entry in query.selects if not entry.find(exp.Window)]
    names = {entry.unalias().name for entry in plain if isinstance(entry.unalias(), exp.Column)}
    read = {column.name for entry in windows for column in entry.find_all(exp.Column)}
    return plain if windows and read <= names else []


def _is_repeatable(query: exp.Query) -> bool:
    """Whether a query is ordered by all its columns: then equal rows alone can change places when it is asked again."""
    order = query.args.get("order")
    by = {column.name for column in order.find_all(exp.Column)} if order else set()
    return set(query.named_selects) <= by
