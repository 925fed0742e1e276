"""A partition of a table of answers: which rows it is, and what the ledger says of it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.warehouse.base import LEDGER
from basemodel_ops.warehouse.queries import column_of, table_of, timestamp_of
from basemodel_ops.warehouse.session import Session

LEDGER_COLUMNS = {
    "table_name": "text", "partition": "text", "input_hash": "text", "code_version": "text",
    "row_count": "bigint", "run_id": "text", "committed_at": "timestamp",
}  # fmt: skip


class CommitError(Exception):
    """A commit that was not acknowledged: it may have happened or not."""


@dataclass(frozen=True)
class Partition:
    """One partition of one table, and what it is made from."""

    relation: Relation
    values: dict[str, datetime | str]
    input_hash: str
    code_version: str
    run_id: str
    ledger: Relation = LEDGER

    def __str__(self) -> str:
        return f"The partition {self.key} of {self.relation}"

    @property
    def key(self) -> str:
        """The partition as the ledger names it."""
        return json.dumps({name: str(value) for name, value in self.values.items()}, sort_keys=True)

    @property
    def rows(self) -> exp.Condition:
        """The condition that finds the partition's rows."""
        tests = [
            column_of(name).eq(timestamp_of(value) if isinstance(value, datetime) else text_literal(value))
            for name, value in self.values.items()
        ]
        return exp.and_(*tests)

    @property
    def entry(self) -> exp.Condition:
        """The condition that finds the partition's row in the ledger."""
        return exp.and_(
            column_of("table_name").eq(text_literal(str(self.relation))),
            column_of("partition").eq(text_literal(self.key)),
        )

    def entry_of(self, count: int) -> dict[str, exp.Expr]:
        """The partition's row in the ledger, when it has so many rows."""
        return {
            "table_name": text_literal(str(self.relation)),
            "partition": text_literal(self.key),
            "input_hash": text_literal(self.input_hash),
            "code_version": text_literal(self.code_version),
            "row_count": exp.Literal.number(count),
            "run_id": text_literal(self.run_id),
            "committed_at": timestamp_of(datetime.now(UTC).replace(tzinfo=None)),
        }

    def is_committed(self, session: Session) -> bool:
        """Whether the ledger says that the same inputs wrote it, and its rows are there."""
        names = ("input_hash", "code_version", "row_count")
        known = session.rows(exp.select(*map(column_of, names)).from_(table_of(self.ledger)).where(self.entry))
        if [row[:2] for row in known] != [(self.input_hash, self.code_version)]:
            return False
        if not session.columns(self.relation):
            return False  # the table was dropped behind the ledger's back
        count = exp.select(exp.Count(this=exp.Star())).from_(table_of(self.relation)).where(self.rows)
        return int(session.rows(count)[0][0]) == int(known[0][2])


def text_literal(value: str) -> exp.Literal:
    """A text as SQL writes it."""
    return exp.Literal.string(value)
