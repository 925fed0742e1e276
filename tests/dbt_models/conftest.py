import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from dagster_project.lib import project
from dagster_project.lib.demo import to_arrow

from .raw import raw_tables

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def raw() -> dict[str, pd.DataFrame]:
    return raw_tables(seed=0)


@dataclass(frozen=True)
class Project:
    """The dbt project over a warehouse of its own."""

    home: Path

    @property
    def warehouse(self) -> Path:
        return self.home / "warehouse.duckdb"

    def build(self, *arguments: str) -> None:
        command = [project.dbt_executable(), "build", *arguments]  # one that is loaded already
        command += ["--project-dir", "dbt", "--profiles-dir", "dbt"]
        command += ["--target-path", str(self.home / "target"), "--log-path", str(self.home / "logs")]
        environment = os.environ | {"BASEMODEL_WAREHOUSE_PATH": str(self.warehouse), "BASEMODEL_TARGET": "duckdb"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout


@pytest.fixture(scope="session")
def built(raw: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after a build of all models but the marts, tests and unit tests included."""
    result = Project(tmp_path_factory.mktemp("dbt"))
    with duckdb.connect(str(result.warehouse)) as connection:
        connection.execute("create schema raw")
        for name, frame in raw.items():
            connection.register("arrow", to_arrow(frame))
            connection.execute(f"create table raw.{name} as select * from arrow")
            connection.unregister("arrow")
    result.build("--exclude", "source:basemodel+")
    return result
