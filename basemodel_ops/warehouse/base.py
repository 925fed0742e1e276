"""What every warehouse can do."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Protocol

import pyarrow as pa
from sqlglot import exp

from basemodel_ops.contract.types import Relation


def ledger_of(schema: str) -> Relation:
    """The ledger of a schema of answers: one row per committed partition, what it was made from and by which run."""
    return Relation(schema_name=schema, name="ledger")


LEDGER = ledger_of("basemodel")
"""The ledger of the schema that answers are written to unless settings name another."""


class Publication(Protocol):
    """A partition that is being written."""

    @property
    def is_needed(self) -> bool:
        """Whether rows are to be appended now: False where the ledger says that the same inputs wrote it before."""
        ...

    @property
    def is_written(self) -> bool:
        """Whether it was replaced; known when the block has ended."""
        ...

    @property
    def rows(self) -> int:
        """Rows of the partition, written now or before; known when the block has ended."""
        ...

    @property
    def table_rows(self) -> int:
        """Rows of all partitions of its table; known when the block has ended."""
        ...

    def append(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Send rows to the stage table; a few are held until they are worth a statement.

        Raises:
            WarehouseError: other columns, rows of another partition, or a failed write; nothing is written then.
            ValueError: the block has ended, or nothing is needed.
        """
        ...


class Warehouse(Protocol):
    """Bounded reads, atomic writes. Queries are sqlglot expressions, rendered per dialect."""

    def __enter__(self) -> "Warehouse":
        """The open warehouse."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...

    @property
    def ledger(self) -> Relation:
        """The ledger of the schema that answers are written to."""
        ...

    def exists(self, relation: Relation) -> bool:
        """Whether the table or view is there."""
        ...

    def columns(self, relation: Relation) -> dict[str, str]:
        """Data type per column; WarehouseError that names what exists if the relation is not there."""
        ...

    def batches(self, query: exp.Query, rows: int) -> Iterator[pa.RecordBatch]:
        """The result, streamed in the query's order in batches of at most `rows` and about 64 MB.

        A broken connection is opened again, and the read goes on behind the last row that arrived.

        Raises:
            DataError: at the end, when rows of the result changed since the beginning; names the relation.
            WarehouseError: the warehouse stayed away for too long, or a table or column is not there.
        """
        ...

    def read(self, query: exp.Query) -> pa.Table:
        """The result, whole. For small results only."""
        ...

    def shard(self, query: exp.Select, column: str, index: int, count: int) -> exp.Select:
        """The rows of a query whose `column` hashes to shard `index` of `count`: disjoint, together all of them."""
        ...

    def fingerprint(self, relation: Relation, columns: list[str]) -> str:
        """A hash of the columns' content that does not depend on the order of rows."""
        ...

    def sampled(self, query: exp.Select, column: str, share: float, also: exp.Select | None = None) -> exp.Select:
        """The rows of a query whose `column` hashes into the first `share`, above 0 and up to 1, of all hashes.

        The same entities in every relation of a warehouse, and all those of a smaller share among those of a larger.
        A whole number of any width and its text are one value; a decimal and its text need not be.

        Args:
            query: Of which a part is wanted.
            column: The entity.
            share: 1 leaves the query as it is.
            also: A query of one column: rows of these entities too, whatever they hash to. Its type must be `column`'s.
        """
        ...

    def drawn(
        self, relation: Relation, columns: list[str], by: list[str], share: float, apart: bool = False
    ) -> exp.Select:
        """`columns` of rows from all over a table, the same ones each time: for checks of quality, never for learning.

        Args:
            relation: The table.
            columns: Those that are asked for.
            by: Rows are in the sample, or are not, by the hash of these together.
            share: Of the rows, about, above 0 and up to 1.
            apart: Rows that are equal in `by` are in it each for itself; else all or none. It takes longer.
        """
        ...

    def publish(
        self,
        relation: Relation,
        rows: pa.Table | pa.RecordBatchReader,
        partition: dict[str, datetime | str],
        input_hash: str,
        code_version: str,
        run_id: str,
    ) -> bool:
        """Replace one partition, with its ledger row, in one transaction.

        A reader is read batch by batch, and not at all where nothing is to be written.

        Returns:
            False when the ledger says that the same inputs wrote it before: then nothing is written.

        Raises:
            WarehouseError: rows of another partition, columns or types that are not the target's, or a failed write.
        """
        ...

    def publication(
        self,
        relation: Relation,
        schema: pa.Schema,
        partition: dict[str, datetime | str],
        input_hash: str,
        code_version: str,
        run_id: str,
    ) -> AbstractContextManager[Publication]:
        """A partition whose rows come batch by batch. It is replaced when the block ends; as it was when it raises.

        Several may be open at once, each with a connection of its own that is open meanwhile; so may readers.

            with warehouse.publication(relation, schema, {"as_of": as_of}, input_hash, code_version, run_id) as out:
                if out.is_needed:
                    for batch in scores():
                        out.append(batch)

        Raises:
            WarehouseError: as `publish` does; columns that are not the target's are refused before the block begins.
        """
        ...

    def load(self, relation: Relation, table: pa.Table) -> None:
        """Create or replace a whole table, atomically."""
        ...
