"""Tables of answers as assets: what Dagster shows of each, and which of their columns come from which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg

from basemodel_ops.code import code_behind
from basemodel_ops.contract.answers import TABLES, AnswerTable
from basemodel_ops.contract.types import Relation
from dagster_project.defs.automation import freshness, newest_cutoff
from dagster_project.lib.about import table_metadata
from dagster_project.lib.project import Project

if TYPE_CHECKING:  # Arrow and the package of stages, which loads torch
    import pyarrow as pa

    from basemodel_ops.stages import Workspace

Lineage = Mapping[str, Sequence[dg.TableColumnDep]]
"""For some columns of a table, the columns that they come from."""


@dataclass(frozen=True)
class TableAsset:
    """A table of answers and the asset that it is."""

    project: Project
    key: dg.AssetKey
    name: str
    """Of the table, in the schema of answers."""
    words: AnswerTable
    column: str
    """Whose rows they are: the column of the entity, or of a value."""
    lineage: Lineage = field(default_factory=dict)
    companions: tuple[str, ...] = ()
    """Last words of the names of tables that are written with it."""
    when: str = "cutoff"
    """What else tells its rows apart."""

    @property
    def relation(self) -> Relation:
        """Where it is."""
        return Relation(schema_name=self.project.settings.answers_schema, name=self.name)

    def spec(
        self, about: str, module: str, deps: Sequence[dg.AssetKey], group: str, *, owners: Sequence[str] = (),
        tags: Mapping[str, str] | None = None, partitioned: bool = True,
    ) -> dg.AssetSpec:  # fmt: skip
        """The asset: a sentence `about` it without its full stop, the module that makes it, what it is made from."""
        settings, row = self.project.settings, self.words.row.format(key=self.column, when=self.when)
        grid = self.project.contract.grid
        return dg.AssetSpec(
            self.key, deps=list(dict.fromkeys(deps)), group_name=group, kinds={"python", settings.kind},
            description=f"{about}, in `{self.relation}`: {row}.", code_version=code_behind(module),
            automation_condition=newest_cutoff(grid) if partitioned else None,
            freshness_policy=freshness(grid) if partitioned else None,
            owners=owners, tags=tags, metadata=table_metadata(settings, self.relation),
        )  # fmt: skip

    def with_metadata(self, result: dg.MaterializeResult, workspace: "Workspace") -> dg.MaterializeResult:
        """The result of a stage with the columns and rows of what it just published, and where columns come from."""
        published = workspace.published[str(self.relation)]
        known = {name: deps for name, deps in self.lineage.items() if name in published.schema.names}
        metadata = {
            **(result.metadata or {}),
            "dagster/column_schema": self._columns(published.schema, self.words),
            "dagster/column_lineage": dg.TableColumnLineage(known),
            "dagster/row_count": published.table_rows,
            "dagster/partition_row_count": published.rows,
        }
        for name in self.companions:
            also = f"{self.relation.schema_name}.{self.name.removesuffix(self.words.name)}{name}"
            if also in workspace.published:
                metadata[f"{also} columns"] = self._columns(workspace.published[also].schema, TABLES[name])
                metadata[f"{also} rows"] = workspace.published[also].rows
        return result._replace(asset_key=self.key, metadata=metadata)

    def _columns(self, schema: "pa.Schema", words: AnswerTable) -> dg.TableSchema:
        """The columns in the warehouse's own types, each with what it holds."""
        from basemodel_ops.warehouse.arrow import sql_type
        from basemodel_ops.warehouse.dialects import adapted

        kind = self.project.settings.kind
        return dg.TableSchema(
            [
                dg.TableColumn(
                    column.name,
                    adapted(sql_type(column), kind).sql(dialect=kind).lower(),
                    words.described(column.name, self.column),
                )
                for column in schema
            ]
        )
