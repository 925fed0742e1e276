"""What differs between warehouses: one connection, and the few verbs that all the rest is made of."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import pyarrow as pa
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.warehouse.arrow import columns_of
from basemodel_ops.warehouse.base import LEDGER
from basemodel_ops.warehouse.queries import column_of, table_of


class Session(ABC):
    """An open connection. Its driver's errors pass through; `SqlWarehouse` says what they mean."""

    dialect: ClassVar[str]
    ledger: Relation = LEDGER
    """The ledger of the schema that answers are written to."""

    def render(self, expression: exp.Expr) -> str:
        """The expression in this dialect."""
        return expression.sql(self.dialect)

    def rows(self, expression: exp.Expr) -> list[tuple[Any, ...]]:
        """Execute, and fetch what comes back."""
        return self.execute(self.render(expression))

    @abstractmethod
    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement; its rows, if it has any."""

    @abstractmethod
    def stream(self, query: exp.Query, rows: int) -> pa.RecordBatchReader:
        """The result in batches of about `rows`, names as the contract has them."""

    @staticmethod
    @abstractmethod
    def hashed(columns: list[str]) -> exp.Expr:
        """An integer of 64 bits from the values of a row."""

    @staticmethod
    @abstractmethod
    def hashed_value(column: str) -> exp.Expr:
        """An integer of 64 bits from one value: the same for a whole number of any width and for its text."""

    @abstractmethod
    def open_stage(self, stage: Relation, columns: list[exp.ColumnDef]) -> None:
        """Create a stage table, whose writer is this session as long as it lives."""

    @abstractmethod
    def append(self, stage: Relation, table: pa.Table) -> None:
        """Send rows to a stage table that this session opened. They need not be in it yet."""

    def close_stage(self, stage: Relation) -> None:  # noqa: B027
        """See to it that all rows which were sent are in the stage table."""

    def fill(self, stage: Relation, table: pa.Table) -> None:
        """Create a stage table and put rows into it."""
        self.open_stage(stage, columns_of(table.schema))
        self.append(stage, table)
        self.close_stage(stage)

    @abstractmethod
    def replace(self, relation: Relation, table: pa.Table, stage: Relation) -> None:
        """Create or replace a whole table in one step, by way of a stage where one is needed."""

    @abstractmethod
    def begin(self) -> None:
        """Begin a transaction."""

    @abstractmethod
    def commit(self) -> None:
        """Commit it."""

    @abstractmethod
    def rollback(self) -> None:
        """Take it back; quiet when the connection is gone and it was taken back by that."""

    @abstractmethod
    def lock(self, relation: Relation, entry: exp.Condition) -> None:
        """Inside a transaction: let no other writer of this relation go on before it ends. Readers are not held up.

        Args:
            relation: The target.
            entry: The condition that finds the partition's row in the ledger.
        """

    @abstractmethod
    def is_abandoned(self, stage: Relation) -> bool:
        """Whether the writer of a stage table is gone."""

    def after_commit(self) -> None:  # noqa: B027
        """Called after a commit, outside of any transaction."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    def columns(self, relation: Relation) -> dict[str, str]:
        """Data type per column; empty when there is no such relation."""
        result = exp.select(column_of("column_name"), column_of("data_type")).from_(
            information("columns", relation.database)
        )
        for column, name in (("table_schema", relation.schema_name), ("table_name", relation.name)):
            result = result.where(column_of(column).eq(exp.Literal.string(self.spelled(name))))
        return dict(self.rows(result.order_by(column_of("ordinal_position"))))

    def relations(self, schema_name: str | None = None) -> list[Relation]:
        """Tables and views that are there, in a schema or in all but the warehouse's own."""
        current = [exp.Literal.string(self.spelled(name)) for name in ("information_schema", "pg_catalog")]
        result = exp.select(column_of("table_schema"), column_of("table_name")).from_(information("tables"))
        result = result.order_by(column_of("table_schema"), column_of("table_name"))
        result = result.where(column_of("table_schema").isin(*current).not_())
        if schema_name is not None:
            result = result.where(column_of("table_schema").eq(exp.Literal.string(self.spelled(schema_name))))
        return [Relation(schema_name=schema, name=name) for schema, name in self.rows(result)]

    def spelled(self, name: str) -> str:
        """A name as this warehouse's catalogue spells it."""
        return name

    def create(self, relation: Relation, columns: list[exp.ColumnDef]) -> None:
        """Create schema and table where they are missing; asked first, as a writer need not be allowed to create."""
        if not self.columns(relation):
            self.create_schema(relation.schema_name)
            self.rows(create_table(relation, columns))

    def add_columns(self, relation: Relation, columns: list[exp.ColumnDef]) -> None:
        """Add the columns that a table lacks; they are null in the rows it has."""
        there = self.columns(relation)
        for column in columns:
            if column.name not in there:
                column.set("exists", True)  # another writer may have been faster
                self.rows(exp.Alter(this=table_of(relation), kind="TABLE", actions=[column]))

    def create_schema(self, name: str) -> None:
        """Create the schema where it is missing."""
        result = exp.select(column_of("schema_name")).from_(information("schemata"))
        if not self.rows(result.where(column_of("schema_name").eq(exp.Literal.string(self.spelled(name))))):
            self.rows(exp.Create(this=exp.Table(db=exp.to_identifier(name, quoted=True)), kind="SCHEMA", exists=True))


def create_table(relation: Relation, columns: list[exp.ColumnDef], *properties: exp.Property) -> exp.Create:
    """A table that is created unless it is there."""
    kinds = exp.Properties(expressions=list(properties)) if properties else None
    schema = exp.Schema(this=table_of(relation), expressions=columns)
    return exp.Create(this=schema, kind="TABLE", exists=True, properties=kinds)


def information(name: str, database: str | None = None) -> exp.Table:
    """A view of the information schema, of the session's database or of another."""
    return exp.table_(name, db="information_schema", catalog=database, quoted=True)
