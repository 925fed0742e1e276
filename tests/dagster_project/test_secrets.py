"""A password and a private key are in the environment, and nowhere else: on runs that succeed and on runs that fail."""

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from .conftest import KEY, PASSWORD, VISITS, Run, secrets

BASEMODEL = Path(sys.executable).with_name("basemodel")
ACCOUNT = {
    "SNOWFLAKE_ACCOUNT": "acme", "SNOWFLAKE_USER": "reader", "SNOWFLAKE_ROLE": "reader",
    "SNOWFLAKE_DATABASE": "shop", "SNOWFLAKE_WAREHOUSE": "small",
}  # fmt: skip


def secrets_in(text: bytes | str) -> list[str]:
    data = text if isinstance(text, bytes) else text.encode()
    return [secret for secret in (PASSWORD, KEY) if secret.encode() in data]


def leaks(home: Path) -> list[str]:
    """Files under the home that hold a secret: warehouse, artifacts, manifests, dbt's and Dagster's own."""
    files = [path for path in home.rglob("*") if path.is_file()]
    return [str(path.relative_to(home)) for path in files if secrets_in(path.read_bytes())]


def test_a_run_that_succeeds_leaves_no_secret_anywhere(visits: Run) -> None:
    assert {"SNOWFLAKE_PASSWORD", "SNOWFLAKE_PRIVATE_KEY"} <= set(visits.secrets), "the run had no secret to tell"
    assert len([path for path in visits.settings.home.rglob("*") if path.is_file()]) > 50
    assert leaks(visits.settings.home) == []
    assert secrets_in(visits.printed) == []


class Refusing(BaseHTTPRequestHandler):
    """A Snowflake that lets nobody in, and keeps what it was sent."""

    sent: bytes = b""

    def do_POST(self) -> None:
        type(self).sent += gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
        answer = b'{"data": {}, "code": "390100", "message": "Incorrect username or password.", "success": false}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def refusing() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrets") / "home"


def command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:  # it ended while we looked
            continue


@pytest.mark.parametrize("means", ["password", "private key"])
def test_a_run_that_cannot_log_in_tells_no_secret(means: str, refusing: int, home: Path, tmp_path: Path) -> None:
    given = secrets(tmp_path)
    if means == "password":
        del given["SNOWFLAKE_PRIVATE_KEY_PATH"], given["SNOWFLAKE_PRIVATE_KEY"]
    else:
        del given["SNOWFLAKE_PASSWORD"], given["SNOWFLAKE_PRIVATE_KEY"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SNOWFLAKE_", "PG"))}
    environment |= ACCOUNT | given | {
        "SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PORT": str(refusing), "SNOWFLAKE_PROTOCOL": "http",
        "BASEMODEL_TARGET": "snowflake", "BASEMODEL_HOME": str(home), "BASEMODEL_DBT_PROJECT_DIR": str(VISITS),
    }  # fmt: skip
    seen: list[str] = []
    with subprocess.Popen(
        [str(BASEMODEL), "run"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                seen.extend(secret for line in command_lines() for secret in secrets_in(line))

        watcher = threading.Thread(target=watch)
        watcher.start()
        out, err = process.communicate(timeout=120)
        done.set()
        watcher.join()
    assert process.returncode == 1, out + err
    assert (secrets_in(out), secrets_in(err), seen) == ([], [], [])
    assert leaks(home) == []
    if means == "password":
        assert PASSWORD.encode() in Refusing.sent, "the password was not even tried"
