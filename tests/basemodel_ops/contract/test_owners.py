"""Owners are those that a model or its group of dbt names."""

from pathlib import Path
from typing import Any

import pytest

from basemodel_ops.contract.owners import owners

from ..manifests import hospital, read

GROUPS = {
    "group.shop.money": {"name": "money", "owner": {"name": "Finance", "email": "money@shop.example"}},
    "group.shop.growth": {"name": "growth", "owner": {"name": "Growth"}},
}


def node(**config: Any) -> dict[str, Any]:
    return {"resource_type": "model", "schema": "tasks", "name": "lapse", "config": config}


@pytest.mark.parametrize(
    ("config", "result"),
    [
        ({}, ()),
        ({"meta": {"owner": "Planning"}}, ("Planning",)),
        ({"meta": {"owner": ["Planning", "a@shop.example"]}}, ("Planning", "a@shop.example")),
        ({"meta": {"owner": {"name": "A", "email": "a@shop.example"}}}, ("a@shop.example",)),
        ({"group": "money"}, ("money@shop.example",)),
        ({"group": "growth"}, ("Growth",)),
        ({"group": "growth", "meta": {"owner": "Planning"}}, ("Planning",)),
        ({"group": "growth", "meta": {"owner": " "}}, ("Growth",)),
        ({"meta": {"owner": 7}}, ()),
    ],
)
def test_a_model_names_its_owner_before_its_group(config: dict[str, Any], result: tuple[str, ...]) -> None:
    manifest = {"nodes": {"model.shop.lapse": node(**config)}, "groups": GROUPS}
    assert owners(manifest) == ({"tasks.lapse": result} if result else {})


def test_the_fingerprint_does_not_depend_on_owners(tmp_path: Path) -> None:
    before, models = read(tmp_path, hospital()), hospital()
    for entry in models.values():
        entry["config"]["meta"]["owner"] = "Planning"
    after = read(tmp_path, models)
    assert before.owners == {}
    assert set(after.owners.values()) == {("Planning",)}
    assert after.fingerprint == before.fingerprint
    assert after.tasks == before.tasks
