"""Personal columns: read for a purpose, or not at all."""

from pathlib import Path
from typing import Any

import pytest

from basemodel_ops.contract.types import ColumnType

from ..manifests import Models, hospital, problems, read


def mark(models: Models, model: str, column: str, **meta: Any) -> None:
    """Add to a column's annotation."""
    config = models[model]["columns"][column].setdefault("config", {})
    config.setdefault("meta", {}).setdefault("basemodel", {}).update(meta)


def annotate(models: Models, model: str, kind: str, **more: Any) -> None:
    models[model]["config"]["meta"]["basemodel"] = {
        kind: models[model]["config"]["meta"]["basemodel"][kind] | more,
    }


def purposes(folder: Path, models: Models) -> dict[tuple[str, str], str]:
    return {(item.relation.name, item.column): item.purpose for item in read(folder, models).personal}


@pytest.mark.parametrize("column", ["cost", "clinic_id"])
def test_a_personal_column_without_a_purpose_is_never_read(tmp_path: Path, column: str) -> None:
    models = hospital()
    before = read(tmp_path, models)
    mark(models, "visits", column, pii=True)
    after = read(tmp_path, models)
    (result,) = [c for c in after.event("visits").columns if c.name == column]
    assert (result.type, result.references, result.withheld) == (ColumnType.IGNORE, None, True)
    assert before.readable["main.visits"] - after.readable["main.visits"] == {column}
    assert after.personal == ()


def test_only_moments_are_planned(tmp_path: Path) -> None:
    models = hospital()
    mark(models, "visits", "cost", planned=True)
    (problem,) = problems(tmp_path, models)
    assert "'cost' is read as `number` and cannot be `planned`" in problem
    mark(models, "visits", "cost", planned=True, type="time")
    (problem,) = problems(tmp_path, models)
    assert "cannot be read as `time`" in problem


def test_an_annotated_type_does_not_open_a_withheld_column(tmp_path: Path) -> None:
    models = hospital()
    mark(models, "clinics", "town", pii=True, type="category")
    (town,) = [c for c in read(tmp_path, models).attribute("clinics").columns if c.name == "town"]
    assert (town.type, town.withheld) == (ColumnType.IGNORE, True)


def test_with_a_purpose_it_is_read_as_before_and_the_purpose_is_kept(tmp_path: Path) -> None:
    models = hospital()
    before = read(tmp_path, models)
    mark(models, "visits", "reason", pii=True, purpose="planning of beds")
    after = read(tmp_path, models)
    assert after.readable == before.readable
    assert [c.type for c in after.event("visits").columns] == [c.type for c in before.event("visits").columns]
    assert purposes(tmp_path, models) == {("visits", "reason"): "planning of beds"}


def test_the_models_purpose_covers_its_columns_and_a_columns_own_wins(tmp_path: Path) -> None:
    models = hospital()
    annotate(models, "visits", "event", purpose="planning")
    for column, current in (("patient_id", {}), ("reason", {}), ("cost", {"purpose": "billing"})):
        mark(models, "visits", column, pii=True, **current)
    assert purposes(tmp_path, models) == {
        ("visits", "patient_id"): "planning",
        ("visits", "reason"): "planning",
        ("visits", "cost"): "billing",
    }


@pytest.mark.parametrize(
    ("model", "column", "role"),
    [
        ("visits", "patient_id", "entity"),
        ("visits", "visited_at", "time"),
        ("visits", "stay_id", "session"),
        ("clinics", "clinic_id", "key"),
        ("returns_14d", "patient_id", "entity"),
        ("returns_14d", "returns", "target"),
        ("active", "patient_id", "entity"),
        ("weeks", "cutoff", "cutoff"),
    ],
)
def test_a_personal_key_without_a_purpose_is_a_problem_that_says_so(
    tmp_path: Path, model: str, column: str, role: str
) -> None:
    models = hospital()
    mark(models, model, column, pii=True)
    (problem,) = problems(tmp_path, models)
    for word in (f"Model {model}", f"{role} column {column!r}", "`purpose`", "Give the column"):
        assert word in problem
    mark(models, model, column, purpose="planning")
    assert purposes(tmp_path, models) == {(model, column): "planning"}


def test_a_population_is_covered_by_the_purpose_of_its_task(tmp_path: Path) -> None:
    models = hospital()
    mark(models, "active", "patient_id", pii=True)
    annotate(models, "reasons_14d", "task", purpose="planning")
    assert purposes(tmp_path, models) == {("active", "patient_id"): "planning"}


@pytest.mark.parametrize("purpose", ["", "   ", "x" * 501, 7])
def test_an_empty_purpose_is_no_purpose(tmp_path: Path, purpose: object) -> None:
    models = hospital()
    mark(models, "visits", "cost", pii=True, purpose=purpose)
    (problem,) = problems(tmp_path, models)
    assert "'cost'" in problem
    assert "purpose" in problem


def test_what_a_task_predicts_says_when_it_is_withheld(tmp_path: Path) -> None:
    models = hospital()
    mark(models, "visits", "reason", pii=True)
    (problem,) = problems(tmp_path, models)
    assert "Withheld as personal, since they give no purpose: ['reason']" in problem


def test_the_allow_list_holds_roles_and_read_columns_only(tmp_path: Path) -> None:
    models = hospital()
    mark(models, "clinics", "beds", type="ignore")
    assert read(tmp_path, models).readable == {
        "main.visits": {"patient_id", "visited_at", "stay_id", "reason", "cost", "clinic_id"},
        "main.clinics": {"clinic_id", "town"},
        "main.returns_14d": {"patient_id", "cutoff", "returns"},
        "main.reasons_14d": {"patient_id", "cutoff", "reason"},
        "main.active": {"patient_id", "cutoff"},
        "main.weeks": {"cutoff", "data_end"},
    }


def test_the_words_of_a_purpose_change_nothing_that_is_learnt_but_withholding_does(tmp_path: Path) -> None:
    models = hospital()
    before = read(tmp_path, models).fingerprint
    mark(models, "visits", "cost", pii=True)
    assert read(tmp_path, models).fingerprint != before
    for purpose in ("planning", "planning of beds"):
        mark(models, "visits", "cost", purpose=purpose)
        assert read(tmp_path, models).fingerprint == before
