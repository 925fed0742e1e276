"""The rows that pretraining learns from, and the foundation model."""

import dagster as dg

from basemodel_ops.code import code_version
from dagster_project import representation
from dagster_project.project import Project
from dagster_project.stage import materialized, open_workspace

GROUP = "foundation"


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """All assets of this group."""

    @dg.asset(
        key="training_examples",
        deps=representation.inputs(project),
        group_name=GROUP,
        kinds={"python", "numpy"},
        description="Representations at past cutoffs and what followed them.",
        code_version=code_version("representation"),
    )
    def training_examples(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from basemodel_ops import stages

        workspace = open_workspace(project, context)
        return materialized(lambda: stages.training_examples(workspace))

    @dg.asset(
        key="foundation_model",
        deps=["training_examples"],
        group_name=GROUP,
        kinds={"python", "pytorch"},
        description="One network, pretrained without labels to foresee activity, things and composition.",
        code_version=code_version("foundation"),
    )
    def foundation_model(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from basemodel_ops import stages

        workspace = open_workspace(project, context)
        return materialized(lambda: stages.foundation_model(workspace))

    return [training_examples, foundation_model]
