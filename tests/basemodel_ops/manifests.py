"""Small dbt manifests, made by hand."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from basemodel_ops.contract import Contract, read_contract
from basemodel_ops.errors import ContractError

Columns = dict[str, str | dict[str, Any] | None]
Models = dict[str, dict[str, Any]]

VISITS = {"event": {"entity": "patient_id", "time": "visited_at", "session": "stay_id"}}
CLINICS = {"attribute": {"key": "clinic_id"}}
WEEKS = {"grid": {"cutoff": "cutoff", "data_end": "data_end", "start": "2024-01-01"}}
RETURNS = {
    "task": {
        "type": "binary", "entity": "patient_id", "cutoff": "cutoff", "target": "returns", "horizon": {"days": 14},
    }
}  # fmt: skip
REASONS = {
    "task": {
        "type": "multilabel", "entity": "patient_id", "cutoff": "cutoff", "target": "reason", "horizon": {"days": 14},
        "population": "active", "predicts": {"source": "visits", "column": "reason"},
    }
}  # fmt: skip


def model(meta: object, columns: Columns, **more: Any) -> dict[str, Any]:
    """A manifest's node; a column is a data type, or a dict with `data_type` and `meta`."""
    nodes = {}
    for name, column in columns.items():
        given = column if isinstance(column, dict) else {"data_type": column}
        current = {"meta": {"basemodel": given["meta"]}} if "meta" in given else {}
        nodes[name] = {"name": name, "data_type": given.get("data_type"), "config": current}
    config = {"meta": {} if meta is None else {"basemodel": meta}}
    return {"resource_type": "model", "schema": "main", "config": config, "columns": nodes, **more}


def hospital() -> Models:
    """Models of a sound project: visits of patients to clinics, and two questions."""
    visit_columns: Columns = {
        "patient_id": "bigint", "visited_at": "timestamp", "stay_id": "bigint", "reason": "varchar", "cost": "double",
        "clinic_id": {"data_type": "bigint", "meta": {"references": "clinics"}},
    }  # fmt: skip
    labels: Columns = {"patient_id": "bigint", "cutoff": "timestamp", "returns": "integer"}
    models = {
        "visits": model(VISITS, visit_columns),
        "clinics": model(CLINICS, {"clinic_id": "bigint", "town": "varchar", "beds": "integer"}),
        "weeks": model(WEEKS, {"cutoff": "timestamp", "data_end": "timestamp"}),
        "active": model(None, {"patient_id": "bigint", "cutoff": "timestamp"}),
        "returns_14d": model(RETURNS, labels),
        "reasons_14d": model(REASONS, {"patient_id": "bigint", "cutoff": "timestamp", "reason": "varchar"}),
        "staging": model(None, {"anything": None}),
    }
    return deepcopy(models)  # tests change what they get


def write(folder: Path, models: Models) -> Path:
    """The manifest of the models as a file."""
    nodes = {f"model.project.{name}": {"name": name, **node} for name, node in models.items()}
    path = folder / "manifest.json"
    path.write_text(json.dumps({"nodes": nodes}))
    return path


def read(folder: Path, models: Models) -> Contract:
    """The contract of the models."""
    return read_contract(write(folder, models))


def problems(folder: Path, models: Models) -> list[str]:
    """What is wrong with the models; empty when nothing is."""
    try:
        read(folder, models)
    except ContractError as error:
        return error.problems
    return []
