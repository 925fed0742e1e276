"""Columns whose names hold a dot, as a fact of an item is named: each is found under its own name."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa

from basemodel_ops.contract.types import Cadence, ColumnType, Contract, Relation, Target, TaskType
from basemodel_ops.stages.checks.label_counts import check_labels
from basemodel_ops.stages.scoring import querying

from ..basemodel_ops.manifests import hospital, problems
from . import clinics
from .outcomes import shows

OWN = clinics.clinic(Cadence.WEEK, datetime(2024, 1, 1), 8, 7)
DOTTED = "clinic.of visit"
SEEN = Relation(schema_name="main", name="seen")


def test_a_value_is_looked_for_in_a_column_with_a_dot(tmp_path: Path) -> None:
    ws = OWN.workspace(tmp_path, dotted(), visits=visits())
    first = min(row["visited_at"] for row in visits().to_pylist() if row[DOTTED] == "clinic 1")
    with ws.warehouse() as warehouse:
        assert querying._first_seen(ws, warehouse, "visits", DOTTED, "clinic 1", OWN.end) == first
        assert querying._first_seen(ws, warehouse, "visits", DOTTED, "nowhere", OWN.end) is None


def test_labels_of_a_column_with_a_dot_are_counted_again(tmp_path: Path) -> None:
    labels = {
        (row["patient"], cutoff, row[DOTTED])
        for row in visits().to_pylist()
        for cutoff in OWN.cutoffs[:-1]
        if 0 <= (row["visited_at"] - cutoff).days < OWN.horizon
    }
    patient, cutoff, item = zip(*sorted(labels), strict=True)
    seen = pa.table({"patient": patient, "cutoff": pa.array(cutoff, pa.timestamp("us")), DOTTED: item})
    declared = dotted()
    task = declared.task("returns").model_copy(
        update={
            "name": "clinics", "relation": SEEN, "type": TaskType.MULTILABEL, "target": DOTTED,
            "population": declared.task("returns").relation, "predicts": Target(source="visits", column=DOTTED),
        }
    )  # fmt: skip
    ws = OWN.workspace(tmp_path, declared.model_copy(update={"tasks": (task,)}), visits=visits(), seen=seen)
    found = check_labels(ws, "clinics")
    assert found.passed, found.description
    assert (found.metrics["differing"], found.metrics["left_out"]) == (0, 0)
    assert int(found.metrics["rows"]) > 100


def test_a_column_called_as_a_fact_of_items_is_a_problem(tmp_path: Path) -> None:
    models = hospital()
    models["visits"]["columns"]["clinic_id.town"] = {"name": "clinic_id.town", "data_type": "varchar", "config": {}}
    (problem,) = problems(tmp_path, models)
    shows(problem, ("Model visits", "'clinic_id.town'", "fact of the items", "Rename it"))


def visits() -> pa.Table:
    """The visits, whose clinic stands in a column with a dot in its name."""
    given = OWN.visits()
    return given.rename_columns([DOTTED if name == "clinic" else name for name in given.column_names])


def dotted() -> Contract:
    """The contract of these visits."""
    declared = OWN.contract()
    (source,) = declared.events
    column = clinics.column(DOTTED, ColumnType.CATEGORY)
    changed = source.model_copy(update={"columns": (column, *source.columns[1:])})
    return declared.model_copy(update={"events": (changed,)})
