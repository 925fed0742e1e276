"""The kernels run where the warehouse, the tables and the reports are not installed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BLOCKED = (
    "duckdb", "snowflake", "sqlglot", "pydantic", "pandas", "sklearn", "lightgbm", "matplotlib", "great_expectations",
    "dagster", "dbt",
)  # fmt: skip

IMPORT = """
import importlib.abc, sys

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[2].split(","):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Block())
__import__(sys.argv[1])
"""


def import_alone(module: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", IMPORT, module, ",".join(BLOCKED)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("package", ["cleora", "emde", "foundation"])
def test_the_kernels_import_on_a_bare_machine(package: str) -> None:
    done = import_alone(f"basemodel_ops.{package}")
    assert done.returncode == 0, done.stderr


def test_what_is_blocked_cannot_be_imported() -> None:
    done = import_alone("basemodel_ops.warehouse.duckdb")
    assert done.returncode == 1
    assert "is blocked" in done.stderr
