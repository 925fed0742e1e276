"""Dagster's own directory, under the project's home."""

import os
from pathlib import Path

import yaml

from basemodel_ops.errors import SettingsError
from basemodel_ops.secret_files import read_secret_files
from basemodel_ops.settings import Settings
from dagster_project.lib.storage import quicken

GIVEN = "BASEMODEL_DAGSTER_YAML"
"""Names a dagster.yaml that is used instead of the one below, for example one with PostgreSQL as storage."""

CONFIGURATION = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},  # no invitation in front of the graph
    # One process at a time may hold a DuckDB file, dbt's included.
    "concurrency": {"runs": {"max_concurrent_runs": 1}},
    # A crash of the process escapes a step's own retries.
    "run_monitoring": {"enabled": True, "free_slots_after_run_end_seconds": 60},
    "run_retries": {"enabled": True, "max_retries": 1, "retry_on_asset_or_op_failure": False},
}


def ensure_dagster_home(settings: Settings) -> Path:
    """Create the directory with its dagster.yaml, kept when there is one, and point DAGSTER_HOME at it."""
    quicken()
    home = (settings.home / "dagster").resolve()
    home.mkdir(parents=True, exist_ok=True)
    configuration = home / "dagster.yaml"
    if given := os.environ.get(GIVEN):
        if not Path(given).is_file():
            raise SettingsError(f"{GIVEN} names {given}, and there is no such file. Mount it there, or unset {GIVEN}.")
        configuration.write_text(Path(given).read_text())
        read_secret_files(os.environ, "dagster")
    elif not configuration.exists():
        configuration.write_text(yaml.safe_dump(CONFIGURATION, sort_keys=False))
    os.environ["DAGSTER_HOME"] = str(home)
    return home
