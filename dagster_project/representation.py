"""Encoders, embeddings, codes and the weekly representation of every entity."""

import dagster as dg

from basemodel_ops.code import code_version
from basemodel_ops.contract.types import AttributeSource, ColumnType, Contract, EventSource
from dagster_project.automation import newest_week
from dagster_project.partitions import as_of, weekly
from dagster_project.project import Project
from dagster_project.stage import checked, materialized, open_workspace
from dagster_project.tables import layout_markdown

GROUP = "representation"


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """All assets of this group, built from the contract."""
    sources = [_encoders(project, source) for source in (*project.contract.events, *project.contract.attributes)]
    columns = category_columns(project.contract)
    embeddings = [_embeddings(project, source, column) for source, column in columns]
    codes = [_codes(project, source, column) for source, column in columns]
    return [*sources, *embeddings, *codes, _entity_representation(project)]


def category_columns(contract: Contract) -> list[tuple[str, str]]:
    """Source and name of every event column that is embedded."""
    return [
        (source.name, column.name)
        for source in contract.events
        for column in source.columns
        if column.type is ColumnType.CATEGORY
    ]


def inputs(project: Project) -> list[dg.AssetKey]:
    """What a representation is computed from."""
    contract = project.contract
    encoders = [dg.AssetKey(["encoders", source.name]) for source in (*contract.events, *contract.attributes)]
    codes = [dg.AssetKey(["codes", f"{source}__{column}"]) for source, column in category_columns(contract)]
    return [*encoders, *codes, *(project.key(item.relation) for item in (*contract.attributes, contract.grid))]


def _encoders(project: Project, source: EventSource | AttributeSource) -> dg.AssetsDefinition:
    @dg.asset(
        key=["encoders", source.name],
        deps=[project.key(source.relation)],
        group_name=GROUP,
        kinds={"python", "numpy"},
        description=f"Vocabularies and number scales of `{source.name}`.",
        code_version=code_version("encoders"),
    )
    def encoders(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from basemodel_ops import stages

        workspace = open_workspace(project, context)
        return materialized(lambda: stages.encoders(workspace, source.name))

    return encoders


def _embeddings(project: Project, source: str, column: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["embeddings", f"{source}__{column}"],
        deps=[["encoders", source]],
        group_name=GROUP,
        kinds={"python", "cleora"},
        description=f"A vector for each value of `{source}.{column}`, from the sessions that share it.",
        code_version=code_version("cleora"),
    )
    def embeddings(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from basemodel_ops import stages

        workspace = open_workspace(project, context)
        return materialized(lambda: stages.embeddings(workspace, source, column))

    return embeddings


def _codes(project: Project, source: str, column: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["codes", f"{source}__{column}"],
        deps=[["embeddings", f"{source}__{column}"]],
        group_name=GROUP,
        kinds={"python", "emde"},
        description=f"The sketch cells that each value of `{source}.{column}` falls into.",
        code_version=code_version("emde"),
    )
    def codes(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from basemodel_ops import stages

        workspace = open_workspace(project, context)
        return materialized(lambda: stages.codes(workspace, source, column))

    return codes


def _entity_representation(project: Project) -> dg.AssetsDefinition:
    @dg.asset(
        key="entity_representation",
        deps=inputs(project),
        partitions_def=weekly(project.contract.grid),
        group_name=GROUP,
        kinds={"python", "emde"},
        description=f"Everything known of each {project.contract.entity} before `as_of`: sketches and scalars.",
        code_version=code_version("representation"),
        automation_condition=newest_week(),
        # Declared here, not apart: a check of one partition must run with that partition.
        check_specs=[
            dg.AssetCheckSpec(
                "decoding",
                asset="entity_representation",
                blocking=True,
                description="Asked what it holds, a sketch names what the events of the entity say.",
            )
        ],
    )
    def entity_representation(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from basemodel_ops import stages
        from basemodel_ops.stages.decoding import check_representation

        workspace = open_workspace(project, context)
        moment = as_of(context.partition_key)
        result = materialized(lambda: stages.entity_representation(workspace, moment))
        explained = layout_markdown(stages.explain_representation(workspace, moment).to_pylist())
        result = result._replace(metadata={**(result.metadata or {}), "layout": dg.MetadataValue.md(explained)})
        return result._replace(check_results=[checked(check_representation(workspace, moment), "decoding")])

    return entity_representation
