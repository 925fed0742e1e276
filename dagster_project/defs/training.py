"""What training makes: the snapshot, encoders, embeddings, codes, rows, the foundation model and task models.

Dependencies and code versions are those that `basemodel_ops.assets` declares.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from basemodel_ops.assets import TRAINING_EXAMPLES, Asset, category_columns
from basemodel_ops.assets import assets as declared_assets
from basemodel_ops.code import code_behind
from dagster_project.defs.partitions import register
from dagster_project.lib.about import owners, subjects, task_tags
from dagster_project.lib.keys import asset_key
from dagster_project.lib.project import Project
from dagster_project.lib.stage import WorkspaceResource, held_to_budget, materialized, reported
from dagster_project.lib.tables import budget_markdown, layout_markdown

if TYPE_CHECKING:  # the package of stages loads torch
    from basemodel_ops.report import Report
    from basemodel_ops.stages import Workspace

SNAPSHOT = dg.AssetKey("snapshot")


class SnapshotRun(dg.Config):
    """Whether to take a new snapshot; where it is not said, one is taken when it is due."""

    renew: bool | None = None


@dataclass(frozen=True)
class Kind:
    """How one kind of artifact shows in Dagster. `{0}` and `{1}` are the parts of its key."""

    group: str
    kinds: frozenset[str]
    description: str


def _kind(group: str, kinds: str, description: str) -> Kind:
    return Kind(group, frozenset(kinds.split()), description)


KINDS = {
    "encoders": _kind("representation", "python numpy", "Vocabularies and number scales of `{1}`."),
    "embeddings": _kind(
        "representation", "python cleora", "A vector for each value of `{1}`, from the sessions that share it."
    ),
    "codes": _kind("representation", "python emde", "The sketch cells that each value of `{1}` falls into."),
    "training_examples": _kind(
        "foundation", "python numpy", "Representations of planned rows at past cutoffs, and what followed them."
    ),
    "foundation_model": _kind(
        "foundation", "python pytorch", "Networks and boosters, pretrained without labels to foresee what follows."
    ),
    "segmentation": _kind(
        "insight", "python scikitlearn", "Groups of embeddings and groups within them, by which every week is divided."
    ),
    "model": _kind("tasks", "python pytorch lightgbm", "The model of `{0}`: the best of tuned heads and baselines."),
    "evaluation": _kind("tasks", "python", "How `{0}` does on the last complete cutoffs, against its baseline."),
}


def kind_of(key: str) -> Kind:
    """The kind of an artifact, told by its key."""
    first, _, second = key.partition("/")
    return KINDS[first] if first in KINDS else KINDS[second]


def dependencies(project: Project, asset: Asset) -> list[dg.AssetKey]:
    """The assets that an artifact is made from, as it declares them."""
    tables = [project.key(relation) for relation in (*asset.relations, *asset.aside)]
    pinned = [SNAPSHOT] if asset.pins or asset.relations else []
    return list(dict.fromkeys([*pinned, *map(asset_key, asset.artifacts), *tables]))


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """All assets that learn, built from the contract."""
    return [_snapshot(project), *(_trained(project, asset) for asset in declared_assets(project.contract).values())]


def keys(project: Project) -> list[dg.AssetKey]:
    """Keys of all assets that learn."""
    return [SNAPSHOT, *map(asset_key, declared_assets(project.contract))]


def _snapshot(project: Project) -> dg.AssetsDefinition:
    contract = project.contract
    tables = [source.relation for source in (*contract.events, *contract.attributes)]
    tables += [
        relation for task in contract.tasks for relation in (task.relation, task.population, task.offers) if relation
    ]

    @dg.asset(
        key=SNAPSHOT,
        deps=list(dict.fromkeys(project.key(relation) for relation in (*tables, contract.grid.relation))),
        group_name="representation",
        kinds={"python"},
        description="What training sees: the grid, its end, how the tables stood. New events change it when it is due.",
        code_version=code_behind("stages.snapshot.snapshot"),
    )
    def snapshot(
        context: dg.AssetExecutionContext, config: SnapshotRun, workspaces: WorkspaceResource
    ) -> dg.MaterializeResult:
        from basemodel_ops.stages.planning.budget import as_text, prepare

        workspace = workspaces.open(context)
        started = time.monotonic()
        report, lines = prepare(workspace, config.renew)
        register(context.instance, workspaces.project)
        context.log.info(as_text(lines))
        result = reported(report, started)
        return result._replace(
            metadata={**(result.metadata or {}), "budget": dg.MetadataValue.md(budget_markdown(lines))}
        )

    return snapshot


def _trained(project: Project, asset: Asset) -> dg.AssetsDefinition:
    kind, (first, second) = kind_of(asset.key), (*asset.key.split("/"), "")[:2]
    subject = subjects(project.contract).get(asset.key)
    tasks = [task for task in project.contract.tasks if second and task.name == first]

    @dg.asset(
        key=asset_key(asset.key),
        deps=dependencies(project, asset),
        group_name=kind.group,
        kinds=set(kind.kinds),
        description=kind.description.format(first, second.replace("__", ".")),
        code_version=asset.code,
        owners=owners(project.contract, subject) if subject else [],
        tags={name: tag for task in tasks for name, tag in task_tags(task).items()},
    )
    def trained(context: dg.AssetExecutionContext, workspaces: WorkspaceResource) -> dg.MaterializeResult:
        workspace = workspaces.open(context)
        extra = held_to_budget(workspace, context, asset.key)
        result = materialized(lambda: _stage(workspace, asset.key), extra)
        if asset.key != TRAINING_EXAMPLES:
            return result
        from basemodel_ops.stages import explain_representation

        rows, left_out = explain_representation(workspace)
        layout = {"layout": dg.MetadataValue.md(layout_markdown(rows.to_pylist())), "left_out": left_out}
        return result._replace(metadata={**(result.metadata or {}), **layout})

    return trained


def _stage(workspace: "Workspace", key: str) -> "Report":
    """Run the stage that makes an artifact."""
    from basemodel_ops import stages

    first, _, second = key.partition("/")
    if first == "encoders":
        return stages.encoders(workspace, second)
    if first in ("embeddings", "codes"):
        # Names of models and columns may hold two underscores themselves.
        source, column = next(pair for pair in category_columns(workspace.contract) if "__".join(pair) == second)
        return (stages.embeddings if first == "embeddings" else stages.codes)(workspace, source, column)
    if second:
        return (stages.task_model if second == "model" else stages.task_evaluation)(workspace, first)
    single = (stages.training_examples, stages.foundation_model, stages.segmentation)
    return next(stage for stage in single if stage.__name__ == first)(workspace)
