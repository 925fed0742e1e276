"""Writing one partition: all of it and its ledger row, or nothing. The same steps on every warehouse."""

import json
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse.arrow import content_hash, sql_type, strangers
from basemodel_ops.warehouse.base import LEDGER
from basemodel_ops.warehouse.queries import column_of, moment_of, table_of
from basemodel_ops.warehouse.session import Session

LEDGER_COLUMNS = {
    "table_name": "text", "partition": "text", "input_hash": "text", "code_version": "text",
    "row_count": "bigint", "run_id": "text", "committed_at": "timestamp",
}  # fmt: skip
STAGE = "basemodel_stage_"
STAGE_NAME = re.compile(rf"{STAGE}(\d{{14}})_[0-9a-f]{{8}}", re.IGNORECASE)
STAGE_ROWS = 65_536


def new_stage(schema_name: str) -> Relation:
    """A name for a stage table that says when it was made; short, since PostgreSQL cuts names at 63 bytes."""
    return Relation(schema_name=schema_name, name=f"{STAGE}{datetime.now(UTC):%Y%m%d%H%M%S}_{secrets.token_hex(4)}")


def stage_age(stage: Relation) -> float:
    """Seconds since a stage table was made."""
    found = STAGE_NAME.fullmatch(stage.name)
    if not found:
        raise ValueError(f"{stage} is no stage table.")
    made = datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return (datetime.now(UTC) - made).total_seconds()


def columns_of(table: pa.Table) -> list[exp.ColumnDef]:
    """Columns of a table that holds these rows."""
    return [_defined(field.name, sql_type(field)) for field in table.schema]


def sweep(session: Session, schema_name: str) -> list[Relation]:
    """Drop the stage tables of writers that are gone; returns them."""
    stages = [one for one in session.relations(schema_name) if STAGE_NAME.fullmatch(one.name)]
    gone = [one for one in stages if session.is_abandoned(one)]
    for stage in gone:
        drop(session, stage)
    return gone


def drop(session: Session, stage: Relation) -> None:
    """Drop a table if it is there."""
    session.rows(exp.Drop(tables=[table_of(stage)], kind="TABLE", exists=True))


def _defined(name: str, kind: exp.DataType) -> exp.ColumnDef:
    return exp.ColumnDef(this=exp.to_identifier(name, quoted=True), kind=kind)


def _text(value: str) -> exp.Literal:
    return exp.Literal.string(value)


class CommitError(Exception):
    """No answer came to a commit, so it may have happened or not."""


@dataclass(frozen=True)
class Publication:
    """The rows of one partition of one table, and what they were made from."""

    relation: Relation
    table: pa.Table
    partition: dict[str, datetime | str]
    input_hash: str
    code_version: str
    run_id: str

    def __str__(self) -> str:
        return f"The partition {self.key} of {self.relation}"

    @property
    def key(self) -> str:
        """The partition as the ledger names it."""
        return json.dumps({name: str(value) for name, value in self.partition.items()}, sort_keys=True)

    @property
    def rows(self) -> exp.Condition:
        """The condition that finds the partition's rows."""
        tests = [
            column_of(name).eq(moment_of(value) if isinstance(value, datetime) else _text(value))
            for name, value in self.partition.items()
        ]
        return exp.and_(*tests)

    @property
    def entry(self) -> exp.Condition:
        """The condition that finds the partition's row in the ledger."""
        return exp.and_(
            column_of("table_name").eq(_text(str(self.relation))), column_of("partition").eq(_text(self.key))
        )

    def check(self) -> None:
        """WarehouseError when rows belong to another partition, or do not say to which."""
        for name, value in self.partition.items():
            if name not in self.table.column_names:
                raise self._refused(f"the rows have no column {name!r}. They have: {self.table.column_names}")
            if wrong := strangers(self.table, name, value):
                raise self._refused(f"{wrong} of {self.table.num_rows} rows have another {name} than {value}")

    def write(self, session: Session) -> bool:
        """All steps; False when the ledger knows the same inputs."""
        session.create(LEDGER, [_defined(name, exp.DataType.build(kind)) for name, kind in LEDGER_COLUMNS.items()])
        if self._is_committed(session):
            return False
        # All DDL is here: on Snowflake it commits by itself.
        session.create(self.relation, columns_of(self.table))
        sweep(session, self.relation.schema_name)
        stage = new_stage(self.relation.schema_name)
        try:
            session.fill(stage, self.table)
            self._check_stage(session, stage)
            written = self._replace(session, stage)
        except BaseException:
            # The first error is the one to tell; what cannot be dropped now is swept by a later writer.
            with suppress(Exception):
                drop(session, stage)
            raise
        drop(session, stage)
        return written

    def _is_committed(self, session: Session) -> bool:
        names = ("input_hash", "code_version", "row_count")
        known = session.rows(exp.select(*map(column_of, names)).from_(table_of(LEDGER)).where(self.entry))
        if [row[:2] for row in known] != [(self.input_hash, self.code_version)]:
            return False
        if not session.columns(self.relation):
            return False  # the table was dropped behind the ledger's back
        count = exp.select(exp.Count(this=exp.Star())).from_(table_of(self.relation)).where(self.rows)
        return int(session.rows(count)[0][0]) == int(known[0][2])

    def _check_stage(self, session: Session, stage: Relation) -> None:
        """The stage holds what was sent, and its columns are the target's."""
        names = self.table.column_names
        query = exp.select(*map(column_of, names)).from_(table_of(stage))
        arrived = session.stream(query, STAGE_ROWS)
        batches = (_cast(batch, self.table.schema) for batch in arrived)
        found = content_hash(pa.RecordBatchReader.from_batches(self.table.schema, batches))
        if (sent := content_hash(self.table)) != found:
            raise self._refused(
                f"{found[0]} rows with the hash {found[1:]} reached the stage table, and {sent[0]} with the hash "
                f"{sent[1:]} were sent"
            )
        staged, target = session.columns(stage), session.columns(self.relation)
        missing, surplus = sorted(target.keys() - staged.keys()), sorted(staged.keys() - target.keys())
        if missing or surplus:
            raise self._refused(
                f"its columns are not the table's: missing {missing}, surplus {surplus}. The table has: {list(target)}"
            )
        for name, kind in staged.items():
            if kind != target[name]:
                raise self._refused(f"column {name!r} is {kind}, and {target[name]} in the table")

    def _replace(self, session: Session, stage: Relation) -> bool:
        names = self.table.column_names
        columns = [exp.to_identifier(name, quoted=True) for name in names]
        values = {
            "table_name": _text(str(self.relation)),
            "partition": _text(self.key),
            "input_hash": _text(self.input_hash),
            "code_version": _text(self.code_version),
            "row_count": exp.Literal.number(self.table.num_rows),
            "run_id": _text(self.run_id),
            "committed_at": moment_of(datetime.now(UTC).replace(tzinfo=None)),
        }
        entry = exp.select(*(exp.alias_(value, name, quoted=True) for name, value in values.items()))
        session.begin()
        try:
            session.lock(self.relation, self.entry)
            if self._is_committed(session):
                session.rollback()
                return False
            session.rows(exp.delete(table_of(self.relation)).where(self.rows))
            source = exp.select(*map(column_of, names)).from_(table_of(stage))
            session.rows(exp.insert(source, table_of(self.relation), columns=columns))
            session.rows(exp.delete(table_of(LEDGER)).where(self.entry))
            session.rows(
                exp.insert(entry, table_of(LEDGER), columns=[exp.to_identifier(n, quoted=True) for n in values])
            )
        except BaseException:
            session.rollback()
            raise
        try:
            session.commit()
        except Exception as error:
            raise CommitError(str(error)) from error
        return True

    def _refused(self, reason: str) -> WarehouseError:
        return WarehouseError(f"{self} was not written and is as it was: {reason}.")


def _cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)], schema=schema
    )
