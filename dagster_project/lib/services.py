"""The parts of a Dagster deployment, each a process of its own, for containers and systemd: `basemodel serve`."""

import os
import sys
from pathlib import Path

import yaml

from basemodel_ops.errors import SettingsError
from basemodel_ops.settings import Settings
from dagster_project.lib.home import ensure_dagster_home
from dagster_project.lib.surroundings import check_surroundings

LOCATION = "basemodel"


def code_arguments(settings: Settings, host: str, port: int) -> list[str]:
    """What starts the code location: the one part that runs jobs, and so the one that opens the warehouse."""
    from dagster_project.lib.project import load_project

    load_project(settings)  # so that mistakes in the contract show here, not inside the UI
    ensure_dagster_home(settings)
    module = ["-m", "dagster_project.definitions", "--location-name", LOCATION]
    return ["dagster", "code-server", "start", *module, "-h", host, "-p", str(port)]


def webserver_arguments(settings: Settings, code: str, host: str, port: int, is_viewer: bool) -> list[str]:
    """What starts the UI; a viewer can start and change nothing."""
    viewer = ["--read-only"] if is_viewer else []
    return ["dagster_webserver", "-w", str(workspace(settings, code)), "-h", host, "-p", str(port), *viewer]


def daemon_arguments(settings: Settings, code: str) -> list[str]:
    """What starts the daemon: schedules, sensors, and the queue that holds one run at a time."""
    return ["dagster._daemon", "run", "-w", str(workspace(settings, code))]


def workspace(settings: Settings, code: str) -> Path:
    """A workspace.yaml that names the code location, in Dagster's home."""
    host, _, port = code.rpartition(":")
    if not host or not port.isdecimal():
        raise SettingsError(f"The code location is {code!r}. Write HOST:PORT, for example 127.0.0.1:4000.")
    check_surroundings(settings)
    path = ensure_dagster_home(settings) / "workspace.yaml"
    server = {"host": host, "port": int(port), "location_name": LOCATION}
    path.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
    return path


def become(arguments: list[str]) -> None:
    """Go on as a module of this Python under the same process id, so that signals reach it."""
    os.execv(sys.executable, [sys.executable, "-m", *arguments])
