"""The composition keeps its rules: an engine is not asked, the file is read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dagster_project.lib.home import CONFIGURATION

FOLDER = Path(__file__).parents[2] / "docker"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
WAREHOUSE = yaml.safe_load((FOLDER / "compose.warehouse.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ALL = pytest.mark.parametrize("name", SERVICES)


def strings(value: object) -> Iterator[str]:
    """Every text below a value."""
    if isinstance(value, dict):
        for entry in value.values():
            yield from strings(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from strings(entry)
    elif isinstance(value, str):
        yield value


@ALL
def test_a_service_can_neither_write_its_root_nor_gain_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].split(":")[0]) > 0
    assert not {"cap_add", "privileged", "network_mode", "pid", "ipc", "devices"} & service.keys()
    assert "docker.sock" not in str(service)


@ALL
def test_a_service_has_limits_a_health_check_and_bounded_temporary_files(name: str) -> None:
    service = SERVICES[name]
    assert {"cpus", "memory", "pids"} == service["deploy"]["resources"]["limits"].keys()
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["tmpfs"]
    for mount in service["tmpfs"]:
        options = mount.split(":", 1)[1].split(",")
        assert {"nosuid", "nodev"} <= set(options)
        assert any(option.startswith("size=") for option in options)


@ALL
def test_images_of_others_are_pinned_by_digest(name: str) -> None:
    image = SERVICES[name]["image"]
    assert "@sha256:" in image or image == "${BASEMODEL_IMAGE:-localhost/basemodel:cpu}"


def test_ports_are_published_on_loopback_only_and_only_by_webservers() -> None:
    ports = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert {name for name, result in ports.items() if result} == {"webserver", "viewer"}
    assert all(port.startswith("127.0.0.1:") for result in ports.values() for port in result)


def test_storage_code_and_daemon_reach_only_each_other() -> None:
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in ("postgres", "code", "daemon"):
        assert SERVICES[name]["networks"] == ["inside"]


def test_a_service_starts_when_what_it_needs_is_healthy() -> None:
    needs = {name: service.get("depends_on", {}) for name, service in SERVICES.items()}
    assert set(needs["code"]) == {"postgres"}
    for name in ("daemon", "webserver", "viewer"):
        assert set(needs[name]) == {"postgres", "code"}
    assert all(how == {"condition": "service_healthy"} for entry in needs.values() for how in entry.values())


def test_secrets_come_as_files() -> None:
    for document in (COMPOSE, WAREHOUSE):
        for secret in document["secrets"].values():
            assert secret.keys() == {"file"}
        for service in document["services"].values():
            for variable, value in service.get("environment", {}).items():
                if any(word in variable for word in ("PASSWORD", "SECRET", "TOKEN", "KEY")):
                    assert variable.endswith(("_FILE", "_PATH"))
                    assert value.startswith("/run/secrets/")
                    assert value.removeprefix("/run/secrets/") in service["secrets"]


def test_only_the_code_location_holds_the_home_with_the_warehouse() -> None:
    holders = {name for name, service in SERVICES.items() if any(v.startswith("home:") for v in service["volumes"])}
    assert holders == {"code"}
    for name in ("webserver", "viewer"):
        assert "logs:/var/lib/basemodel/logs:ro" in SERVICES[name]["volumes"]


def test_a_viewer_can_only_look() -> None:
    assert "--read-only" in SERVICES["viewer"]["command"]
    assert "--read-only" not in SERVICES["webserver"]["command"]


def test_only_the_code_location_is_given_the_way_to_a_warehouse() -> None:
    assert WAREHOUSE["services"].keys() == {"code"}
    assert all("0.0.0.0" not in text for text in strings(WAREHOUSE))


def test_dagster_in_containers_is_configured_as_elsewhere_but_for_its_storage() -> None:
    given = yaml.safe_load((FOLDER / "dagster.yaml").read_text())
    storage, logs = given.pop("storage"), given.pop("compute_logs")
    assert given == CONFIGURATION
    database = storage["postgres"]["postgres_db"]
    assert database.pop("scheme") == "postgresql+psycopg2"
    assert all(value.keys() == {"env"} for value in database.values())
    assert f"logs:{logs['config']['base_dir']}" in SERVICES["code"]["volumes"]
