"""Settings that must stand before numerical libraries load, and the servers that several suites talk to."""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dagster_project.lib.threads import calm_threads

from . import servers

if TYPE_CHECKING:
    from xdist.scheduler import LoadFileScheduling

# Tests run beside other work, on few cores.
calm_threads()
# Every test compiles what it needs; compiling all of it beside would take their cores.
os.environ.setdefault("BASEMODEL_COMPILE_AHEAD", "false")


LONGEST = (
    "dagster_project/test_demo_job", "dagster_project/test_warehouses", "dagster_project/", "basemodel_ops/stages/",
    "faults/", "basemodel_ops/warehouse/", "foreign/", "benchmarks/", "dbt_models/",
)  # fmt: skip
"""Where the tests are that take longest, which therefore begin first; of what one names, files go by name."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where processes share the files of tests, what takes longest comes first, so that none is left with it alone."""
    if hasattr(config, "workerinput"):
        root = Path(__file__).parent

        def turn(item: pytest.Item) -> int:
            name = str(item.path.relative_to(root))
            return next((n for n, prefix in enumerate(LONGEST) if name.startswith(prefix)), len(LONGEST))

        items.sort(key=turn)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> "LoadFileScheduling | None":
    """A process runs all tests of a file; and of the files that look at one run of a project, all of them."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    @cache
    def home(file: str) -> str:
        """What is made once for the tests of this file."""
        if re.search(r'\bvisits: "?Run\b', (config.rootpath / file).read_text()):
            return "visits"
        return str(Path(file).parent) if "tests/dbt_models/" in file else file

    class ByHome(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return home(super()._split_scope(nodeid))

    return ByHome(config, log)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module", autouse=True)
def loaded_is_kept() -> None:
    """Each stage begins with a collection of garbage, which need not look at all tests and what those before loaded."""
    from basemodel_ops.memory import keep, release

    release()
    keep()


@pytest.fixture(scope="session", autouse=True)
def no_wait_for_the_disk() -> Iterator[None]:
    """No power fails here: a process that is killed leaves what it wrote to the system, synced or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def dbt_is_ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each process of tests loads dbt once, and a dbt project is parsed by one of them."""
    from .sharing import dbt_loaded_once, parsed_once, shared_folder

    with dbt_loaded_once(), parsed_once(shared_folder(tmp_path_factory) / "parsed"):
        yield


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
