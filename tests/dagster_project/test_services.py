"""The parts of a deployment: what each is started with, and what asking after one says."""

from pathlib import Path

import pytest
import yaml

from basemodel_ops.errors import SettingsError
from basemodel_ops.settings import Settings
from dagster_project.lib.health import HealthError, check_health
from dagster_project.lib.services import daemon_arguments, webserver_arguments

from ..servers import free_port


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DAGSTER_HOME", "set by the service")
    return Settings(home=tmp_path)


def test_webserver_and_daemon_load_no_code_but_ask_the_code_location(settings: Settings) -> None:
    for arguments in (
        webserver_arguments(settings, "code:4000", "127.0.0.1", 3000, False),
        daemon_arguments(settings, "code:4000"),
    ):
        workspace = yaml.safe_load(Path(arguments[arguments.index("-w") + 1]).read_text())
        server = {"host": "code", "port": 4000, "location_name": "basemodel"}
        assert workspace == {"load_from": [{"grpc_server": server}]}


def test_only_a_viewer_is_read_only(settings: Settings) -> None:
    assert "--read-only" in webserver_arguments(settings, "code:4000", "127.0.0.1", 3000, True)
    assert "--read-only" not in webserver_arguments(settings, "code:4000", "127.0.0.1", 3000, False)


@pytest.mark.parametrize("code", ["code", "4000", "code:", ":4000", "code:http"])
def test_an_address_without_its_port_is_refused(settings: Settings, code: str) -> None:
    with pytest.raises(SettingsError, match="HOST:PORT"):
        daemon_arguments(settings, code)


def test_a_part_that_does_not_answer_is_unwell_and_says_how_to_start_it(settings: Settings) -> None:
    with pytest.raises(HealthError, match="basemodel serve webserver"):
        check_health(settings, "webserver", free_port())
    with pytest.raises(SettingsError, match="There are: home, code, webserver, daemon"):
        check_health(settings, "database", None)
