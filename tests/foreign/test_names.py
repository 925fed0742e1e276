"""Columns of any name: with a dot, as a fact of an item is named, or called as what stands beside them in answers."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops import stages
from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.contract.answers import published_name
from basemodel_ops.contract.types import Cadence, ColumnType, Contract, Relation, Target, TaskType
from basemodel_ops.encoders import fit_encoder, track_names
from basemodel_ops.encoders.base import track_column
from basemodel_ops.names import file_fault
from basemodel_ops.representation import history_layout
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.label_counts import check_labels
from basemodel_ops.stages.features import builder
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.insight.vectors import item_relation
from basemodel_ops.stages.scoring import querying
from basemodel_ops.warehouse.queries import rows_query

from ..basemodel_ops.manifests import hospital, problems
from . import clinics
from .outcomes import shows

CLINIC = clinics.clinic(Cadence.WEEK, datetime(2024, 1, 1), 8, 7)
DOTTED = "clinic.of visit"
CLINICS = set(CLINIC.visits().column("clinic").to_pylist())
SEEN = Relation(schema_name="main", name="seen")


def test_a_value_is_looked_for_in_a_column_with_a_dot(tmp_path: Path) -> None:
    ws = CLINIC.workspace(tmp_path, dotted(), visits=visits())
    first = min(row["visited_at"] for row in visits().to_pylist() if row[DOTTED] == "clinic 1")
    with ws.warehouse() as warehouse:
        assert querying._first_seen(ws.contract, warehouse, "visits", DOTTED, "clinic 1", CLINIC.end) == first
        assert querying._first_seen(ws.contract, warehouse, "visits", DOTTED, "nowhere", CLINIC.end) is None


def test_labels_of_a_column_with_a_dot_are_counted_again(tmp_path: Path) -> None:
    labels = {
        (row["patient"], cutoff, row[DOTTED])
        for row in visits().to_pylist()
        for cutoff in CLINIC.cutoffs[:-1]
        if 0 <= (row["visited_at"] - cutoff).days < CLINIC.horizon
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
    ws = CLINIC.workspace(tmp_path, declared.model_copy(update={"tasks": (task,)}), visits=visits(), seen=seen)
    result = check_labels(ws, "clinics")
    assert result.passed, result.description
    assert (result.metrics["differing"], result.metrics["left_out"]) == (0, 0)
    assert int(result.metrics["rows"]) > 100


def test_a_column_called_as_an_attribute_of_items_is_a_problem(tmp_path: Path) -> None:
    models = hospital()
    models["visits"]["columns"]["clinic_id.town"] = {"name": "clinic_id.town", "data_type": "varchar", "config": {}}
    (problem,) = problems(tmp_path, models)
    shows(problem, ("Model visits", "'clinic_id.town'", "fact of the items", "Rename it"))


def test_a_column_with_a_dot_is_sketched_and_stays_as_any_other_of_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no fact of items, which are not sketched and are the first to be left out where a row would be too long."""
    ws = CLINIC.workspace(tmp_path, dotted(), visits=visits())
    stages.encoders(ws, "visits")
    stages.embeddings(ws, "visits", DOTTED)
    stages.codes(ws, "visits", DOTTED)
    monkeypatch.setattr(builder, "SKETCHED_ABOVE", len(CLINICS) - 1)
    (complete,), left = builder.source_plans(ws.contract, ws.settings, ws.store, ws.snapshot())
    assert (set(complete.codes), left) == ({DOTTED}, [])
    settings = ws.settings
    length = history_layout([complete], settings.half_lives, settings.counted_half_lives, settings.windows).length
    ws.settings = settings.model_copy(update={"row_numbers": length - 1})
    (short,), (least,) = builder.source_plans(ws.contract, ws.settings, ws.store, ws.snapshot())
    assert short.top_items == complete.top_items
    assert least.column != DOTTED


@pytest.mark.parametrize("column", ["a", "a#0", "room#1", DOTTED, "my clinic"])
def test_no_column_is_called_as_a_row_of_cells_of_another(column: str) -> None:
    """A time has three: one called `a` may stand beside a number called `a#0`."""
    rows = track_names(column, 3)
    assert all(file_fault(name) for name in rows)  # a column that is read is none of these
    assert {track_column(name) for name in (*rows, *track_names(column, 1))} == {column}


def test_the_encoder_of_a_column_is_not_that_of_an_attribute_of_items(tmp_path: Path) -> None:
    """A text `product description` beside a `product` whose facts have a `description`."""
    ws = CLINIC.workspace(tmp_path)
    current, attribute = (fit_encoder("text", [pa.array([text] * 9)]) for text in ("red shoes", "blue hats"))

    def write(ws: Workspace, writer: ArtifactWriter) -> tuple[dict, dict]:
        EncoderArtifact.write_encoders(writer, {"product description": current})
        EncoderArtifact.write_encoders(writer, {"description": attribute}, "product")
        return {}, {}

    ws.pin()
    ws.materialize(EncoderArtifact.key("visits"), write)
    read, words = EncoderArtifact.current(ws.store, "visits"), pa.array(["red shoes", "blue hats"])
    for fitted, kept in (
        (current, read.encoders()["product description"]),
        (attribute, read.encoders("product")["description"]),
    ):
        np.testing.assert_array_equal(kept.features(words), fitted.features(words))


def visits(name: str = DOTTED) -> pa.Table:
    """The visits, whose clinic stands in a column of that name."""
    given = CLINIC.visits()
    return given.rename_columns([name if current == "clinic" else current for current in given.column_names])


def dotted(name: str = DOTTED) -> Contract:
    """The contract of these visits."""
    declared = CLINIC.contract()
    (source,) = declared.events
    column = clinics.column(name, ColumnType.CATEGORY)
    changed = source.model_copy(update={"columns": (column, *source.columns[1:])})
    return declared.model_copy(update={"events": (changed,)})


@pytest.mark.parametrize("column", ["entity", "source", "Events", "embedding", "run_id", "clinic", DOTTED])
def test_vectors_of_a_column_of_any_name_stand_beside_those_of_entities(tmp_path: Path, column: str) -> None:
    declared = dotted(column)
    ws = CLINIC.workspace(tmp_path, declared, visits=visits(column))
    stages.encoders(ws, "visits")
    stages.embeddings(ws, "visits", column)
    assert stages.item_embeddings(ws, column, "run").metrics["rows"] == len(CLINICS)
    name = published_name(column)
    assert name in (column, f"{column}_value")
    relation = item_relation(column)
    assert relation.name.lower() != "entity_embeddings"
    with ws.warehouse() as warehouse:
        rows = warehouse.read(rows_query(relation, ["source", name, "events", "run_id"])).to_pylist()
    assert {row[name] for row in rows} == CLINICS
    assert {(row["source"], row["run_id"]) for row in rows} == {("visits", "run")}


@pytest.mark.parametrize("name", ["score", "Name", "as_of", "run_id", "rank", "segment", "item", "class", "moment"])
def test_an_entity_called_as_a_column_of_the_answers_is_a_problem(tmp_path: Path, name: str) -> None:
    models = hospital()
    for model in models.values():
        columns = model["columns"]
        if "patient_id" in columns:
            columns[name] = columns.pop("patient_id") | {"name": name}
        for meta in model["config"]["meta"].get("basemodel", {}).values():
            if meta.get("entity"):
                meta["entity"] = name
    (problem,) = problems(tmp_path, models)
    shows(problem, ("Model visits", f"the entity cannot be called {name!r}", "Rename it"))
