"""The product on a data set: its tables, its artifacts and its answers, made by the stages themselves."""

import csv
import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow.csv import read_csv
from pyarrow.parquet import read_table as read_parquet
from rich.console import Console

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import SettingsError
from basemodel_ops.settings import Settings
from basemodel_ops.stages import Workspace, codes, embeddings, encoders, foundation_model, training_examples
from basemodel_ops.stages.features.encoding import categories
from basemodel_ops.warehouse import open_warehouse
from basemodel_ops.warehouse.base import Warehouse
from benchmarks.quality.datasets import ROOT, Dataset
from benchmarks.quality.events import Events, read_events
from dagster_project.lib.demo import load_demo
from dagster_project.lib.project import dbt_environment, dbt_executable, load_project, profiles_directory


def settings_of(dataset: Dataset, home: Path, seed: int = 0) -> Settings:
    """Settings of the product for a data set, with everything it writes below `home`."""
    return Settings.model_validate(
        {"dbt_project_dir": home / "project", "home": home, "seed": seed, **dataset.settings}
    )


def build_tables(dataset: Dataset, settings: Settings) -> None:
    """Lay out the dbt project, load the raw tables and let dbt make and test the rest."""
    lay_project(dataset.projects, settings.dbt_project_dir)
    load_project(settings)
    with open_warehouse(settings) as warehouse:
        load_files(warehouse, dataset.files)
        if ROOT / "dbt" in dataset.projects:
            load_demo(warehouse)
    with dbt_environment(settings):
        done = subprocess.run(
            [dbt_executable(), "--no-use-colors", "build", "--target", settings.target],
            cwd=settings.dbt_project_dir,
            env={**os.environ, "DBT_PROFILES_DIR": str(profiles_directory(settings))},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise RuntimeError(f"dbt build of {dataset.name} failed:\n{done.stdout[-4000:]}")


def lay_project(projects: tuple[Path, ...], target: Path) -> None:
    """Copy dbt projects over each other, above what the product's own project says of warehouses and its macros."""
    for part in ("macros", "tests"):
        shutil.copytree(ROOT / "dbt" / part, target / part, dirs_exist_ok=True)
    shutil.copy(ROOT / "dbt" / "profiles.yml", target)
    for project in projects:
        shutil.copytree(project, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("target", "logs", "marts"))


def load_files(warehouse: Warehouse, files: dict[str, Path]) -> None:
    """Load CSV or Parquet files as raw tables; SettingsError names a file that is neither or not there."""
    typed = dict.fromkeys((".inter", ".item", ".user"), _read_typed)
    readers = {".parquet": read_parquet, ".csv": read_csv, ".txt": _read_columns, **typed}
    for name, path in files.items():
        if path.suffix not in readers or not path.is_file():
            raise SettingsError(f"{path} is no file that ends in one of {', '.join(readers)}.")
        warehouse.load(Relation(schema_name="raw", name=name), _plain(readers[path.suffix](path)))


def _read_columns(path: Path) -> pa.Table:
    """A file of columns between spaces, without a header."""
    frame = pd.read_csv(path, sep=r"\s+", header=None)
    return pa.Table.from_pandas(frame.rename(columns=lambda number: f"column_{number}"), preserve_index=False)


def _read_typed(path: Path) -> pa.Table:
    """A file of columns between tabs, whose header names each with a type (name:token)."""
    frame = pd.read_csv(path, sep="\t", dtype=str, quoting=csv.QUOTE_NONE)
    return pa.Table.from_pandas(frame.rename(columns=lambda name: name.split(":")[0]), preserve_index=False)


def _plain(table: pa.Table) -> pa.Table:
    """Moments in microseconds, as warehouses keep them."""
    moment = pa.timestamp("us")
    types = [moment if pa.types.is_timestamp(field.type) else field.type for field in table.schema]
    return table.cast(pa.schema(list(zip(table.column_names, types, strict=True))))


def open_project(settings: Settings, console: Console) -> Workspace:
    """The workspace of a data set whose tables are built."""
    return Workspace.open(settings, load_project(settings).contract, lambda line: console.print(line, style="dim"))


def pretrain(ws: Workspace) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Everything up to the foundation model; seconds per stage when it was made, and the throughput of the last two."""
    columns = [(event.name, column) for event in ws.contract.events for column in categories(event)]
    reports = {
        "encoders": [encoders(ws, source.name) for source in [*ws.contract.events, *ws.contract.attributes]],
        "vectors": [stage(ws, *column) for column in columns for stage in (embeddings, codes)],
        "training_examples": [training_examples(ws)],
        "foundation_model": [foundation_model(ws)],
    }
    seconds = {name: sum(float(entry.metrics["seconds"]) for entry in created) for name, created in reports.items()}
    examples = reports["training_examples"][0].metrics
    entities = int(examples["entities"])
    folder = ws.settings.home / "artifacts" / "training_examples" / ws.store.current("training_examples").version
    read = sum(path.stat().st_size for path in folder.iterdir())
    fitted = int(examples["pretraining_rows"]) + int(examples["activity_rows"])
    rows = {"training_examples": int(examples["rows"]), "foundation_model": fitted}
    return seconds, {name: throughput(count, entities, read, seconds[name]) for name, count in rows.items()}


def throughput(rows: int, entities: int, size: int, seconds: float) -> dict[str, float]:
    """Rows, entities and bytes a second, of representations that one stage writes and the other reads."""
    result = {"rows": rows, "entities": entities, "bytes": size}
    return {f"{name}_per_second": round(value / max(seconds, 1e-3), 1) for name, value in result.items()}


def pretrained(dataset: Dataset, home: Path, seed: int, console: Console) -> tuple[Workspace, Events, int]:
    """A data set up to its foundation model, with all events of its main source and the end of training."""
    settings = settings_of(dataset, home, seed)
    build_tables(dataset, settings)
    ws = open_project(settings, console)
    pretrain(ws)
    with ws.warehouse() as warehouse:
        return ws, read_events(warehouse, dataset), ws.times(warehouse).training_end
