"""Bad labels: each ends in a clear error, or in an answer that is safe."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops import stages
from basemodel_ops.contract.types import NullTarget, OnWorse, TaskType
from basemodel_ops.errors import DataError
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.answers import check_scores, check_task
from basemodel_ops.stages.scoring.answering import score_relation
from basemodel_ops.stages.snapshot.times import to_datetime
from basemodel_ops.stages.tasks import single_answers
from basemodel_ops.stages.tasks.model_artifact import ModelArtifact
from basemodel_ops.stages.tasks.predictions import read_predictions
from basemodel_ops.stages.tasks.single_artifact import SingleModelArtifact
from basemodel_ops.tasks.blending import HEADS_WITH_FEW_LABELS
from basemodel_ops.tasks.kinds.multiclass import POOLED
from basemodel_ops.warehouse.queries import rows_query

from ..riding import AGES, CUTOFFS, LAST_FARE, RIDES, ask, is_over

INTEGER, NUMBER, TEXT = pa.int64(), pa.float64(), pa.string()
BINARY, AMOUNT, CLASS = TaskType.BINARY, TaskType.REGRESSION, TaskType.MULTICLASS
PARTS = ("train", "validation", "test")

Answer = Callable[[str, datetime], Any]


@pytest.fixture(scope="module")
def parts(riders: Workspace) -> dict[str, set[datetime]]:
    """Cutoffs of each part for a horizon of 14 days."""
    with riders.warehouse() as warehouse:
        split = riders.times(warehouse).split(14, "")
    return {name: {to_datetime(int(moment)) for moment in getattr(split, name)} for name in PARTS}


def many(rider: str, cutoff: datetime) -> int:
    return int(len(RIDES[rider, cutoff]) > 4)


def paid(rider: str, cutoff: datetime) -> float:
    return sum(row["fare"] for row in RIDES[rider, cutoff] if abs(row["fare"]) < 1e9)


def some_label(rider: str, cutoff: datetime) -> str:
    return ("none", "few", "many")[min(len(RIDES[rider, cutoff]) // 2, 2)]


HONEST: dict[TaskType, tuple[Answer, pa.DataType]] = {
    BINARY: (many, INTEGER), AMOUNT: (paid, NUMBER), CLASS: (some_label, TEXT),
}  # fmt: skip


def closed_windows(ws: Workspace, answer: Answer, kind: pa.DataType, **changes: Any) -> tuple[Workspace, str]:
    """Fit, evaluate and score a task that answers only where its window is over."""
    current, task = ask(ws, lambda rider, cutoff: answer(rider, cutoff) if is_over(cutoff) else None, kind, **changes)
    stages.task_model(current, task.name)
    stages.task_evaluation(current, task.name)
    stages.task_scores(current, task.name, CUTOFFS[-1], "run")
    assert check_scores(current, task.name, CUTOFFS[-1]).passed
    return current, task.name


def refused(ws: Workspace, answer: Answer, kind: pa.DataType, *words: str, **changes: Any) -> None:
    with pytest.raises(DataError) as stopped:
        closed_windows(ws, answer, kind, **changes)
    for word in words:
        assert word in str(stopped.value)


@pytest.mark.parametrize("kind", HONEST)
def test_one_answer_in_all_training_rows_is_nothing_to_learn_from(
    riders: Workspace, parts: dict, kind: TaskType
) -> None:
    answer, values = HONEST[kind]
    first = answer("rider 0", CUTOFFS[0])
    refused(
        riders, lambda rider, cutoff: first if cutoff in parts["train"] else answer(rider, cutoff), values,
        "one value only in its 240 training rows", "Start the grid earlier", type=kind,
    )  # fmt: skip


@pytest.mark.parametrize("kind", HONEST)
def test_one_answer_in_all_validation_rows_leaves_the_safe_ones(riders: Workspace, parts: dict, kind: TaskType) -> None:
    answer, values = HONEST[kind]
    first = answer("rider 0", CUTOFFS[0])
    ws, name = closed_windows(
        riders,
        lambda rider, cutoff: first if cutoff in parts["validation"] else answer(rider, cutoff),
        values,
        type=kind,
    )
    assert SingleModelArtifact.current(ws.store, name).shares.keys() <= set(HEADS_WITH_FEW_LABELS)


@pytest.mark.parametrize("kind", [BINARY, CLASS])
def test_one_answer_in_all_test_rows_cannot_be_measured_and_stops_the_scores(
    riders: Workspace, parts: dict, kind: TaskType
) -> None:
    answer, values = HONEST[kind]
    first = answer("rider 0", CUTOFFS[0])
    ws, name = closed_windows(
        riders, lambda rider, cutoff: first if cutoff in parts["test"] else answer(rider, cutoff), values, type=kind
    )
    check_result = check_task(ws, name)
    assert not check_result.passed
    for word in (name, "one answer only", "BASEMODEL_TEST_CUTOFFS"):
        assert word in check_result.description


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", HONEST)
def test_a_part_without_rows_is_named(riders: Workspace, parts: dict, kind: TaskType, part: str) -> None:
    answer, values = HONEST[kind]
    refused(
        riders, lambda rider, cutoff: ... if cutoff in parts[part] else answer(rider, cutoff), values,
        f"no labelled rows for {part}", "all complete cutoffs", type=kind,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "values", "answer", "words"),
    [
        (BINARY, INTEGER, lambda rider, cutoff: 2 * many(rider, cutoff), ("is 2 in some rows", "0 or 1")),
        (BINARY, INTEGER, lambda rider, cutoff: 2 * many(rider, cutoff) - 1, ("is -1 in some rows",)),
        (BINARY, NUMBER, lambda rider, cutoff: many(rider, cutoff) / 2, ("is 0.5 in some rows", "regression")),
        (BINARY, TEXT, lambda rider, cutoff: ("no", "yes")[many(rider, cutoff)], ("is string", "no number", "Cast it")),
        (AMOUNT, TEXT, lambda rider, cutoff: "much", ("is string", "no number", "multiclass")),
        (AMOUNT, NUMBER, lambda rider, cutoff: np.nan if rider == "rider 3" else 1.0, ("not finite",)),
        (AMOUNT, NUMBER, lambda rider, cutoff: -np.nan if rider == "rider 3" else 1.0, ("not finite",)),
        (AMOUNT, NUMBER, lambda rider, cutoff: -np.inf if rider == "rider 3" else 1.0, ("not finite",)),
        (AMOUNT, NUMBER, lambda rider, cutoff: 1e300 if rider == "rider 3" else 1.0, ("beyond 1e+15",)),
        (BINARY, INTEGER, lambda rider, cutoff: None if rider == "rider 3" else many(rider, cutoff), ("is null",)),
        (CLASS, TEXT, lambda rider, cutoff: None if rider == "rider 3" else some_label(rider, cutoff), ("is null",)),
    ],
)
def test_a_label_outside_its_type_is_named(
    riders: Workspace, kind: TaskType, values: pa.DataType, answer: Answer, words: tuple[str, ...]
) -> None:
    refused(riders, answer, values, "Target target of ", *words, type=kind)


@pytest.mark.parametrize(
    ("kind", "values", "answer"),
    [
        (BINARY, pa.bool_(), lambda rider, cutoff: bool(many(rider, cutoff))),
        (BINARY, TEXT, lambda rider, cutoff: str(many(rider, cutoff))),
        (CLASS, INTEGER, lambda rider, cutoff: len(some_label(rider, cutoff))),
        (AMOUNT, NUMBER, lambda rider, cutoff: -paid(rider, cutoff)),
    ],
)
def test_a_label_that_only_looks_odd_is_read(
    riders: Workspace, kind: TaskType, values: pa.DataType, answer: Answer
) -> None:
    closed_windows(riders, answer, values, type=kind)


@pytest.mark.parametrize("kind", HONEST)
def test_twenty_labels_in_all_give_a_careful_model(riders: Workspace, parts: dict, kind: TaskType) -> None:
    answer, values = HONEST[kind]
    kept = {"train": 12, "validation": 4, "test": 4}
    chosen = {
        key
        for part, count in kept.items()
        for key in sorted(key for key in RIDES if key[1] in parts[part])[::11][:count]
    }
    ws, name = closed_windows(
        riders, lambda rider, cutoff: answer(rider, cutoff) if (rider, cutoff) in chosen else ..., values, type=kind,
    )  # fmt: skip
    report = SingleModelArtifact.current(ws.store, name).artifact.report
    assert report["labelled_rows"] == 20
    assert SingleModelArtifact.current(ws.store, name).shares == {"linear": 1}


def test_an_entity_that_appears_only_in_the_test_is_answered(riders: Workspace, parts: dict) -> None:
    ws, name = closed_windows(
        riders,
        lambda rider, cutoff: many(rider, cutoff) if rider != "rider 3" or cutoff in parts["test"] else ...,
        INTEGER,
    )
    assert np.isfinite(list(SingleModelArtifact.current(ws.store, name).metrics.test["linear"].values())).all()


def test_a_horizon_longer_than_the_data_is_named(riders: Workspace) -> None:
    refused(riders, many, INTEGER, "0 complete cutoffs", "400 days", "Shorten the horizon", horizon=400)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_classes_unseen_in_training_count_as_missed(riders: Workspace, parts: dict, part: str) -> None:
    ws, name = closed_windows(
        riders,
        lambda rider, cutoff: "zebra" if cutoff in parts[part] and many(rider, cutoff) else some_label(rider, cutoff),
        TEXT,
        type=CLASS,
    )
    metrics = vars(ModelArtifact.current(ws.store, name).metrics)
    assert np.isfinite([list(values.values()) for values in metrics[part].values()]).all()
    rows = [key for key in RIDES if key[1] in parts[part]]
    zebras = sum(many(*key) for key in rows) / len(rows)
    assert 0 < zebras < 1
    assert all(values["accuracy"] <= 1 - zebras + 1e-9 for values in metrics[part].values())


@pytest.mark.parametrize("kind", HONEST)
def test_a_target_that_an_attribute_gives_away_stops_the_fit_and_the_attribute_is_named(
    riders: Workspace, kind: TaskType
) -> None:
    described = {BINARY: lambda age: int(age > 33), AMOUNT: lambda age: 3 * age - 7, CLASS: lambda age: str(age > 33)}[
        kind
    ]
    refused(
        riders, lambda rider, cutoff: described(AGES[rider]) if rider in AGES else ..., HONEST[kind][1],
        "riders age", "holds the answer", "valid_from", type=kind,
    )  # fmt: skip


@pytest.mark.parametrize("kind", HONEST)
def test_a_target_that_a_column_of_events_gives_away_stops_the_fit(riders: Workspace, kind: TaskType) -> None:
    described = {
        BINARY: lambda fare: int(fare > 8),
        AMOUNT: lambda fare: fare,
        CLASS: lambda fare: "abc"[int(fare > 8) + int(fare > 16)],
    }[kind]
    refused(
        riders, lambda rider, cutoff: described(LAST_FARE[rider, cutoff]) if (rider, cutoff) in LAST_FARE else ...,
        HONEST[kind][1], "trips fare last", "holds the answer", "ignore", type=kind,
    )  # fmt: skip


def test_a_trait_that_an_attribute_gives_away_stops_the_fit(riders: Workspace) -> None:
    refused(
        riders, lambda rider, cutoff: 3 * AGES[rider] - 7 if rider in AGES else None, NUMBER,
        "riders age", "holds the answer", type=AMOUNT, horizon=None,
    )  # fmt: skip


def test_a_trait_of_too_few_entities_is_named(riders: Workspace) -> None:
    refused(
        riders, lambda rider, cutoff: "ab"[int(rider[-1]) % 2] if rider in ("rider 0", "rider 1") else None, TEXT,
        "Label more of them", type=CLASS, horizon=None,
    )  # fmt: skip


def test_rows_whose_answer_was_never_known_are_left_out_where_the_task_says_so(riders: Workspace) -> None:
    """The model is the one of a table without these rows, and nobody is tested by them."""
    answer, values = HONEST[BINARY]

    def is_lost(rider: str, cutoff: datetime) -> bool:
        return (int(rider[-1]) + cutoff.day) % 7 == 0

    def with_nulls(rider: str, cutoff: datetime) -> object:
        return None if is_lost(rider, cutoff) else answer(rider, cutoff)

    tested = {}
    for method, labels in {
        NullTarget.LEAVE_OUT: with_nulls,
        NullTarget.REFUSE: lambda rider, cutoff: ... if is_lost(rider, cutoff) else answer(rider, cutoff),
    }.items():
        ws, name = closed_windows(riders, labels, values, type=BINARY, null_target=method)
        rows = read_predictions(ws.store, name, "test")
        tested[method] = rows.select([ws.contract.entity, "cutoff", "label"]).to_pylist()
    assert tested[NullTarget.LEAVE_OUT] == tested[NullTarget.REFUSE]
    assert not any(is_lost(row["rider"], row["cutoff"]) for row in tested[NullTarget.REFUSE])
    refused(riders, with_nulls, values, "is null", "null_target: leave_out", type=BINARY)


def next_station(rider: str, cutoff: datetime) -> object:
    """Of the first trip in the window, if there is one."""
    first = min(RIDES[rider, cutoff], key=lambda row: row["started_at"], default=None)
    return ... if first is None else f"station {first['station']}"


def test_very_many_classes_are_answered_by_rates_of_each_too(riders: Workspace) -> None:
    """What ships says the same of a week's riders as its parts do, the rates that were known then among them."""
    ws, name = closed_windows(riders, next_station, TEXT, type=CLASS)
    model = SingleModelArtifact.current(ws.store, name)
    assert model.classes is not None
    assert len(model.classes) > POOLED
    rates = model.peers.class_rates
    assert rates is not None
    logs = rates.look_up(np.zeros((2, 3), np.int64))
    assert logs.shape == (2, 3, len(model.classes))
    np.testing.assert_allclose(np.exp(logs.astype(float)).sum(axis=2), 1, rtol=0.02)
    assert "class rates" in model.shares
    with ws.warehouse() as warehouse:
        relation = score_relation(name, ws.settings.answers_schema)
        scores = warehouse.read(rows_query(relation, ["rider", "probabilities"])).to_pylist()
    for row in scores:
        assert sum(json.loads(row["probabilities"]).values()) == pytest.approx(1, abs=1e-3)


def test_what_is_worse_than_the_baseline_gives_way_to_it_where_that_is_asked(
    riders: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, values = HONEST[BINARY]
    monkeypatch.setattr(single_answers, "is_worse", lambda *_: True)
    shares = {}
    for method in OnWorse:
        ws, name = closed_windows(riders, answer, values, type=BINARY, on_worse=method)
        model = SingleModelArtifact.current(ws.store, name)
        shares[method], metrics = model.shares, model.metrics
        assert metrics.shipped in metrics.test
        assert (metrics.shipped == "baseline") is (method is OnWorse.BASELINE)
    assert shares[OnWorse.BASELINE] == {"baseline": 1}
    assert shares[OnWorse.STOP] != {"baseline": 1}
