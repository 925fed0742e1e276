"""What a command does not need is not loaded: orchestrator, dbt and learners cost ten seconds a start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from basemodel_ops.settings import Settings
from dagster_project.lib.project import load_project

HEAVY = (
    "dagster", "dagster_dbt", "dbt", "torch", "cupy", "numba", "lightgbm", "sklearn", "scipy", "matplotlib", "pandas",
    "great_expectations", "snowflake",
)  # fmt: skip

PROGRAM = """
import json, sys
from dagster_project.cli.app import app
app(sys.argv[1:], standalone_mode=False)
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return load_project(Settings(home=tmp_path_factory.mktemp("home"))).settings.home


def loaded(home: Path, *arguments: str, **variables: str) -> set[str]:
    """Packages that a command loads in a fresh interpreter."""
    environment = {**os.environ, "BASEMODEL_HOME": str(home), **variables}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize("command", [("contract",), ("contract", "--json"), ("audit", "verify")])
def test_commands_that_only_read_load_nothing_heavy(home: Path, command: tuple[str, ...]) -> None:
    assert not loaded(home, *command) & set(HEAVY)


KERNELS = {"numba", "scipy", "pandas"}
"""A workspace may load the kernels: numba loads scipy, and Arrow loads pandas."""


def test_the_list_of_models_loads_no_learner(home: Path) -> None:
    assert not loaded(home, "models") & (set(HEAVY) - KERNELS)


def test_the_contract_needs_no_warehouse(home: Path) -> None:
    assert not loaded(home, "contract") & {"pyarrow", "sqlglot", "duckdb", "numpy", "fsspec"}
