"""Settings that must stand before numerical libraries load, and the servers that several suites talk to."""

import os
from collections.abc import Iterator

import pytest

from . import servers

# Threads that wait without spinning: tests run beside other work, on few cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Every test compiles what it needs; compiling all of it beside would take their cores.
os.environ.setdefault("BASEMODEL_COMPILE_AHEAD", "false")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where processes share the files of tests, those that run the job come first: they take longest."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: (item.path not in slow, "dagster_project" not in item.path.parts))


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """`PG*` variables of a PostgreSQL server that lives as long as the tests."""
    with servers.short_folder() as folder, servers.postgres(folder / "postgres") as variables:
        yield variables


@pytest.fixture(scope="session")
def snowflake_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """`SNOWFLAKE_*` variables of a fakesnow server that lives as long as the tests."""
    with servers.snowflake(tmp_path_factory.mktemp("snowflake") / "server") as variables:
        yield variables
