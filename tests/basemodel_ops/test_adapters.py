"""The table of kinds of warehouses: complete, and what a kind lacks is said before anything is opened."""

from importlib.util import find_spec
from typing import get_args

import pytest

from basemodel_ops import adapters
from basemodel_ops.adapters import ADAPTERS, Adapter, AdapterName, check_adapter
from basemodel_ops.errors import SettingsError
from basemodel_ops.secret_files import read_secret_files


def test_every_name_of_a_kind_has_its_entry_and_its_module() -> None:
    assert tuple(ADAPTERS) == get_args(AdapterName)
    for adapter in ADAPTERS.values():
        assert find_spec(f"basemodel_ops.warehouse.{adapter.warehouse.partition(':')[0]}") is not None


def test_a_client_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(adapters.ADAPTERS, "bigquery", Adapter("x:Y", "nowhere", client="nothing_of_this.name"))
    with pytest.raises(SettingsError, match=r"pip install 'basemodel-ops\[bigquery\]'"):
        check_adapter("bigquery", {})


def test_missing_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(adapters.ADAPTERS, "bigquery", Adapter("x:Y", "nowhere", required=("ONE", "TWO", "THREE")))
    with pytest.raises(SettingsError, match=r"missing: ONE, THREE\. Set them") as refused:
        check_adapter("bigquery", {"TWO": "secret", "ONE": ""})
    assert "secret" not in str(refused.value)
    check_adapter("bigquery", {"ONE": "1", "TWO": "2", "THREE": "3"})


def test_a_project_of_bigquery_has_a_location(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "_is_installed", lambda _: True)
    with pytest.raises(SettingsError, match=r"missing: BIGQUERY_LOCATION\."):
        check_adapter("bigquery", {"GOOGLE_CLOUD_PROJECT": "shop"})


def test_a_file_of_credentials_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match="GOOGLE_APPLICATION_CREDENTIALS names the secret file /nowhere"):
        read_secret_files({"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere/key.json"}, "bigquery")
