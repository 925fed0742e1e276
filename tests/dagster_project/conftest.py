"""Runs of the main job on small dbt projects."""

import io
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from basemodel_ops.settings import Settings
from dagster_project.cli.execution import run_main_job

from ..networks import loopback_only
from ..sharing import own_dbt

VISITS = Path(__file__).parents[1] / "projects" / "visits"


@dataclass(frozen=True)
class Run:
    """What a run of the main job printed, and where it left its tables and artifacts."""

    settings: Settings
    printed: str
    secrets: tuple[str, ...] = ()
    """Names of the environment variables with a secret that were set during the run."""
    interfaces: tuple[str, ...] = ()
    """The network that there was, where the run was to have one of its own."""

    def rows(self, query: str) -> list[tuple]:
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return connection.execute(query).fetchall()

    @property
    def artifacts(self) -> dict[str, bytes]:
        """Content of every file of every artifact, without the version in its path."""
        root = self.settings.home / "artifacts"
        files = (path for path in root.rglob("*") if path.is_file() and path.suffix in (".safetensors", ".parquet"))
        return {f"{path.parent.parent.relative_to(root)}/{path.name}": path.read_bytes() for path in files}


PASSWORD, KEY = "canary-p@ss'w0rd-7f3a", "Q0FOQVJZLUtFWS03ZjNh"
"""Secrets of other warehouses, set in every run on DuckDB: they must not appear anywhere."""


def secrets(folder: Path) -> dict[str, str]:
    """Environment variables with a password, and with a private key as text and as a file."""
    text = f"-----BEGIN PRIVATE KEY-----\n{KEY * 3}\n-----END PRIVATE KEY-----\n"
    path = folder / "key.p8"
    path.write_text(text)
    return {
        "SNOWFLAKE_PASSWORD": PASSWORD,
        "SNOWFLAKE_PRIVATE_KEY": text,
        "SNOWFLAKE_PRIVATE_KEY_PATH": str(path),
        "PGPASSWORD": PASSWORD,
    }


SMALL = {"hidden": 32, "epochs": 1, "pretraining_rows": 2000, "activity_rows": 2000, "horizons": (7, 14, 28)}
"""Settings of models that are learnt in seconds."""

RunJob = Callable[..., Run]


@pytest.fixture(scope="session")
def run_job(tmp_path_factory: pytest.TempPathFactory) -> RunJob:
    """Runs the main job of a dbt project, in a home of its own unless one is given."""
    unused, keys = tmp_path_factory.mktemp("unused"), secrets(tmp_path_factory.mktemp("keys"))

    def run(project: Path, as_of: str | None = None, home: Path | None = None) -> Run:
        settings = Settings(dbt_project_dir=project, home=home or tmp_path_factory.mktemp("home"))
        settings = settings.model_copy(update=SMALL)
        out = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", str(unused))
            for name, value in keys.items() if settings.target == "duckdb" else ():
                patch.setenv(name, value)
            run_main_job(settings, (), as_of, Console(file=out, width=200))
            described = tuple(name for name, value in keys.items() if os.environ.get(name) == value)
        return Run(settings, out.getvalue(), described)

    return run


@pytest.fixture(scope="session")
def visits(run_job: RunJob) -> Run:
    """The main job on another domain: patients, clinics, one event source, one task. It has no network but loopback."""
    with loopback_only() as interfaces, own_dbt():
        return replace(run_job(VISITS), interfaces=interfaces)


@pytest.fixture
def edited(tmp_path: Path) -> Callable[[str, str, str], Path]:
    """A copy of the project of visits in which one text of a file is replaced."""

    def edit(file: str, old: str, new: str) -> Path:
        copy = tmp_path / "project"
        shutil.copytree(VISITS, copy, ignore=shutil.ignore_patterns("target", "logs"))
        text = (copy / file).read_text()
        assert old in text
        (copy / file).write_text(text.replace(old, new))
        return copy

    return edit
