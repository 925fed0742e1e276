"""A warehouse behind the contract's allow-list, whose every read stands in the audit log. No value does."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any

import pyarrow as pa
from sqlglot import exp

from basemodel_ops.audit import AuditLog
from basemodel_ops.contract.types import Contract, Relation
from basemodel_ops.errors import UndeclaredError, WarehouseError
from basemodel_ops.warehouse.accesses import Access, accesses
from basemodel_ops.warehouse.arrow import portable_schema
from basemodel_ops.warehouse.base import Publication, Warehouse
from basemodel_ops.warehouse.queries import column_of


@dataclass(frozen=True)
class Published:
    """What was published of a table, or found up to date: its columns, the rows of these partitions, and of all."""

    schema: pa.Schema
    rows: int
    table_rows: int


class Audited:
    """Any warehouse, read through the allow-list and the log. A read that cannot be logged is not handed out."""

    def __init__(
        self, warehouse: Warehouse, log: AuditLog, contract: Contract, run: str, only: Collection[str] | None = None,
        published: dict[str, Published] | None = None,
    ) -> None:  # fmt: skip
        """Read through the allow-list of a contract; of its relations `only` some, where they are given.

        What is `published` by stages is noted there.
        """
        self._warehouse, self._log, self._run = warehouse, log, run
        self._published = {} if published is None else published
        self._readable, self._only = contract.readable, only
        self._purposes: dict[str, dict[str, str]] = {}
        for item in contract.personal:
            self._purposes.setdefault(str(item.relation), {})[item.column] = item.purpose

    def __enter__(self) -> "Audited":
        """The open connection."""
        self._warehouse.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._warehouse.__exit__(kind, error, trace)

    @property
    def ledger(self) -> Relation:
        """The ledger of the schema that answers are written to."""
        return self._warehouse.ledger

    def _allow(self, accesses: Iterable[Access]) -> list[dict[str, Any]]:
        """The accesses as they stand in the log.

        Raises:
            WarehouseError: a relation of the contract is asked for a column that is not on its allow-list.
        """
        reads = []
        for access in accesses:
            allowed = self._readable.get(access.relation)
            if self._only is not None and allowed is not None and access.relation not in self._only:
                raise UndeclaredError(
                    f"{access.relation} is read and not declared; {sorted(self._only)} are. Declare it in assets.py."
                )
            refused = [] if allowed is None else [name for name in access.columns if name not in allowed]
            if refused:
                raise WarehouseError(
                    f"{access.relation} may not be asked for {refused}: the contract withholds, ignores or does not "
                    f"declare them. It may be read for: {sorted(allowed or ())}. Give a personal column a `purpose`, "
                    "or declare the column."
                )
            current = self._purposes.get(access.relation, {})
            purposes = {name: current[name] for name in access.columns if name in current}
            reads.append(
                {
                    "relation": access.relation, "columns": list(access.columns), "predicate": access.predicate,
                    "purposes": purposes,
                }
            )  # fmt: skip
        return reads

    def exists(self, relation: Relation) -> bool:
        """Whether the table or view is there."""
        return self._warehouse.exists(relation)

    def columns(self, relation: Relation) -> dict[str, str]:
        """Data type per column; WarehouseError that names what exists if the relation is not there."""
        return self._warehouse.columns(relation)

    def batches(self, query: exp.Query, rows: int) -> Iterator[pa.RecordBatch]:
        """The result, streamed; an entry before the first batch, and one that counts the rows that were handed out."""
        has_started = self._log.append("stream", run=self._run, reads=self._allow(accesses(query)))
        count, full = 0, False
        try:
            for batch in self._warehouse.batches(query, rows):
                count += batch.num_rows
                yield batch
            full = True
        finally:
            self._log.append("streamed", run=self._run, of=has_started.entries, rows=count, whole=full)

    def read(self, query: exp.Query) -> pa.Table:
        """The result, whole."""
        reads = self._allow(accesses(query))
        table = self._warehouse.read(query)
        self._log.append("read", run=self._run, reads=reads, rows=table.num_rows)
        return table

    def shard(self, query: exp.Select, column: str, index: int, count: int) -> exp.Select:
        """A part of a query by a hash of a column; nothing is read yet."""
        return self._warehouse.shard(query, column, index, count)

    def sampled(self, query: exp.Select, column: str, share: float, also: exp.Select | None = None) -> exp.Select:
        """A part of a query by a hash of a column; nothing is read yet, and what `also` asks for is logged then."""
        return self._warehouse.sampled(query, column, share, also)

    def drawn(
        self, relation: Relation, columns: list[str], by: list[str], share: float, apart: bool = False
    ) -> exp.Select:
        """Rows from all over a table; nothing is read yet."""
        return self._warehouse.drawn(relation, columns, by, share, apart)

    def fingerprint(self, relation: Relation, columns: list[str]) -> str:
        """A hash of the columns' content; no row leaves the warehouse, so the entry counts 0."""
        reads = self._allow([Access(str(relation), tuple(sorted(columns)), None)])
        result = self._warehouse.fingerprint(relation, columns)
        self._log.append("fingerprint", run=self._run, reads=reads, rows=0)
        return result

    def publish(
        self,
        relation: Relation,
        rows: pa.Table | pa.RecordBatchReader,
        partition: dict[str, datetime | str],
        input_hash: str,
        code_version: str,
        run_id: str,
    ) -> bool:
        """Replace one partition; writes are in the ledger."""
        _check_columns(rows.schema)
        return self._warehouse.publish(relation, rows, partition, input_hash, code_version, run_id)

    def publication(
        self,
        relation: Relation,
        schema: pa.Schema,
        partition: dict[str, datetime | str],
        input_hash: str,
        code_version: str,
        run_id: str,
    ) -> AbstractContextManager[Publication]:
        """A partition that is replaced when the block ends well; writes are in the ledger."""
        _check_columns(schema)
        out = self._warehouse.publication(relation, schema, partition, input_hash, code_version, run_id)
        return self._noted(out, relation, schema)

    @contextmanager
    def _noted(
        self, publication: AbstractContextManager[Publication], relation: Relation, schema: pa.Schema
    ) -> Iterator[Publication]:
        """The same block; what it published is noted when it ends well."""
        with publication as out:
            yield out
        before = self._published.get(str(relation))
        rows = out.rows + (before.rows if before else 0)
        self._published[str(relation)] = Published(portable_schema(schema), rows, out.table_rows)

    def load(self, relation: Relation, table: pa.Table) -> None:
        """Create or replace a whole table, atomically."""
        _check_columns(table.schema)
        self._warehouse.load(relation, table)


def _check_columns(schema: pa.Schema) -> None:
    """Hold every column to a name that a warehouse keeps as it is."""
    for name in schema.names:
        column_of(name)
