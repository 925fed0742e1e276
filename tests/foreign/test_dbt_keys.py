"""Assets of dbt projects whose models are called like ours, like each other, or like nothing that Dagster takes."""

import copy
import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from basemodel_ops.contract import read_contract
from basemodel_ops.settings import Settings
from dagster_project.defs.dbt_models import FolderTranslator, has_marts
from dagster_project.lib.keys import asset_keys
from dagster_project.lib.project import Project

from ..basemodel_ops.manifests import Models, hospital, write


@pytest.fixture
def models() -> Models:
    return hospital()


def project(folder: Path, models: Models, **sections: Any) -> Project:
    settings = Settings(home=folder, adapter="duckdb")
    path = settings.manifest_path
    path.parent.mkdir(parents=True)
    write(path.parent, models)
    manifest = {"sources": {}, **json.loads(path.read_text()), **sections}
    for key, node in manifest["nodes"].items():
        defaults = {"unique_id": key, "package_name": "project", "fqn": ["project", node["name"]], "depends_on": {}}
        manifest["nodes"][key] = defaults | node
    path.write_text(json.dumps(manifest))
    return Project(settings, read_contract(path))


OURS = [
    "foundation_model",
    "snapshot",
    "training_examples",
    "entity_representation",
    "lookalikes",
    "segments",
    "report",
]


def test_models_called_like_assets_of_this_package_have_keys_of_their_own(tmp_path: Path, models: Models) -> None:
    for name in OURS:
        models[name] = copy.deepcopy(models["staging"])
    project_dir = project(tmp_path, models)
    keys = project_dir.node_keys
    assert len(set(keys.values())) == len(models)
    assert not set(keys.values()) & asset_keys(project_dir.contract)
    assert keys["model.project.snapshot"] == dg.AssetKey(["main", "snapshot"])
    assert keys["model.project.visits"] == dg.AssetKey(["visits"])
    assert project_dir.key(project_dir.contract.event("visits").relation) == dg.AssetKey(["visits"])


def test_models_of_two_packages_have_keys_of_their_own(tmp_path: Path, models: Models) -> None:
    other = {**copy.deepcopy(models["staging"]), "package_name": "pack"}
    models |= {"one": {**other, "name": "staging"}, "two": {**other, "name": "staging", "schema": "pack"}}
    keys = project(tmp_path, models).node_keys
    assert len(set(keys.values())) == len(models)


def test_a_decoy_in_another_database_is_not_the_model(tmp_path: Path, models: Models) -> None:
    decoy = {**copy.deepcopy(models["staging"]), "name": "visits", "database": "other", "schema": "main"}
    project_dir = project(tmp_path, models | {"decoy": {**decoy, "package_name": "pack"}})
    key = project_dir.key(project_dir.contract.event("visits").relation)
    assert key == project_dir.node_keys["model.project.visits"] != project_dir.node_keys["model.project.decoy"]


SOURCE = {"source.basemodel.basemodel.churn_scores": {"name": "churn_scores", "source_name": "basemodel"}}
RAW = {"source.basemodel.raw.things": {"name": "items", "source_name": "raw"}}


@pytest.mark.parametrize(("reads", "there"), [(RAW, False), (SOURCE, True)])
def test_marts_are_models_that_read_answers_whatever_the_project_is_called(
    tmp_path: Path, models: Models, reads: dict[str, Any], there: bool
) -> None:
    """The project of the demo is called `basemodel` itself, and its marts may be deleted."""
    models["staging"]["depends_on"] = {"nodes": list(reads)}
    assert has_marts(project(tmp_path, models, sources={**SOURCE, **RAW})) is there


@pytest.mark.parametrize(("folder", "group"), [("my models", "my_models"), ("größe", "gr__e"), ("marts", "marts")])
def test_a_folder_of_any_name_is_a_group(tmp_path: Path, models: Models, folder: str, group: str) -> None:
    project_dir = project(tmp_path, models)
    node = project_dir.manifest["nodes"]["model.project.visits"]
    node |= {"fqn": ["project", folder, "visits"], "original_file_path": "models/visits.sql", "tags": []}
    spec = FolderTranslator(project_dir).get_asset_spec(project_dir.manifest, "model.project.visits", None)
    assert spec.group_name == group


GROUPS = {
    "group.project.money": {"name": "money", "owner": {"name": "Finance", "email": "money@shop.example"}},
    "group.project.local": {"name": "local", "owner": {"email": "money@localhost"}},
}


@pytest.mark.parametrize(
    ("config", "owner"),
    [
        ({"group": "money"}, "money@shop.example"),
        ({"group": "money", "meta": {"owner": "Planning"}}, "team:Planning"),
        ({"group": "local"}, "team:money@localhost"),  # which Dagster takes for no email
        ({"group": "local", "meta": {"dagster": {"owners": ["a@shop.example"]}}}, "a@shop.example"),
    ],
)
def test_a_model_has_the_owner_that_it_names_before_that_of_its_group(
    tmp_path: Path, models: Models, config: dict[str, Any], owner: str
) -> None:
    project_dir = project(tmp_path, models, groups=GROUPS)
    node = project_dir.manifest["nodes"]["model.project.visits"]
    node |= {"original_file_path": "models/visits.sql", "tags": [], "meta": config.get("meta", {})}
    node |= {"config": node["config"] | config, "group": config["group"]}
    spec = FolderTranslator(project_dir).get_asset_spec(project_dir.manifest, "model.project.visits", None)
    assert list(spec.owners) == [owner]
