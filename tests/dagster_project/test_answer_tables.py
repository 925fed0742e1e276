"""What Dagster shows of tables of answers is what the warehouse holds, and lineage leads to where values come from."""

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pytest
from sqlglot import exp

from basemodel_ops.contract.answers import TABLES
from basemodel_ops.contract.cutoffs import cutoff_at
from basemodel_ops.contract.types import Cadence, Grid, Relation
from dagster_project.definitions import build
from dagster_project.defs.answer_tables import TableAsset
from dagster_project.defs.automation import LATER, freshness
from dagster_project.lib.project import Project, load_project

from .conftest import Run

Metadata = dict[str, Any]

TASK_TABLES = ("scores", "deciles", "explanations")


@pytest.fixture(scope="module")
def project(visits: Run) -> Project:
    return load_project(visits.settings)


@pytest.fixture(scope="module")
def specs(project: Project) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in build(project).resolve_all_asset_specs()}


@pytest.fixture(scope="module")
def made(visits: Run) -> dict[str, Metadata]:
    """The metadata of the newest materialisation of each table of answers, and its partition."""
    with dg.DagsterInstance.from_config(str(visits.settings.home / "dagster")) as instance:
        events = {key: instance.get_latest_materialization_event(key) for key in instance.all_asset_keys()}
        found = {key: event.asset_materialization for key, event in events.items() if event is not None}
    return {
        key.to_user_string(): {**one.metadata, "partition": one.partition}
        for key, one in found.items()
        if one is not None and "dagster/column_schema" in one.metadata
    }


@pytest.fixture(scope="module")
def names(specs: dict[str, dg.AssetSpec]) -> dict[str, str]:
    """The name of the table of each asset that has one, as Dagster shows it."""
    return {key: spec.metadata["dagster/table_name"] for key, spec in specs.items() if _is_table(spec)}


def _is_table(spec: dg.AssetSpec) -> bool:
    return "dagster/table_name" in spec.metadata


@pytest.fixture
def connection(visits: Run) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(visits.settings.warehouse_path), read_only=True) as opened:
        yield opened


def test_every_table_of_answers_is_told_of(visits: Run, made: dict[str, Metadata], names: dict[str, str]) -> None:
    tables = {f"warehouse.basemodel.{name}" for (name,) in visits.rows(
        "select table_name from information_schema.tables where table_schema = 'basemodel'"
    )}  # fmt: skip
    beside = {f"warehouse.{label.split()[0]}" for told in made.values() for label in told if label.endswith(" columns")}
    assert {names[key] for key in made} | beside == {
        name for name in tables if not name.endswith((".ledger", ".owner"))
    }


def test_columns_are_those_of_the_table_in_their_order_types_and_all_described(
    made: dict[str, Metadata], names: dict[str, str], connection: duckdb.DuckDBPyConnection
) -> None:
    for key, told in made.items():
        schemas = {names[key]: told["dagster/column_schema"]}
        schemas |= {label.split()[0]: value for label, value in told.items() if label.endswith(" columns")}
        for table, schema in schemas.items():
            shown = [(column.name, _type(column.type)) for column in schema.value.columns]
            described = connection.execute(f"describe {table}").fetchall()
            assert shown == [(name, _type(kind)) for name, kind, *_ in described], table
            assert not [column.name for column in schema.value.columns if not column.description], table


def _type(text: str) -> exp.DataType:
    return exp.DataType.build(text, dialect="duckdb")


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        ("bigquery", ["timestamp", "string", "float64", "bignumeric(38, 10)"]),
        ("databricks", ["timestamp", "string", "double", "decimal(38, 10)"]),
        ("postgres", ["timestamp", "text", "double precision", "decimal(38, 10)"]),
    ],
)
def test_types_are_those_that_the_warehouse_makes(kind: str, types: list[str]) -> None:
    elsewhere: Any = SimpleNamespace(settings=SimpleNamespace(kind=kind))
    words = TABLES["scores"]
    kinds = [pa.timestamp("us"), pa.string(), pa.float64(), pa.decimal128(38, 10)]
    schema = pa.schema(list(zip(("as_of", "run_id", "score", "patient"), kinds, strict=True)))
    shown = TableAsset(elsewhere, dg.AssetKey("scores"), "scores", words, "patient")._columns(schema, words)
    assert [column.type for column in shown.columns] == types


def test_rows_are_those_of_the_partition_and_of_the_table(
    made: dict[str, Metadata], names: dict[str, str], connection: duckdb.DuckDBPyConnection
) -> None:
    for key, told in made.items():
        counts = "select count(*) from {}"
        ((rows,),) = connection.execute(counts.format(names[key])).fetchall()
        assert told["dagster/row_count"].value == rows, key
        if told["partition"] is not None:
            newest = f"(select * from {names[key]} where as_of = '{told['partition']}')"
            ((rows,),) = connection.execute(counts.format(newest)).fetchall()
        assert told["dagster/partition_row_count"].value == rows, key


def test_values_stand_in_the_columns_that_they_are_said_to_come_from(
    made: dict[str, Metadata], names: dict[str, str], connection: duckdb.DuckDBPyConnection
) -> None:
    compared = 0
    for key, told in made.items():
        for column, sources in told["dagster/column_lineage"].value.deps_by_column.items():
            above = " union all ".join(
                f'select "{source.column_name}" from {names[source.asset_key.to_user_string()]}' for source in sources
            )
            lost = f'select "{column}" from {names[key]} where "{column}" is not null and "{column}" not in ({above})'
            assert connection.execute(lost).fetchall() == [], (key, column)
            compared += 1
        assert told["dagster/column_lineage"].value.deps_by_column, key
    assert compared > 12


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


def test_assets_of_a_task_are_found_by_its_type_and_horizon(project: Project, specs: dict[str, dg.AssetSpec]) -> None:
    (task,) = project.contract.tasks
    for part in ("model", "evaluation", *TASK_TABLES):
        tags = specs[f"{task.name}/{part}"].tags
        assert (tags["basemodel/task_type"], tags["basemodel/horizon_days"]) == ("binary", "14")


@pytest.mark.parametrize("every", [Cadence.DAY, Cadence.WEEK, Cadence.MONTH, Cadence.QUARTER])
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


def test_scores_alone_are_to_be_fresh(project: Project) -> None:
    live = project.contract.model_copy(update={"grid": project.contract.grid.model_copy(update={"now": None})})
    specs = build(Project(project.settings, live)).resolve_all_asset_specs()
    fresh = {spec.key.to_user_string(): spec.freshness_policy for spec in specs if spec.freshness_policy is not None}
    assert fresh == {"returns_14d/scores": freshness(live.grid)}


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
