"""Whether a part of a deployment is well, asked from inside its container."""

import subprocess
import sys
import urllib.error
import urllib.request

from basemodel_ops.errors import BaseModelError, SettingsError
from basemodel_ops.settings import Settings
from dagster_project.lib.home import ensure_dagster_home
from dagster_project.lib.surroundings import check_project

PORTS = {"code": 4000, "webserver": 3000}
SECONDS = 10


class HealthError(BaseModelError):
    """A part of a deployment does not answer as it should."""


def check_health(settings: Settings, part: str, port: int | None) -> None:
    """HealthError if the part does not answer; without a part, SettingsError if no run could begin."""
    if part == "home":
        check_project(settings)
    elif part == "webserver":
        _answers(f"http://127.0.0.1:{port or PORTS[part]}/server_info")
    elif part == "code":
        _succeeds(part, "dagster", "api", "grpc-health-check", "-h", "127.0.0.1", "-p", str(port or PORTS[part]))
    elif part == "daemon":
        ensure_dagster_home(settings)
        _succeeds(part, "dagster._daemon", "liveness-check")
    else:
        raise SettingsError(f"No part {part!r}. There are: home, code, webserver, daemon.")


def _answers(url: str) -> None:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS):
            return
    except (urllib.error.URLError, TimeoutError) as error:
        raise HealthError(f"{url} does not answer: {error}. Is `basemodel serve webserver` running?") from error


def _succeeds(part: str, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True)
    if done.returncode:
        output = (done.stdout + done.stderr).strip()[-500:]
        raise HealthError(f"{part} is not well: {output or 'it does not answer'}. Is `basemodel serve {part}` running?")
