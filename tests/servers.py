"""Warehouses over a network, on this machine: a PostgreSQL server and a Snowflake server, each on a port of its own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc

START_SECONDS = 60
USER = "basemodel"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_true(holds: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + START_SECONDS
    while not holds():
        assert time.monotonic() < end, f"{otherwise} in {START_SECONDS} s."
        time.sleep(0.1)


def is_open(port: int, process: subprocess.Popen, log: Path) -> bool:
    assert process.poll() is None, f"The server ended with {process.returncode}:\n{log.read_text()[-3000:]}"
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(command: list[str], port: int, log: Path, stop: signal.Signals, user: str | None = None) -> Iterator[None]:
    """A server in a process group of its own, ended whatever happens; where it can be, with this process too."""
    if setpriv := shutil.which("setpriv"):
        command = [setpriv, "--pdeathsig", "KILL", *command]
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True, user=user)
    try:
        await_true(lambda: is_open(port, process, log), f"No server on port {port}")
        yield
    finally:
        if process.poll() is None:
            process.send_signal(stop)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def postgres_binaries() -> Path:
    result = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not result:
        initdb = shutil.which("initdb")
        assert initdb, "PostgreSQL's server is not installed: `make system` installs it."
        return Path(initdb).parent
    return result[-1].parent


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder that every user may enter, with a name short enough for the path of a socket."""
    with tempfile.TemporaryDirectory(prefix="bm-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def database(server: dict[str, str], name: str) -> Iterator[dict[str, str]]:
    """A database of its own on a PostgreSQL server; `PG*` variables of a connection to it."""

    def ask(sql: str) -> None:
        with adbc.connect(uri(server), autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(sql)

    ask(f'create database "{name}"')
    try:
        yield server | {"PGDATABASE": name}
    finally:
        ask(f'drop database "{name}" with (force)')


def uri(variables: dict[str, str]) -> str:
    """libpq's connection string for `PG*` variables."""
    port, base = variables["PGPORT"], variables["PGDATABASE"]
    return f"postgresql://{variables['PGUSER']}@{variables['PGHOST']}:{port}/{base}?connect_timeout=15&options=-c%20timezone%3DUTC"


@contextmanager
def postgres(folder: Path) -> Iterator[dict[str, str]]:
    """A server in `folder`, as a user who is not root; the `PG*` variables of a connection to it."""
    binaries, port, user = postgres_binaries(), free_port(), None
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.getuid() == 0:  # PostgreSQL refuses root
        user = next(name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()})
        shutil.chown(folder, user)
    data = str(folder / "data")
    # Text in the order of its bytes, as DuckDB and Snowflake order it.
    init = [str(binaries / "initdb"), "-D", data, "-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run(init, check=True, capture_output=True, timeout=START_SECONDS, user=user, cwd="/")
    command = [str(binaries / "postgres"), "-D", data, "-p", str(port), "-k", str(folder)]
    command += ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=50"]
    # No power fails here: what a killed process leaves is in the system's memory, and nothing waits for the disk.
    command += ["-c", "fsync=off", "-c", "full_page_writes=off"]
    ready = [str(binaries / "pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-q"]
    with running(command, port, folder.with_suffix(".log"), signal.SIGINT, user):
        # The port is open before the server is ready.
        await_true(lambda: subprocess.run(ready, timeout=30).returncode == 0, "PostgreSQL does not become ready")
        yield {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": USER, "PGDATABASE": "postgres"}


@contextmanager
def snowflake(folder: Path) -> Iterator[dict[str, str]]:
    """fakesnow, Snowflake's protocol over DuckDB in memory; the `SNOWFLAKE_*` variables of a connection to it."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("fakesnow")), "-s", "-p", str(port)]
    with running(command, port, folder.with_suffix(".log"), signal.SIGINT):
        yield {
            "SNOWFLAKE_ACCOUNT": "fakesnow", "SNOWFLAKE_USER": USER, "SNOWFLAKE_PASSWORD": "unchecked",
            "SNOWFLAKE_ROLE": USER, "SNOWFLAKE_DATABASE": "TESTS", "SNOWFLAKE_WAREHOUSE": USER,
            "SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PORT": str(port), "SNOWFLAKE_PROTOCOL": "http",
            "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true",  # dbt's connections need not ask three clouds either
        }  # fmt: skip
