"""What Dagster knows of assets before anything is made: rows, owners, tags, freshness, lineage, resources."""

from datetime import date
from itertools import pairwise
from typing import Any

import dagster as dg
import pytest

from basemodel_ops.assets import codes_key, embedding_key, encoder_key
from basemodel_ops.contract.answers import TABLES
from basemodel_ops.contract.cutoffs import cutoff_at
from basemodel_ops.contract.types import Cadence, ColumnType, Grid, Relation, TaskType
from basemodel_ops.settings import Settings
from dagster_project.definitions import build
from dagster_project.defs.automation import LATER, freshness
from dagster_project.defs.insight import items_key
from dagster_project.defs.lineage import from_scores, of_scores
from dagster_project.lib.keys import asset_key
from dagster_project.lib.project import Project, load_project

from .conftest import VISITS

TASK_TABLES = ("scores", "deciles", "explanations")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return load_project(Settings(dbt_project_dir=VISITS, home=tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def specs(project: Project) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in build(project).resolve_all_asset_specs()}


def test_a_table_says_what_a_row_of_it_is(project: Project, specs: dict[str, dg.AssetSpec]) -> None:
    for key, spec in specs.items():
        words = TABLES.get(key.split("/")[-1])
        if words is None or key.startswith("embeddings/"):
            continue
        column = key.split("/")[0] if key.endswith("/embeddings") else project.contract.entity
        assert spec.description is not None
        assert words.row.format(key=column, when="cutoff") in spec.description
        assert f"`{spec.metadata['dagster/table_name'].removeprefix('warehouse.')}`" in spec.description
        assert spec.metadata["dagster/storage_kind"] == "duckdb"


def test_owners_are_those_that_the_dbt_project_names(project: Project) -> None:
    (task,) = project.contract.tasks
    owned = project.contract.model_copy(update={"owners": {str(task.relation): ("Planning", "a@clinics.example")}})
    for contract, owners in ((project.contract, []), (owned, ["team:Planning", "a@clinics.example"])):
        for spec in build(Project(project.settings, contract)).resolve_all_asset_specs():
            is_of_task = spec.key.path[0] == task.name
            assert list(spec.owners) == (owners if is_of_task else []), spec.key


def test_artifacts_of_a_source_belong_to_whom_its_model_belongs(project: Project) -> None:
    event = project.contract.events[0]
    columns = [column.name for column in event.columns if column.type is ColumnType.CATEGORY]
    owned = project.contract.model_copy(update={"owners": {str(event.relation): ("Planning",)}})
    wanted = {asset_key(encoder_key(event.name)), *map(items_key, columns)}
    wanted |= {asset_key(key(event.name, column)) for column in columns for key in (embedding_key, codes_key)}
    specs = build(Project(project.settings, owned)).resolve_all_asset_specs()
    assert {spec.key for spec in specs if list(spec.owners) == ["team:Planning"]} == wanted
    assert not [spec.key for spec in specs if spec.owners and spec.key not in wanted]


def test_assets_of_a_task_are_found_by_its_type_and_horizon(project: Project, specs: dict[str, dg.AssetSpec]) -> None:
    (task,) = project.contract.tasks
    for part in ("model", "evaluation", *TASK_TABLES):
        tags = specs[f"{task.name}/{part}"].tags
        assert (tags["basemodel/task_type"], tags["basemodel/horizon_days"]) == ("binary", "14")


@pytest.mark.parametrize("every", [Cadence.DAY, Cadence.WEEK, Cadence.MONTH, Cadence.QUARTER, Cadence.YEAR])
def test_scores_are_late_only_where_a_cutoff_went_unanswered(every: Cadence) -> None:
    grid = Grid(
        relation=Relation(schema_name="tasks", name="cutoffs"), cutoff="c", data_end="d", start=date(2023, 12, 28),
        now=None, every=every,
    )  # fmt: skip
    policy = freshness(grid)
    assert policy is not None
    moments = [cutoff_at(grid, number) for number in range(60)]
    apart = max(later - earlier for earlier, later in pairwise(moments))
    windows = [getattr(policy, name).to_timedelta() for name in ("warn_window", "fail_window")]
    # Answers that come as late as the schedule lets them are in time; the second missing cutoff is never waited for.
    assert apart + LATER <= windows[0] < windows[1] <= 2 * apart
    assert freshness(grid.model_copy(update={"now": date(2024, 1, 1)})) is None
    assert freshness(grid.model_copy(update={"every": Cadence.IRREGULAR})) is None


def test_every_table_of_a_cutoff_is_to_be_fresh_and_no_other(project: Project) -> None:
    live = project.contract.model_copy(update={"grid": project.contract.grid.model_copy(update={"now": None})})
    for spec in build(Project(project.settings, live)).resolve_all_asset_specs():
        is_answer = "dagster/table_name" in spec.metadata and spec.partitions_def is not None
        assert spec.freshness_policy == (freshness(live.grid) if is_answer else None), spec.key
        if spec.key.path[-1] in (*TASK_TABLES, "segments", "anomalies"):
            assert spec.freshness_policy is not None


@pytest.mark.parametrize(
    ("kind", "column"), [(TaskType.BINARY, None), (TaskType.MULTICLASS, "class"), (TaskType.MULTILABEL, "item")]
)
def test_classes_and_labels_lead_from_an_explanation_to_the_target(
    project: Project, kind: TaskType, column: str | None
) -> None:
    task = project.contract.tasks[0].model_copy(update={"type": kind})
    scores = dg.AssetKey([task.name, "scores"])
    reasons, published = from_scores(scores, task), of_scores(project, task)
    assert ("label" in reasons) == (column is not None)
    if column is not None:
        assert reasons["label"] == [dg.TableColumnDep(scores, column)]
        assert published[column] == [dg.TableColumnDep(project.key(task.relation), task.target)]


def test_steps_are_given_the_workspace_and_dbt_as_resources(project: Project) -> None:
    repository = build(project).get_repository_def()
    needed = {
        asset.op.name: set(asset.required_resource_keys) & {"workspaces", "dbt"}
        for asset in repository.assets_defs_by_key.values()
    }
    assert {name for name, keys in needed.items() if "dbt" in keys} == {"dbt_behavior"}
    assert all(keys == {"workspaces"} for name, keys in needed.items() if name != "dbt_behavior")
    # No run can be started on another home than that of the contract from which the graph was built.
    workspaces: Any = repository.get_top_level_resources()["workspaces"]
    assert workspaces.config_schema.config_type.fields == {}
