"""`python -m docker.services IMAGE`: the composition's processes in an image, on loopback, and a run through them.

An engine's networks, limits and start order are not here. What is: the commands of compose.yaml, the secret as a file,
storage in PostgreSQL, a run that goes from the webserver through the daemon's queue to the code location, and a viewer.
"""

import json
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from docker.sandbox import Mounted, Sandbox

FOLDER = Path(__file__).parent
PROJECT = FOLDER.parent / "tests" / "projects" / "visits"
SECRET = "/run/secrets/dagster_pg_password"
START_SECONDS, RUN_SECONDS = 300, 900
VARIABLES = {
    "BASEMODEL_DAGSTER_YAML": "/run/basemodel/dagster.yaml",
    "DAGSTER_PG_HOST": "127.0.0.1",
    "DAGSTER_PG_USER": "dagster",
    "DAGSTER_PG_DATABASE": "dagster",
    "DAGSTER_PG_PASSWORD_FILE": SECRET,
    "BASEMODEL_HIDDEN": "32",
    "BASEMODEL_PRETRAINING_ROWS": "2000",
}
PARTS = {
    "code": (["serve", "code"], ["health", "code"]),
    "daemon": (["serve", "daemon"], ["health", "daemon"]),
    "webserver": (["serve", "webserver"], ["health", "webserver"]),
    "viewer": (["serve", "webserver", "--port", "3001", "--read-only"], ["health", "webserver", "--port", "3001"]),
}
LAUNCH = """mutation($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
    ... on UnauthorizedError { message } ... on RunConfigValidationInvalid { errors { message } } } }"""
STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } ... on PythonError { message } } }"


def ask(port: int, query: str, variables: dict[str, Any] | None = None) -> Any:
    """What a webserver's GraphQL answers."""
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json", "X-Requested-With": "check"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"]


def launch(port: int, partition: str) -> dict[str, Any]:
    """Ask a webserver for a run of the main job."""
    parameters = {
        "selector": {
            "repositoryLocationName": "basemodel", "repositoryName": "__repository__", "pipelineName": "main_job",
        },
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": partition}]},
    }  # fmt: skip
    return ask(port, LAUNCH, {"parameters": parameters})["launchRun"]


@contextmanager
def storage(folder: Path, password: str) -> Iterator[None]:
    """A PostgreSQL server of this machine, which asks for the password."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
    user = next(name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()})
    data, words = folder / "storage", folder / "words"
    words.write_text(password)
    words.chmod(0o644)
    data.mkdir(mode=0o700)
    shutil.chown(data, user)
    init = [str(binaries / "initdb"), "-D", str(data), "-U", "dagster", "-A", "scram-sha-256", f"--pwfile={words}"]
    subprocess.run([*init, "--no-sync"], check=True, capture_output=True, user=user, cwd="/")
    server = [str(binaries / "postgres"), "-D", str(data), "-k", str(data), "-c", "listen_addresses=127.0.0.1"]
    process = subprocess.Popen(server, user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1"]
        await_true("PostgreSQL", lambda: subprocess.run(ready).returncode == 0)
        made = [str(binaries / "createdb"), "-h", "127.0.0.1", "-U", "dagster", "dagster"]
        subprocess.run(made, check=True, env={**os.environ, "PGPASSWORD": password}, cwd="/")
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def part(name: str, sandbox: Sandbox, log: Path) -> Iterator[None]:
    """A service, started and healthy."""
    serve, health = PARTS[name]
    with log.open("w") as file:
        process = subprocess.Popen(sandbox.command(["basemodel", *serve]), stdout=file, stderr=file)
    begun = time.monotonic()
    try:

        def is_healthy() -> bool:
            if process.poll() is not None:
                raise SystemExit(f"FAIL  {name} ended with {process.returncode}: {log.read_text()[-3000:]}")
            return sandbox.product(*health).returncode == 0

        await_true(name, is_healthy, log)
        print(f"pass  {name} is healthy  {time.monotonic() - begun:.0f} s", flush=True)
        yield
    finally:
        process.terminate()
        process.wait(60)


def await_true(what: str, holds: Callable[[], bool], log: Path | None = None, seconds: float = START_SECONDS) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"FAIL  {what}, in {seconds:.0f} s. {log.read_text()[-3000:] if log else ''}")
        time.sleep(1)


def check(root: Path, configuration: Mapping[str, Any], folder: Path) -> None:
    """Start all, run once, look once."""
    password, mounts = secrets.token_hex(16), [(FOLDER / "dagster.yaml", "/run/basemodel/dagster.yaml")]
    (folder / "secret").write_text(password)
    mounts += [(folder / "secret", SECRET), (PROJECT, "/srv/basemodel/dbt")]
    with ExitStack() as stack:
        stack.enter_context(storage(folder, password))
        for name in PARTS:
            home = folder / name
            home.mkdir(mode=0o700)
            os.chown(home, 10001, 10001)
            sandbox = Sandbox(root, configuration, home, is_alone=False, mounts=tuple(mounts), environment=VARIABLES)
            stack.enter_context(part(name, sandbox, folder / f"{name}.log"))
        refused = launch(3001, "2024-09-30")
        if refused["__typename"] != "UnauthorizedError":
            raise SystemExit(f"FAIL  the viewer started a run: {refused}")
        print("pass  the viewer may not start a run", flush=True)
        begun, launched = time.monotonic(), launch(3000, "2024-09-30")
        if launched["__typename"] != "LaunchRunSuccess":
            raise SystemExit(f"FAIL  the webserver did not start a run: {launched}")
        run = launched["run"]["runId"]

        def is_over() -> bool:
            return ask(3001, STATUS, {"id": run})["runOrError"]["status"] in ("SUCCESS", "FAILURE", "CANCELED")

        await_true("the run ends", is_over, folder / "daemon.log", RUN_SECONDS)
        status = ask(3001, STATUS, {"id": run})["runOrError"]["status"]
        said = (folder / "code.log").read_text()[-3000:] if status != "SUCCESS" else ""
        print(
            f"{'pass' if not said else 'FAIL'}  a run through queue and code location: {status}, seen by the viewer, "
            f"{time.monotonic() - begun:.0f} s\n{said}",
            flush=True,
        )
        if said:
            raise SystemExit(1)


def main() -> None:
    """Check in a network of its own."""
    if "--alone" not in sys.argv:
        alone = ["bwrap", "--unshare-net", "--unshare-pid", "--die-with-parent", "--cap-add", "ALL"]
        alone += ["--dev-bind", "/", "/", "--proc", "/proc"]
        with Mounted(sys.argv[1]) as mounted:
            files = json.dumps({"root": str(mounted.root), "configuration": mounted.configuration})
            sys.exit(subprocess.run([*alone, sys.executable, "-m", "docker.services", files, "--alone"]).returncode)
    with tempfile.TemporaryDirectory(prefix="services-") as name:
        Path(name).chmod(0o755)
        files = json.loads(sys.argv[1])
        check(Path(files["root"]), files["configuration"], Path(name))


if __name__ == "__main__":
    main()
