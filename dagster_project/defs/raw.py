"""The demo's raw tables, made only when the dbt project is the demo."""

from collections.abc import Iterator

import dagster as dg

from basemodel_ops.contract.types import Relation
from dagster_project.lib import demo
from dagster_project.lib.about import table_metadata
from dagster_project.lib.project import Project
from dagster_project.lib.stage import WorkspaceResource


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """The loader of the demo's raw tables, or nothing for a dbt project with other sources."""
    if project.source_tables(demo.SCHEMA) != set(demo.TABLES):
        return []

    relations = {table: Relation(schema_name=demo.SCHEMA, name=table) for table in demo.TABLES}

    @dg.multi_asset(
        name="demo_tables",
        specs=[
            dg.AssetSpec(
                [demo.SCHEMA, table],
                group_name="raw",
                kinds={"python", project.settings.kind},
                description=f"`{table}` of The Complete Journey, as published.",
                skippable=False,
                code_version="1",
                metadata=table_metadata(project.settings, relation),
            )
            for table, relation in relations.items()
        ],
    )
    def demo_tables(workspaces: WorkspaceResource) -> Iterator[dg.MaterializeResult]:
        from basemodel_ops.warehouse import open_warehouse

        with open_warehouse(workspaces.project.settings) as warehouse:
            rows = demo.load_demo(warehouse)
            columns = {table: warehouse.columns(relation) for table, relation in relations.items()}
        for table, count in rows.items():
            schema = dg.TableSchema([dg.TableColumn(name, kind.lower()) for name, kind in columns[table].items()])
            metadata = {"dagster/row_count": count, "dagster/column_schema": schema}
            yield dg.MaterializeResult(asset_key=[demo.SCHEMA, table], metadata=metadata)

    return [demo_tables]
