"""Any string in the project's YAML is kept as it is, or is a problem that names it."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from basemodel_ops.contract import Contract
from basemodel_ops.errors import BaseModelError, ContractError
from basemodel_ops.names import file_fault

from ..hostile import strings
from ..manifests import hospital, read

examples = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def renamed(value: Any, old: str, new: str) -> Any:
    """The manifest with a name replaced wherever it stands as a whole string or key."""
    if isinstance(value, dict):
        return {renamed(key, old, new): renamed(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, old, new) for item in value]
    return new if value == old else value


ROLES: dict[str, Callable[[Contract], str]] = {
    "visits": lambda contract: contract.events[0].name,
    "clinics": lambda contract: contract.attributes[0].name,
    "patient_id": lambda contract: contract.entity,
    "visited_at": lambda contract: contract.events[0].time,
    "reason": lambda contract: contract.task("reasons_14d").target,
    "clinic_id": lambda contract: contract.attributes[0].key,
    "returns": lambda contract: contract.task("returns_14d").target,
    "main": lambda contract: contract.grid.relation.schema_name,
}


@pytest.mark.parametrize("old", ROLES)
@given(name=strings)
@examples
def test_a_name_is_kept_or_is_a_problem(tmp_path: Path, old: str, name: str) -> None:
    models = hospital()
    assume(name not in json.dumps(models))
    refusal = None
    try:
        contract = read(tmp_path, renamed(models, old, name))
        assert ROLES[old](contract) == name
    except BaseModelError as error:
        refusal = str(error)
    if refusal is not None:
        assert repr(name) in refusal or name in refusal
        assert file_fault(name, 120), "a name without a fault was refused"


@given(purpose=strings)
@examples
def test_a_purpose_is_words_and_nothing_else(tmp_path: Path, purpose: str) -> None:
    models = hospital()
    models["visits"]["columns"]["cost"]["config"] = {"meta": {"basemodel": {"pii": True, "purpose": purpose}}}
    result = None
    with contextlib.suppress(ContractError):
        (item,) = read(tmp_path, models).personal
        result = item.purpose
    if result is None:
        assert not purpose.strip() or len(purpose.strip()) > 500 or "\\ud" in ascii(purpose)
    else:
        assert result.strip() == purpose.strip()
