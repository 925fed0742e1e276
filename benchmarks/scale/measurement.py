"""The steps one after another, each in a process of its own, and what they brought."""

import argparse
import json
import math
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from basemodel_ops.settings import Settings
from benchmarks.measure import apart
from benchmarks.scale.generation import Size
from benchmarks.scale.project import SHOP, Kind, careers, lay
from benchmarks.scale.watching import children_seconds, watched
from dagster_project.lib.project import dbt_environment, dbt_executable, profiles_directory


def measured(size: Size, home: Path, chosen: argparse.Namespace, steps: tuple[str, ...]) -> dict[str, Any]:
    """Make the data, then build, train and score until a step fails."""
    kind = careers(chosen.sources) if chosen.sources else SHOP
    settings = Settings.model_validate({"dbt_project_dir": home / "project", "home": home})
    result: dict[str, Any] = {
        "kind": kind.name, "entities": size.entities, "weeks": size.weeks, "cutoffs": size.cutoffs, "events": 0,
        "memory": chosen.memory or None, "duckdb_memory": chosen.duckdb_memory, "dbt_memory": chosen.dbt_memory,
    }  # fmt: skip
    result["generate"] = _generated(kind, size, settings, chosen.dbt_memory)
    result["events"] = result["generate"]["events"]
    lay(kind, size, settings)
    environment = _environment(settings, home, chosen)
    for step in steps[1:]:
        command = _command(step, settings)
        if command is None:  # `run` has scored too
            continue
        folder = settings.dbt_project_dir if step == "dbt" else home
        result[step] = watched(command, environment, folder, home)
        if step == "dbt":
            result[step]["stages"] = _models(settings)
        result[step]["warehouse_mb"] = _file_mb(settings)
        if "error" in result[step]:
            sys.stderr.write(f"{result[step]['command']} failed: {result[step]['error']}\n")
            break
    result["metrics"] = metrics(home / "artifacts")
    return result


def _generated(kind: Kind, size: Size, settings: Settings, memory: str) -> dict[str, Any]:
    """Raw tables; those of a kept home stay if they were made for the same sizes."""
    arguments = {**asdict(size), **({"sources": kind.sources} if kind.sources else {})}
    path, record = settings.warehouse_path, settings.home / "generated.json"
    if record.exists() and path.exists():
        kept = json.loads(record.read_text())
        if kept["arguments"] == arguments:
            return {**kept["found"], "reused": True}
    record.unlink(missing_ok=True)
    for file in (path, path.with_suffix(".duckdb.wal")):
        file.unlink(missing_ok=True)
    before = children_seconds()
    created = apart(kind.generator, path=str(path), memory=memory, **arguments)
    spent = {
        "seconds": round(created["seconds"], 1), "cpu_seconds": round(children_seconds() - before, 1),
        "peak_mb": round(created["peak_mb"], 1), "warehouse_mb": _file_mb(settings),
    }  # fmt: skip
    result = {**spent, **created["result"]}
    record.write_text(json.dumps({"arguments": arguments, "found": result}))
    return result


def _models(settings: Settings) -> dict[str, dict[str, float]]:
    """Seconds of each dbt model and test, from what dbt writes at the end."""
    path = settings.manifest_path.with_name("run_results.json")
    results = json.loads(path.read_text())["results"] if path.exists() else []
    return {entry["unique_id"]: {"seconds": round(entry["execution_time"], 2)} for entry in results}


def _file_mb(settings: Settings) -> float:
    return round(settings.warehouse_path.stat().st_size / 2**20, 1)


def _environment(settings: Settings, home: Path, chosen: argparse.Namespace) -> dict[str, str]:
    """Variables of all commands; temporary files lie in the home, where they are measured."""
    temporary = home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    with dbt_environment(settings):
        values = dict(os.environ)
    values |= {
        "DBT_PROFILES_DIR": str(profiles_directory(settings)), "BENCHMARK_DBT_MEMORY": chosen.dbt_memory,
        "BASEMODEL_DBT_PROJECT_DIR": str(settings.dbt_project_dir), "BASEMODEL_HOME": str(home),
        "BASEMODEL_DUCKDB_MEMORY": chosen.duckdb_memory, "BASEMODEL_SEED": str(chosen.seed),
        "TMPDIR": str(temporary), "COLUMNS": "200", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    return values | ({"BASEMODEL_MEMORY": chosen.memory} if chosen.memory else {})


def _command(step: str, settings: Settings) -> list[str] | None:
    """The command of a step; without `basemodel train`, `run` stands for it and for `score`."""
    if step == "dbt":
        return [dbt_executable(), "--no-use-colors", "build", "--target", settings.target]
    program = str(Path(sys.executable).parent / "basemodel")
    shown = subprocess.run([program, "train", "--help"], capture_output=True, text=True)
    if shown.returncode == 0:
        return [program, step]
    return [program, "run"] if step == "train" else None


def metrics(artifacts: Path) -> dict[str, dict[str, Any]]:
    """What each task shipped, and its metrics on the test rows beside those of the baseline."""
    result = {}
    for pointer in sorted(artifacts.glob("*/evaluation/current.json")):
        version = json.loads(pointer.read_text())["version"]
        report = json.loads((pointer.parent / version / "metrics.json").read_text())
        selected = report["shipped"]
        test = {name: _finite(report["test"][name]) for name in (selected, "baseline")}
        result[pointer.parts[-3]] = {"shipped": selected, **test[selected], "baseline": test["baseline"]}
    return result


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    """What cannot be measured is null: JSON has no not-a-number."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
