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
    """A connection: bounded reads, atomic writes. Queries are sqlglot expressions, rendered per dialect."""

    def __enter__(self) -> "Warehouse":
        """The open connection."""
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
        """The result, streamed in batches of about `rows`."""
        ...

    def read(self, query: exp.Query) -> pa.Table:
        """The result, whole. For small results only."""
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
        """
        ...

    def load(self, relation: Relation, table: pa.Table) -> None:
        """Create or replace a whole table, atomically."""
        ...
