"""Reading the contract from manifests made by hand: what is right is typed, what is wrong is named, all at once."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from basemodel_ops.contract import Contract, read_contract
from basemodel_ops.contract.types import ColumnType, TaskType
from basemodel_ops.errors import ContractError

from ..manifests import RETURNS, Models, hospital, model, problems, read

Mistake = Callable[[Models], None]


def meta(models: Models, name: str, kind: str) -> dict[str, Any]:
    """A copy of a model's annotation that can be changed in place."""
    current = copy.deepcopy(models[name]["config"]["meta"]["basemodel"])
    models[name]["config"]["meta"]["basemodel"] = current
    return current[kind]


def test_a_sound_project_is_read_as_declared(tmp_path: Path) -> None:
    contract = read(tmp_path, hospital())
    visits = contract.event("visits")
    assert contract.entity == visits.entity == "patient_id"
    assert (visits.time, visits.session, str(visits.relation)) == ("visited_at", "stay_id", "main.visits")
    assert {column.name: column.type for column in visits.columns} == {
        "reason": ColumnType.CATEGORY,
        "cost": ColumnType.NUMBER,
        "clinic_id": ColumnType.CATEGORY,
    }
    assert [column.name for column in contract.attribute("clinics").columns] == ["town", "beds"]
    assert (contract.task("returns_14d").type, contract.task("returns_14d").horizon) == (TaskType.BINARY, 14)
    assert str(contract.task("reasons_14d").population) == "main.active"


def test_an_annotation_wins_over_what_would_be_inferred(tmp_path: Path) -> None:
    models = hospital()
    models["visits"]["columns"]["cost"]["config"] = {"meta": {"basemodel": {"type": "category"}}}
    cost = next(column for column in read(tmp_path, models).event("visits").columns if column.name == "cost")
    assert (cost.type, cost.inferred) == (ColumnType.CATEGORY, False)


def test_a_reference_makes_a_category_of_a_number(tmp_path: Path) -> None:
    models = hospital()
    models["visits"]["columns"]["clinic_id"]["data_type"] = "double"
    clinic = next(column for column in read(tmp_path, models).event("visits").columns if column.name == "clinic_id")
    assert (clinic.type, clinic.inferred, clinic.references) == (ColumnType.CATEGORY, True, "clinics")


def test_an_alias_is_where_the_model_is_built(tmp_path: Path) -> None:
    models = hospital()
    models["visits"]["alias"] = "visits_v2"
    assert str(read(tmp_path, models).event("visits").relation) == "main.visits_v2"


def test_a_task_reads_the_attributes_about_its_entity_that_stand_upstream_of_it(tmp_path: Path) -> None:
    models = hospital()
    models["patients"] = model({"attribute": {"key": "patient_id"}}, {"patient_id": "bigint", "born": "date"})
    models["staging"]["depends_on"] = {"nodes": ["model.project.patients", "model.project.clinics"]}
    models["returns_14d"]["depends_on"] = {"nodes": ["model.project.staging", "source.project.raw"]}
    contract = read(tmp_path, models)
    assert contract.task("returns_14d").reads == ("patients",)
    assert contract.task("reasons_14d").reads == ()


def no_event(models: Models) -> None:
    models["visits"]["config"]["meta"] = {}


def foreign_entity(models: Models) -> None:
    models["returns_14d"]["columns"]["doctor_id"] = {"name": "doctor_id", "data_type": "bigint"}
    meta(models, "returns_14d", "task")["entity"] = "doctor_id"


def time_is_text(models: Models) -> None:
    models["visits"]["columns"]["visited_at"]["data_type"] = "varchar"


def cutoff_is_text(models: Models) -> None:
    models["returns_14d"]["columns"]["cutoff"]["data_type"] = "varchar"


def undeclared_time(models: Models) -> None:
    meta(models, "visits", "event")["time"] = "happened_at"


def undeclared_key(models: Models) -> None:
    meta(models, "clinics", "attribute")["key"] = "clinic"


def no_data_type(models: Models) -> None:
    models["visits"]["columns"]["cost"]["data_type"] = None


def unknown_type(models: Models) -> None:
    models["visits"]["columns"]["cost"]["config"] = {"meta": {"basemodel": {"type": "money"}}}


def unknown_column_key(models: Models) -> None:
    models["visits"]["columns"]["cost"]["config"] = {"meta": {"basemodel": {"kind": "number"}}}


def unknown_kind(models: Models) -> None:
    models["staging"]["config"]["meta"] = {"basemodel": {"evnt": {}}}


def not_a_mapping(models: Models) -> None:
    models["staging"]["config"]["meta"] = {"basemodel": 7}


def unknown_key(models: Models) -> None:
    meta(models, "clinics", "attribute")["valid_until"] = "beds"


def two_kinds(models: Models) -> None:
    models["clinics"]["config"]["meta"]["basemodel"] = {"attribute": {"key": "clinic_id"}, "event": {}}


def two_entities(models: Models) -> None:
    models["calls"] = model(
        {"event": {"entity": "doctor_id", "time": "called_at"}}, {"doctor_id": "bigint", "called_at": "timestamp"}
    )


def two_grids(models: Models) -> None:
    models["months"] = {**models["weeks"]}


def no_grid(models: Models) -> None:
    models["weeks"]["config"]["meta"] = {}


def population_is_no_model(models: Models) -> None:
    meta(models, "reasons_14d", "task")["population"] = "everyone"


def no_population(models: Models) -> None:
    del meta(models, "reasons_14d", "task")["population"]


def references_nothing(models: Models) -> None:
    models["visits"]["columns"]["clinic_id"]["config"] = {"meta": {"basemodel": {"references": "hospitals"}}}


def predicts_no_source(models: Models) -> None:
    meta(models, "reasons_14d", "task")["predicts"] = {"source": "calls", "column": "reason"}


def predicts_no_column(models: Models) -> None:
    meta(models, "reasons_14d", "task")["predicts"] = {"source": "visits", "column": "diagnosis"}


def prediction_of_classes(models: Models) -> None:
    task = meta(models, "returns_14d", "task")
    task["type"], task["predicts"] = "multiclass", {"source": "visits", "column": "reason"}


def aggregate_of_another_type(models: Models) -> None:
    meta(models, "returns_14d", "task")["predicts"] = {"source": "visits", "aggregate": "sum", "column": "cost"}


def sum_of_no_number(models: Models) -> None:
    task = meta(models, "returns_14d", "task")
    task["type"], task["predicts"] = "regression", {"source": "visits", "aggregate": "sum", "column": "reason"}


def already_had_of_no_items(models: Models) -> None:
    meta(models, "returns_14d", "task")["already_had"] = "remove"


def already_had_unknown(models: Models) -> None:
    meta(models, "reasons_14d", "task")["already_had"] = "hide"


def offers_no_model(models: Models) -> None:
    task = meta(models, "reasons_14d", "task")
    task["type"], task["predicts"] = "recommendation", {"source": "visits", "column": "clinic_id"}
    task["offers"] = "catalogue"


def diversity_of_no_items(models: Models) -> None:
    meta(models, "returns_14d", "task")["diversity"] = 0.5


def metric_of_another_type(models: Models) -> None:
    meta(models, "returns_14d", "task")["metric"] = "mae"


def on_worse_of_items(models: Models) -> None:
    meta(models, "reasons_14d", "task")["on_worse"] = "baseline"


def null_target_of_items(models: Models) -> None:
    meta(models, "reasons_14d", "task")["null_target"] = "leave_out"


def metric_unknown(models: Models) -> None:
    meta(models, "returns_14d", "task")["metric"] = "gini"


def metric_of_items(models: Models) -> None:
    meta(models, "reasons_14d", "task")["metric"] = "auroc"


def survival_without_its_flag(models: Models) -> None:
    meta(models, "returns_14d", "task")["type"] = "survival"


def within_the_horizon(models: Models) -> None:
    meta(models, "returns_14d", "task").update(type="survival", observed="returns", within=[14, 28])


def windows_that_do_not_ascend(models: Models) -> None:
    meta(models, "returns_14d", "task").update(type="survival", observed="returns", within=[56, 28])


def flag_that_is_no_column(models: Models) -> None:
    meta(models, "returns_14d", "task").update(type="survival", observed="came")


def flag_of_another_type(models: Models) -> None:
    meta(models, "returns_14d", "task")["observed"] = "returns"


def uplift_without_its_treatment(models: Models) -> None:
    meta(models, "returns_14d", "task")["type"] = "uplift"


def treatment_that_is_no_column(models: Models) -> None:
    meta(models, "returns_14d", "task").update(type="uplift", treatment="called")


def treatment_that_is_the_target(models: Models) -> None:
    meta(models, "returns_14d", "task").update(type="uplift", treatment="returns")


def treatment_of_another_type(models: Models) -> None:
    meta(models, "returns_14d", "task")["treatment"] = "returns"


def metric_of_no_effect(models: Models) -> None:
    meta(models, "returns_14d", "task").update(type="uplift", treatment="returns", metric="auroc")


def coverage_of_another_type(models: Models) -> None:
    meta(models, "returns_14d", "task")["coverage"] = 0.8


def coverage_of_all(models: Models) -> None:
    meta(models, "returns_14d", "task").update(type="regression", coverage=1)


def diversity_beyond_one(models: Models) -> None:
    meta(models, "reasons_14d", "task")["diversity"] = 1.5


MISTAKES: list[tuple[Mistake, tuple[str, ...]]] = [
    (no_event, ("No model carries an event annotation", "visits", "config.meta.basemodel.event")),
    (foreign_entity, ("returns_14d", "'doctor_id'", "['patient_id']", "Name one of these")),
    (time_is_text, ("visits", "'visited_at'", "varchar", "timestamp", "Cast it")),
    (cutoff_is_text, ("returns_14d", "'cutoff'", "varchar", "timestamp", "Cast it")),
    (undeclared_time, ("visits", "'happened_at'", "'visited_at'", "Declare it")),
    (undeclared_key, ("clinics", "'clinic'", "'clinic_id'", "Declare it")),
    (no_data_type, ("visits", "'cost'", "no data_type", "Give it one")),
    (unknown_type, ("visits", "'cost'", "money", "'number'", "'ignore'")),
    (unknown_column_key, ("visits", "'cost'", "kind", "'type'", "'references'", "Remove it")),
    (unknown_kind, ("staging", "evnt", "'event'", "exactly one")),
    (not_a_mapping, ("staging", "7", "'event'", "exactly one")),
    (unknown_key, ("clinics", "attribute.valid_until", "'valid_from'", "Remove it")),
    (two_kinds, ("clinics", "'attribute', 'event'", "exactly one")),
    (two_entities, ("patient_id", "doctor_id", "calls", "visits", "rename")),
    (two_grids, ("2 models", "'months', 'weeks'", "exactly one", "Remove it from all but the one")),
    (no_grid, ("0 models", "config.meta.basemodel.grid")),
    (population_is_no_model, ("reasons_14d", "'everyone'", "'active'", "Name one of these")),
    (no_population, ("reasons_14d", "multilabel", "['population']", "Add")),
    (references_nothing, ("visits", "'clinic_id'", "'hospitals'", "['clinics']", "Name one of these")),
    (predicts_no_source, ("reasons_14d", "'calls'", "['visits']", "Name one of these")),
    (predicts_no_column, ("reasons_14d", "'diagnosis'", "'clinic_id.town'", "Name one of these")),
    (prediction_of_classes, ("returns_14d", "multiclass", "takes no `predicts`", "Remove it")),
    (aggregate_of_another_type, ("returns_14d", "'sum'", "binary", "['any', 'none']", "Name one")),
    (already_had_of_no_items, ("returns_14d", "already_had", "binary", "Remove it")),
    (already_had_unknown, ("reasons_14d", "already_had", "'keep'", "'remove'", "'hide'")),
    (offers_no_model, ("reasons_14d", "offers 'catalogue'", "'active'", "Name one of these")),
    (diversity_of_no_items, ("returns_14d", "diversity", "binary", "Remove it")),
    (survival_without_its_flag, ("returns_14d", "survival task needs `horizon` and `observed`", "['observed']")),
    (within_the_horizon, ("returns_14d", "within [14, 28]", "horizon of 14 days", "Name longer ones")),
    (windows_that_do_not_ascend, ("returns_14d", "within", "[56, 28]", "ascend")),
    (flag_that_is_no_column, ("returns_14d", "observed column 'came'", "'returns'")),
    (flag_of_another_type, ("returns_14d", "observed", "binary task is about no time", "survival", "Remove it")),
    (uplift_without_its_treatment, ("returns_14d", "an uplift task needs `horizon` and `treatment`", "['treatment']")),
    (treatment_that_is_no_column, ("returns_14d", "treatment column 'called'", "'returns'")),
    (treatment_that_is_the_target, ("returns_14d", "treatment 'returns' is also the entity, the cutoff or the target")),
    (treatment_of_another_type, ("returns_14d", "treatment", "binary task compares no treatment", "uplift", "Remove")),
    (metric_of_no_effect, ("returns_14d", "metric 'auroc'", "uplift", "['qini']")),
    (coverage_of_another_type, ("returns_14d", "coverage", "binary task has no interval", "regression", "Remove it")),
    (coverage_of_all, ("returns_14d", "coverage", "less than 1")),
    (diversity_beyond_one, ("reasons_14d", "diversity", "less than or equal to 1")),
    (metric_of_another_type, ("returns_14d", "metric 'mae'", "binary", "'brier'", "remove `metric`")),
    (null_target_of_items, ("reasons_14d", "null_target", "multilabel", "Remove it")),
    (on_worse_of_items, ("reasons_14d", "on_worse", "multilabel", "Remove it")),
    (metric_unknown, ("returns_14d", "metric", "'log_loss'", "'gini'")),
    (metric_of_items, ("reasons_14d", "metric 'auroc'", "[]", "remove `metric`")),
    (sum_of_no_number, ("returns_14d", "'reason'", "['cost']", "sum")),
]


@pytest.mark.parametrize(("mistake", "words"), MISTAKES, ids=[mistake.__name__ for mistake, _ in MISTAKES])
def test_a_mistake_is_named_with_what_exists_and_the_way_out(
    tmp_path: Path, mistake: Mistake, words: tuple[str, ...]
) -> None:
    models = hospital()
    mistake(models)
    result = problems(tmp_path, models)
    assert [problem for problem in result if all(word in problem for word in words)], result


@pytest.mark.parametrize(
    ("name", "kind", "key"), [("visits", "event", "entity"), ("weeks", "grid", "cutoff")], ids=["event", "grid"]
)
def test_a_mistake_in_an_annotation_is_one_problem(tmp_path: Path, name: str, kind: str, key: str) -> None:
    """What others miss because of it is not said: it is there once the mistake is mended."""
    models = hospital()
    del meta(models, name, kind)[key]
    (problem,) = problems(tmp_path, models)
    assert f"Model {name}: {kind}.{key}: it is missing" in problem


def test_every_mistake_is_reported_at_once(tmp_path: Path) -> None:
    models = hospital()
    mistakes = (
        foreign_entity, time_is_text, no_data_type, unknown_kind, unknown_key, two_entities, two_grids,
        population_is_no_model, references_nothing,
    )  # fmt: skip
    for mistake in mistakes:
        mistake(models)
    result = problems(tmp_path, models)
    for mistake, words in MISTAKES:
        # The facts about clinics do not count once their annotation is wrong, and the entities are two now.
        if mistake in mistakes and mistake not in (references_nothing, foreign_entity):
            assert [problem for problem in result if all(word in problem for word in words)], (mistake, result)
    assert [problem for problem in result if "'doctor_id'" not in problem and "'hospitals'" in problem]
    assert len(result) >= len(mistakes) - 1


def test_the_error_counts_and_lists_its_problems(tmp_path: Path) -> None:
    models = hospital()
    no_grid(models)
    no_data_type(models)
    with pytest.raises(ContractError, match=r"2 problem\(s\)") as caught:
        read(tmp_path, models)
    assert all(problem in str(caught.value) for problem in caught.value.problems)


def test_a_missing_manifest_names_its_path_and_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="dbt parse") as caught:
        read_contract(tmp_path / "manifest.json")
    assert str(tmp_path / "manifest.json") in str(caught.value)


def test_a_contract_survives_json(tmp_path: Path) -> None:
    contract = read(tmp_path, hospital())
    again = Contract.model_validate_json(contract.model_dump_json())
    assert again == contract
    assert again.fingerprint == contract.fingerprint


@pytest.mark.parametrize("policy", [None, "keep", "remove"])
def test_a_recommendation_says_what_is_done_with_items_already_had(tmp_path: Path, policy: str | None) -> None:
    models = hospital()
    task = meta(models, "reasons_14d", "task")
    task["type"], task["predicts"] = "recommendation", {"source": "visits", "column": "clinic_id"}
    if policy is not None:
        task["already_had"] = policy
    assert read(tmp_path, models).task("reasons_14d").already_had == policy


def retyped(models: Models) -> None:
    models["visits"]["columns"]["cost"]["config"] = {"meta": {"basemodel": {"type": "ignore"}}}


def rescheduled(models: Models) -> None:
    meta(models, "weeks", "grid")["start"] = "2024-01-08"


def longer(models: Models) -> None:
    meta(models, "returns_14d", "task")["horizon"] = {"days": 15}


def sessionless(models: Models) -> None:
    del meta(models, "visits", "event")["session"]


def moved(models: Models) -> None:
    models["clinics"]["schema"] = "facts"


def fewer_facts(models: Models) -> None:
    del models["clinics"]["columns"]["beds"]


@pytest.mark.parametrize("change", [retyped, rescheduled, longer, sessionless, moved, fewer_facts])
def test_the_fingerprint_changes_with_a_declaration(tmp_path: Path, change: Mistake) -> None:
    models = hospital()
    before = read(tmp_path, models).fingerprint
    change(models)
    assert read(tmp_path, models).fingerprint != before


def test_models_without_an_annotation_do_not_change_the_fingerprint(tmp_path: Path) -> None:
    models = hospital()
    before = read(tmp_path, models).fingerprint
    models["more_staging"] = models.pop("staging")
    assert read(tmp_path, models).fingerprint == before


def test_fields_that_some_types_have_alone_are_read_and_leave_other_declarations_as_they_were(tmp_path: Path) -> None:
    models = hospital()
    before = read(tmp_path, models).task("returns_14d")
    assert not {"observed", "within", "coverage", "treatment"} & before.model_dump().keys()
    models["returns_14d"] = model(
        RETURNS, {"patient_id": "bigint", "cutoff": "timestamp", "returns": "double", "came": "boolean"}
    )
    meta(models, "returns_14d", "task").update(
        type="survival", observed="came", within=[28, 56], metric="integrated_brier"
    )
    contract = read(tmp_path, models)
    task = contract.task("returns_14d")
    assert (task.observed, task.within, task.horizon) == ("came", (28, 56), 14)
    assert task.model_dump(mode="json")["within"] == [28, 56]
    assert "came" in contract.readable[str(task.relation)]
    assert Contract.model_validate_json(contract.model_dump_json()) == contract


def test_an_uplift_task_names_its_treatment(tmp_path: Path) -> None:
    models = hospital()
    models["returns_14d"] = model(
        RETURNS, {"patient_id": "bigint", "cutoff": "timestamp", "returns": "integer", "called": "boolean"}
    )
    meta(models, "returns_14d", "task").update(type="uplift", treatment="called", metric="qini")
    contract = read(tmp_path, models)
    task = contract.task("returns_14d")
    assert (task.type, task.treatment, task.label_columns) == (TaskType.UPLIFT, "called", {"treatment": "called"})
    assert "called" in contract.readable[str(task.relation)]
    assert Contract.model_validate_json(contract.model_dump_json()) == contract


def test_an_audience_lists_ids_of_the_entity(tmp_path):
    models = hospital()
    models["regulars"] = model({"audience": {"entity": "patient_id"}}, {"patient_id": "bigint"})
    contract = read(tmp_path, models)
    assert [(entry.name, entry.entity, str(entry.relation)) for entry in contract.audiences] == [
        ("regulars", "patient_id", "main.regulars")
    ]
    assert contract.readable["main.regulars"] == {"patient_id"}


def test_an_audience_of_something_else_or_without_a_task_is_named(tmp_path):
    models = hospital()
    models["regulars"] = model({"audience": {"entity": "doctor"}}, {"doctor": "bigint"})
    (problem,) = problems(tmp_path, models)
    assert "Model regulars: entity 'doctor' is not that of the event sources, 'patient_id'" in problem
    models["regulars"] = model({"audience": {"entity": "patient_id"}}, {"patient_id": "bigint"})
    alone = {name: node for name, node in models.items() if not name.endswith("_14d")}
    (problem,) = problems(tmp_path, alone)
    assert "no model carries a task" in problem
