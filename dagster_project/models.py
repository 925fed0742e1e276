"""dbt models as assets: those before the science, and the marts over its score tables."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, DbtProject, dbt_assets

from dagster_project.project import SCORES_SOURCE, Project, dbt_environment, dbt_executable, profiles_directory

MARTS = f"source:{SCORES_SOURCE}+"
MARTS_OP = "dbt_marts"


class FolderTranslator(DagsterDbtTranslator):
    """Groups models by their folder under `models/`."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """dbt's spec, with the folder as its group."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        folders = node["fqn"][1:-1]
        return spec.replace_attributes(group_name=folders[0]) if folders else spec


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """Models that feed the science, and marts if any model reads the score tables."""
    if not has_marts(project):
        return [_dbt(project, "dbt_behavior", select="fqn:*", exclude="")]
    return [
        _dbt(project, "dbt_behavior", select="fqn:*", exclude=MARTS),
        _dbt(project, MARTS_OP, select=MARTS, exclude=""),
    ]


def has_marts(project: Project) -> bool:
    """Whether some model reads a score table."""
    prefix = f".{SCORES_SOURCE}."
    return any(
        parent.startswith("source.") and prefix in parent
        for node in project.manifest["nodes"].values()
        if node["resource_type"] == "model"
        for parent in node["depends_on"]["nodes"]
    )


def _dbt(project: Project, name: str, select: str, exclude: str) -> dg.AssetsDefinition:
    settings = project.settings

    @dbt_assets(
        manifest=project.manifest,
        name=name,
        select=select,
        exclude=exclude,
        dagster_dbt_translator=FolderTranslator(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True)),
    )
    def models(context: dg.AssetExecutionContext) -> Iterator[Any]:
        dbt = DbtCliResource(
            project_dir=str(settings.dbt_project_dir.resolve()),
            profiles_dir=str(profiles_directory(settings)),
            target=settings.target,
            dbt_executable=dbt_executable(),
        )
        # A subprocess: the DuckDB file is held only while dbt runs. Unit tests belong to `make test`.
        with dbt_environment(settings):
            run = dbt.cli(
                ["build", "--exclude-resource-type", "unit_test"],
                context=context,
                target_path=settings.manifest_path.parent.resolve() / name,
            )
        yield from run.stream()

    return models
