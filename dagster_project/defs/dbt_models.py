"""dbt models as assets: those before the science, and the marts over its score tables."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from graphlib import TopologicalSorter
from importlib.metadata import version
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, DbtProject, dbt_assets
from packaging.version import Version, parse

from basemodel_ops.contract.owners import owners_of
from basemodel_ops.contract.types import Relation
from basemodel_ops.warehouse import open_warehouse
from dagster_project.lib.about import as_owners
from dagster_project.lib.built import Builds, Check, Record
from dagster_project.lib.loading import loading
from dagster_project.lib.project import SCORES_SOURCE, Project, dbt_environment, dbt_executable, profiles_directory

MARTS = f"source:{SCORES_SOURCE}+"
BEHAVIOR_OP, MARTS_OP = "dbt_behavior", "dbt_marts"
BUILDS = (BEHAVIOR_OP, MARTS_OP)
"""The steps that are a build of dbt."""

NEXT = ("great_expectations", "torch", "lightgbm")
"""What checks of these models, and the stages after them, are going to load."""


class FolderTranslator(DagsterDbtTranslator):
    """Groups models by their folder under `models/`; keys are those of the project, no two of which are the same."""

    def __init__(self, project: Project) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))
        self._keys = project.node_keys
        self._groups = {group["name"]: group for group in project.manifest.get("groups", {}).values()}

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """The project's key of a node; dbt's own of a source."""
        current = self._keys.get(dbt_resource_props["unique_id"])
        return super().get_asset_key(dbt_resource_props) if current is None else current

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        """The owner that the node or its group of dbt names, unless Dagster's own `meta.dagster.owners` does."""
        group = dbt_resource_props.get("group")
        if isinstance(group, Mapping):  # where Dagster has put it in the place of its name
            group = group.get("name")
        dagster_owners = super().get_owners({**dbt_resource_props, "group": None})
        return dagster_owners or as_owners(owners_of({**dbt_resource_props, "group": group}, self._groups))

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetCheckSpec | None:
        """dbt's spec; a test of an answer holds nothing up, or marts of what is made of it would be a step apart."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        tested = self.get_resource_props(manifest, unique_id)["depends_on"].get("nodes", [])
        is_answer = any(
            manifest["sources"][key]["source_name"] == SCORES_SOURCE for key in tested if key in manifest["sources"]
        )
        return spec and spec._replace(blocking=spec.blocking and not is_answer)

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """dbt's spec, with the folder as its group."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        folders = self.get_resource_props(manifest, unique_id)["fqn"][1:-1]
        # Dagster takes letters without accents, digits and underscores only.
        return spec.replace_attributes(group_name=re.sub(r"\W", "_", folders[0], flags=re.ASCII)) if folders else spec


class Dbt(DbtCliResource):
    """dbt in a subprocess. Its version is known, and nothing is fetched through an adapter of its own.

    The one costs a start of dbt, the other the import of dbt into this process: eight seconds of each step.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return parse(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return None


def resource(project: Project, dbt: str | None = None) -> Dbt:
    """dbt for one project, profile and target; its path, if given."""
    settings = project.settings
    return Dbt(
        project_dir=str(settings.dbt_project_dir.resolve()),
        profiles_dir=str(profiles_directory(settings)),
        target=settings.target,
        dbt_executable=dbt or dbt_executable(),
    )


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """Models that feed the science, and marts if any model reads the score tables."""
    if not has_marts(project):
        # Tests of score tables that no model reads are left to dbt: there is no step after scoring that could run them.
        exclude = MARTS if project.source_tables(SCORES_SOURCE) else ""
        return [_dbt(project, BEHAVIOR_OP, select="fqn:*", exclude=exclude)]
    return [
        _dbt(project, BEHAVIOR_OP, select="fqn:*", exclude=MARTS),
        _dbt(project, MARTS_OP, select=MARTS, exclude=""),
    ]


def has_marts(project: Project) -> bool:
    """Whether some model reads a score table."""
    # The project itself may be called like the source, so an id does not tell.
    scores = {key for key, node in project.manifest["sources"].items() if node["source_name"] == SCORES_SOURCE}
    return any(
        parent in scores
        for node in project.manifest["nodes"].values()
        if node["resource_type"] == "model"
        for parent in node["depends_on"].get("nodes", [])
    )


def unanswered(project: Project) -> list[str]:
    """Tables of tasks that models read and that are not there: the task was held back from the first."""
    read = {parent for node in project.manifest["nodes"].values() for parent in node["depends_on"].get("nodes", [])}
    sources = project.manifest["sources"].items()
    nodes = [node for key, node in sources if node["source_name"] == SCORES_SOURCE and key in read]
    tables = {
        node["name"]: Relation(schema_name=node["schema"], name=node.get("identifier") or node["name"])
        for node in nodes
        if any(node["name"].startswith(f"{task.name}_") for task in project.contract.tasks)
    }
    with open_warehouse(project.settings) as warehouse:
        return sorted(name for name, relation in tables.items() if not warehouse.exists(relation))


def _dbt(project: Project, name: str, select: str, exclude: str) -> dg.AssetsDefinition:
    settings = project.settings

    @dbt_assets(
        manifest=project.manifest,
        name=name,
        select=select,
        exclude=exclude,
        dagster_dbt_translator=FolderTranslator(project),
    )
    def models(context: dg.AssetExecutionContext, dbt: Dbt) -> Iterator[Any]:
        assets = [list(key.path) for key in sorted(context.selected_asset_keys)]
        tests = [(list(key.asset_key.path), key.name) for key in sorted(context.selected_asset_check_keys)]
        builds = Builds(project, name)
        record, why = builds.same(assets, tests)
        if record:
            context.log.info(f"dbt build is skipped: {why}.")
            yield from replayed(context, record, why)
            return
        context.log.info(f"dbt build runs: {why}.")
        before, results = builds.begin(), []
        variables = ["--vars", settings.dbt_vars] if settings.dbt_vars else []
        absent = unanswered(project) if name == MARTS_OP else []
        left_out = ["--exclude", " ".join(f"source:{SCORES_SOURCE}.{table}+" for table in absent)] if absent else []
        if absent:
            context.log.warning(
                f"Models that read {', '.join(absent)} are not built: no answer of that task was ever published."
            )
        # A subprocess: the DuckDB file is held only while dbt runs. Unit tests belong to `make test`.
        with dbt_environment(settings):
            run = dbt.cli(
                ["build", *left_out, "--exclude-resource-type", "unit_test", *variables],
                context=context,
                target_path=settings.manifest_path.parent.resolve() / name,
            )
        with loading(*NEXT if name == BEHAVIOR_OP else ()):
            for event in run.stream():
                if (
                    isinstance(event, (dg.AssetCheckResult, dg.AssetCheckEvaluation))
                    and event.asset_key
                    and event.check_name
                ):
                    results.append(_check(event, event.asset_key, event.check_name))
                yield event
        if not absent:
            context.log.info(builds.finish(before, assets, tests, results))

    return models


def replayed(context: dg.AssetExecutionContext, record: Record, why: str) -> Iterator[Any]:
    """What the last build made and found, of what is selected."""
    note = {"reused": True, "because": why}
    parents = context.assets_def.asset_deps
    for key in TopologicalSorter({key: parents[key] for key in context.selected_asset_keys}).static_order():
        if key not in context.selected_asset_keys:
            continue
        yield dg.MaterializeResult(asset_key=key, metadata=note)
    selected = context.selected_asset_check_keys
    full = (len(context.selected_asset_keys), len(selected)) == (len(record.assets), len(record.tests))
    for check in record.checks:
        asset, requested = dg.AssetKey(check.asset), [check.asset, check.name] in record.tests
        results = {
            "asset_key": asset,
            "check_name": check.name,
            "passed": check.passed,
            "severity": dg.AssetCheckSeverity(check.severity),
            "metadata": {**note, ROWS: check.rows},
        }
        if dg.AssetCheckKey(asset, check.name) in selected:
            yield dg.AssetCheckResult(**results)
        elif full and not requested:  # dbt ran it beside those that were asked for: a test of a source
            yield dg.AssetCheckEvaluation(**results)


ROWS = "dagster_dbt/failed_row_count"


def _check(result: dg.AssetCheckResult | dg.AssetCheckEvaluation, asset: dg.AssetKey, name: str) -> Check:
    rows: Any = result.metadata.get(ROWS)
    return Check(list(asset.path), name, result.passed, result.severity.value, int(rows.value) if rows else 0)
