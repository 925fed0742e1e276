"""Nodes of dbt as projects have them: each is read as dbt means it, or named with the way out."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from basemodel_ops.contract import read_contract
from basemodel_ops.contract.nodes import unread
from basemodel_ops.contract.types import Aggregate, ColumnType, Contract
from basemodel_ops.errors import ContractError

from ..basemodel_ops.manifests import Columns, Models, hospital, model, problems, read, write


@pytest.fixture
def models() -> Models:
    return hospital()


def configured(node: dict[str, Any], **config: Any) -> None:
    node["config"] = {**node["config"], **config}


@pytest.mark.parametrize("kind", ["seed", "snapshot", "model"])
def test_attributes_may_be_a_seed_a_snapshot_or_a_model(tmp_path: Path, models: Models, kind: str) -> None:
    models["clinics"]["resource_type"] = kind
    assert [attributes.name for attributes in read(tmp_path, models).attributes] == ["clinics"]


def versions(models: Models, latest: int) -> None:
    """Two versions of the visits, as dbt notes them: one name, an alias each, the annotation on both."""
    first = models.pop("visits")
    for version in (1, 2):
        models[f"visits.v{version}"] = {
            **copy.deepcopy(first), "name": "visits", "alias": f"visits_v{version}", "version": version,
            "latest_version": latest,
        }  # fmt: skip


@pytest.mark.parametrize("latest", [1, 2])
def test_the_latest_version_of_a_model_is_read(tmp_path: Path, models: Models, latest: int) -> None:
    versions(models, latest)
    contract = read(tmp_path, models)
    assert [(event.name, str(event.relation)) for event in contract.events] == [("visits", f"main.visits_v{latest}")]
    left = unread(json.loads((tmp_path / "manifest.json").read_text()))
    assert left == [f"version {3 - latest} of visits: version {latest} is the latest"]


def test_a_version_may_be_named(tmp_path: Path, models: Models) -> None:
    versions(models, 2)
    models["active"] |= {"version": 1, "latest_version": 2, "alias": "active_v1"}
    models["active.v2"] = {**models["active"], "name": "active", "version": 2, "alias": "active_v2"}
    result = {}
    for name in ("active", "active.v1"):
        models["reasons_14d"]["config"]["meta"]["basemodel"]["task"]["population"] = name
        result[name] = str(read(tmp_path, models).task("reasons_14d").population)
    assert result == {"active": "main.active_v2", "active.v1": "main.active_v1"}


@pytest.mark.parametrize("name", ["visits", "clinics", "weeks", "returns_14d", "active"])
def test_an_ephemeral_model_has_no_table_to_read(tmp_path: Path, models: Models, name: str) -> None:
    configured(models[name], materialized="ephemeral")
    (problem,) = problems(tmp_path, models)
    assert f"Model {name} is ephemeral" in problem
    assert "materialized: table" in problem


@pytest.mark.parametrize("name", ["visits", "clinics", "weeks", "active"])
def test_what_is_disabled_is_said_where_it_is_missed(tmp_path: Path, models: Models, name: str) -> None:
    off = models.pop(name)
    path = write(tmp_path, models)
    manifest = json.loads(path.read_text())
    manifest["disabled"] = {f"model.project.{name}": [{"name": name, **off}]}
    path.write_text(json.dumps(manifest))
    with pytest.raises(ContractError) as refused:
        read_contract(path)
    assert any(f"Disabled, so not read: {name}" in problem for problem in refused.value.problems)
    assert unread(manifest) == ([] if name == "active" else [f"{name} is disabled"])


@pytest.mark.parametrize(("section", "kind"), [("sources", "source"), ("exposures", "exposure"), ("macros", "macro")])
def test_an_annotation_that_nobody_would_read_is_a_problem(
    tmp_path: Path, models: Models, section: str, kind: str
) -> None:
    path = write(tmp_path, models)
    manifest = json.loads(path.read_text())
    meta = {"basemodel": {"attribute": {"key": "town"}}}
    manifest[section] = {f"{kind}.towns": {"name": "towns", "resource_type": kind, "config": {"meta": meta}}}
    path.write_text(json.dumps(manifest))
    with pytest.raises(ContractError, match=f"{kind.capitalize()} towns carries .*Write a model that selects from it"):
        read_contract(path)


def test_two_packages_with_a_model_of_one_name_are_told_apart(tmp_path: Path, models: Models) -> None:
    models["other"] = {**copy.deepcopy(models["visits"]), "name": "visits", "schema": "pack"}
    (problem,) = problems(tmp_path, models)
    assert "Model visits: model.project.other and model.project.visits have the same name" in problem
    assert "disable it" in problem
    models["other"]["config"] = {"meta": {}}  # a package's own model, which nobody annotated
    assert str(read(tmp_path, models).event("visits").relation) == "main.visits"


def test_an_alias_is_where_a_model_is_and_its_name_what_it_is_called(tmp_path: Path, models: Models) -> None:
    models["visits"]["alias"] = "Visits of Patients"
    event = read(tmp_path, models).event("visits")
    assert (event.name, event.relation.name) == ("visits", "Visits of Patients")


def elsewhere(tmp_path: Path, models: Models, kind: str) -> Contract:
    for node in models.values():
        node["database"] = "shop"
    models["visits"]["database"] = "other"
    return read_contract(write(tmp_path, models), "SHOP", kind)


@pytest.mark.parametrize("kind", ["duckdb", "postgres"])
def test_a_model_of_another_database_is_refused_where_it_cannot_be_read(
    tmp_path: Path, models: Models, kind: str
) -> None:
    with pytest.raises(ContractError, match=r"Model visits is built in the database 'other'.*Remove `\+database`"):
        elsewhere(tmp_path, models, kind)


def test_a_model_of_another_database_is_read_there_on_snowflake(tmp_path: Path, models: Models) -> None:
    contract = elsewhere(tmp_path, models, "snowflake")
    assert contract.event("visits").relation.database == "other"
    assert contract.grid.relation.database is None


SNAPSHOT = ("dbt_valid_from", "dbt_valid_to", "dbt_updated_at", "dbt_scd_id")


def test_a_snapshot_brings_its_own_beginning_and_end_of_an_attribute(tmp_path: Path, models: Models) -> None:
    models["clinics"]["resource_type"] = "snapshot"
    attributes = read(tmp_path, models).attribute("clinics")
    assert (attributes.valid_from, attributes.valid_to) == SNAPSHOT[:2]
    read_as = {column.name: column.type for column in attributes.columns}
    assert all(read_as.get(name, ColumnType.IGNORE) is ColumnType.IGNORE for name in SNAPSHOT)


def test_a_snapshot_may_call_its_columns_otherwise(tmp_path: Path, models: Models) -> None:
    models["clinics"]["resource_type"] = "snapshot"
    names = {"dbt_valid_from": "since", "dbt_valid_to": "until"}
    configured(models["clinics"], snapshot_meta_column_names=names)
    attributes = read(tmp_path, models).attribute("clinics")
    assert (attributes.valid_from, attributes.valid_to) == ("since", "until")


def test_the_end_of_an_attribute_is_never_a_feature_of_it(tmp_path: Path, models: Models) -> None:
    """A model that selects from a snapshot: the end was written after the cutoffs that see the fact."""
    columns: Columns = {
        "clinic_id": "bigint",
        "town": "varchar",
        "dbt_valid_from": "timestamp",
        "dbt_valid_to": "timestamp",
    }
    models["clinics"] = model({"attribute": {"key": "clinic_id", "valid_from": "dbt_valid_from"}}, columns)
    attributes = read(tmp_path, models).attribute("clinics")
    assert attributes.valid_to == "dbt_valid_to"
    assert [column.name for column in attributes.columns] == ["town"]


def test_an_end_without_a_beginning_is_a_problem(tmp_path: Path, models: Models) -> None:
    columns: Columns = {"clinic_id": "bigint", "town": "varchar", "until": "timestamp"}
    models["clinics"] = model({"attribute": {"key": "clinic_id", "valid_to": "until"}}, columns)
    (problem,) = problems(tmp_path, models)
    assert "valid_to 'until' is given and no valid_from" in problem


def asks_for(models: Models, column: str) -> None:
    task = {
        "type": "regression", "entity": "patient_id", "cutoff": "cutoff", "target": "returns", "horizon": {"days": 14},
        "predicts": {"source": "visits", "aggregate": "mean", "column": column},
    }  # fmt: skip
    models["returns_14d"]["config"]["meta"]["basemodel"] = {"task": task}


def test_a_mean_is_of_a_number(tmp_path: Path, models: Models) -> None:
    asks_for(models, "cost")
    predicts = read(tmp_path, models).task("returns_14d").predicts
    assert predicts is not None
    assert (predicts.aggregate, predicts.column) == (Aggregate.MEAN, "cost")
    asks_for(models, "reason")
    (problem,) = problems(tmp_path, models)
    assert "mean needs a number of visits: ['cost']" in problem


@pytest.mark.parametrize("name", ["codes", "snapshot", "foundation_model"])
def test_a_task_is_not_called_like_an_artifact(tmp_path: Path, models: Models, name: str) -> None:
    models[name] = models.pop("returns_14d")
    (problem,) = problems(tmp_path, models)
    assert f"Model {name}: a task cannot be called so" in problem
    assert "Rename" in problem


def test_two_columns_do_not_share_the_name_of_an_artifact(tmp_path: Path, models: Models) -> None:
    """Two underscores are usual in names of dbt models."""
    event = {"event": {"entity": "patient_id", "time": "visited_at"}}
    columns = {"patient_id": "bigint", "visited_at": "timestamp"}
    models["shop"] = model(event, {**columns, "a__b": "varchar"})
    models["shop__a"] = model(event, {**columns, "c": "varchar"})
    assert problems(tmp_path, models) == []
    models["shop__a"] = model(event, {**columns, "b": "varchar"})
    (problem,) = problems(tmp_path, models)
    assert "column 'b' of shop__a and column 'a__b' of shop would both be called shop__a__b" in problem
