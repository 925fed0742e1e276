"""What every warehouse can do."""

from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import Protocol

import pyarrow as pa
from sqlglot import exp

from basemodel_ops.contract.types import Relation

LEDGER = Relation(schema_name="basemodel", name="ledger")
"""One row per committed partition: what it was made from, and by which run."""


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

    def publish(
        self,
        relation: Relation,
        table: pa.Table,
        partition: dict[str, datetime | str],
        input_hash: str,
        code_version: str,
        run_id: str,
    ) -> bool:
        """Replace one partition, with its ledger row, in one transaction.

        Returns:
            False when the ledger says that the same inputs wrote it before: then nothing is written.

        Raises:
            WarehouseError: rows of another partition, columns or types that are not the target's, or a failed write.
        """
        ...

    def load(self, relation: Relation, table: pa.Table) -> None:
        """Create or replace a whole table, atomically."""
        ...
