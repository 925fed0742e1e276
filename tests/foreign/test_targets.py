"""Targets of every type of column: read rightly, or refused by name before anything is learnt."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from basemodel_ops.contract.types import Cadence, TaskType
from basemodel_ops.stages.checks import targets
from basemodel_ops.stages.checks.targets import check_targets

from . import clinics
from .outcomes import outcome, shows

CLINIC = clinics.clinic(Cadence.WEEK, datetime(2024, 1, 1), 12, 7)
DAY = date(2024, 1, 1)

MakeValue = Callable[[int], Any]
"""The target of a row in whose window nobody came, 0, or somebody did, 1."""

SOUND: dict[str, tuple[TaskType, pa.DataType, MakeValue]] = {
    "booleans": (TaskType.BINARY, pa.bool_(), bool),
    "decimals": (TaskType.BINARY, pa.decimal128(38, 10), Decimal),
    "texts of numbers": (TaskType.BINARY, pa.string(), str),
    "amounts of 38 digits": (TaskType.REGRESSION, pa.decimal128(38, 20), lambda came: Decimal("0.5") + came),
    "booleans as classes": (TaskType.MULTICLASS, pa.bool_(), bool),
    "floats as classes": (TaskType.MULTICLASS, pa.float64(), float),
    "days as classes": (TaskType.MULTICLASS, pa.date32(), lambda came: DAY.replace(day=1 + came)),
}

REFUSED: dict[str, tuple[TaskType, pa.DataType, MakeValue, tuple[str, ...]]] = {
    "a third answer": (TaskType.BINARY, pa.int64(), lambda came: 2 * came, ("is 2 in some rows", "0 or 1")),
    "words": (TaskType.BINARY, pa.string(), lambda came: "yes" if came else "no", ("no number", "Cast it")),
    "a day": (TaskType.BINARY, pa.date32(), lambda came: DAY, ("no number", "Cast it")),
    "an infinite amount": (TaskType.REGRESSION, pa.float64(), lambda came: float("inf") if came else 0.0, (
        "not finite", "Return an answer for each")),
    "not a number": (TaskType.REGRESSION, pa.float64(), lambda came: float("nan"), ("not finite",)),
    "a sentinel": (TaskType.REGRESSION, pa.float64(), lambda came: 1e300, ("beyond 1e+15",)),
    "one answer": (TaskType.BINARY, pa.int64(), lambda came: 1, ("one value only", "Start the grid earlier")),
    "one class": (TaskType.MULTICLASS, pa.string(), lambda came: "a", ("one value only",)),
    "no number as a class": (TaskType.MULTICLASS, pa.float64(), lambda came: float("nan") if came else 1.0, ("null",)),
    "nothing": (TaskType.BINARY, pa.int64(), lambda came: None, ("null", "Return an answer for each")),
}  # fmt: skip


def refusal(folder: Path, kind: TaskType, created: pa.DataType, value: MakeValue) -> str:
    """What is said of the targets before there is a snapshot; empty where they are sound."""
    declared = CLINIC.contract()
    (task,) = declared.tasks
    requested = declared.model_copy(update={"tasks": (task.model_copy(update={"type": kind, "predicts": None}),)})
    returns = CLINIC.returns(CLINIC.visits())
    values = [None if came is None else value(came) for came in returns.column("returned").to_pylist()]
    changed = returns.set_column(2, "returned", pa.array(values, created))
    ws = CLINIC.workspace(folder, requested, returns=changed)

    def problem() -> str:
        result = check_targets(ws, "returns")
        return "" if result.passed else result.description

    text = outcome(problem)
    assert not (folder / "artifacts").exists()
    return text


@pytest.mark.parametrize("name", SOUND)
def test_targets_of_any_type_that_holds_answers_are_sound(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path, *SOUND[name]) == ""


@pytest.mark.parametrize("name", REFUSED)
def test_a_target_that_no_head_could_learn_is_named_before_training(tmp_path: Path, name: str) -> None:
    kind, created, value, words = REFUSED[name]
    shows(refusal(tmp_path, kind, created, value), ("arget returned of returns", *words))


def test_of_very_many_rows_those_of_some_entities_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which may have one answer only, so that is then no fault."""
    monkeypatch.setattr(targets, "ROWS", 100)
    assert refusal(tmp_path / "constant", TaskType.BINARY, pa.int64(), lambda came: 1) == ""
    shows(refusal(tmp_path / "wrong", TaskType.BINARY, pa.int64(), lambda came: 2), "is 2 in some rows")
