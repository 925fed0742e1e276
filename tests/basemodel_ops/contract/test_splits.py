"""The split that a task may declare."""

from datetime import date, datetime
from pathlib import Path

import pytest

from basemodel_ops.contract.types import CountedSplit, GivenSplit, Task

from ..manifests import hospital, problems, read


def declared(split: object, **changes: object) -> dict:
    models = hospital()
    current = models["returns_14d"]["config"]["meta"]["basemodel"]["task"]
    models["returns_14d"]["config"]["meta"]["basemodel"]["task"] = {**current, "split": split, **changes}
    return models


def test_a_split_is_dates_or_moments(tmp_path: Path) -> None:
    models = declared({"validation_from": "2024-02-01", "test_from": "2024-03-01 05:00"})
    task = read(tmp_path, models).task("returns_14d")
    assert isinstance(task.split, GivenSplit)
    assert (task.split.validation_from, task.split.test_from) == (date(2024, 2, 1), datetime(2024, 3, 1, 5))
    assert Task.model_validate_json(task.model_dump_json()) == task


def test_a_split_is_numbers_of_cutoffs(tmp_path: Path) -> None:
    task = read(tmp_path, declared({"validation": 4, "test": 8})).task("returns_14d")
    assert task.split == CountedSplit(validation=4, test=8)
    assert Task.model_validate_json(task.model_dump_json()) == task


def test_a_task_without_a_split_is_declared_as_ever(tmp_path: Path) -> None:
    """What was pinned before a split could be given is not another declaration now."""
    assert "split" not in read(tmp_path, hospital()).task("returns_14d").model_dump(mode="json")


@pytest.mark.parametrize(
    ("split", "parts"),
    [
        ({"validation_from": "2024-03-01", "test_from": "2024-02-01"}, ["not a horizon of 14 days after", "Move them"]),
        ({"validation_from": "2024-03-01", "test_from": "2024-03-10"}, ["2024-03-10", "2024-03-01", "14 days"]),
        ({"validation_from": "2024-03-01"}, ["split.test_from", "it is missing"]),
        ({"validation_from": "spring", "test_from": "2024-03-10"}, ["split.validation_from", "'spring'"]),
        ({"validations": 3}, ["split.validations", "no such key"]),
        ({"validation": 3}, ["split.test: it is missing", "both counts"]),
        ({"validation": 0, "test": 2}, ["split.validation", "greater than 0"]),
        ({"validation": 3, "test_from": "2024-03-10"}, ["['test_from', 'validation'] is given", "how many cutoffs"]),
        ({}, ["split: nothing is given", "how many cutoffs"]),
    ],
)
def test_a_wrong_split_says_what_is_wrong(split: dict, parts: list[str], tmp_path: Path) -> None:
    text = " ".join(entry for entry in problems(tmp_path, declared(split)) if "returns_14d" in entry)
    for part in parts:
        assert part in text


@pytest.mark.parametrize(
    "split", [{"validation_from": "2024-02-01", "test_from": "2024-03-01"}, {"validation": 4, "test": 8}]
)
def test_a_trait_has_no_split_in_time(split: dict, tmp_path: Path) -> None:
    models = declared(split, horizon=None)
    (problem,) = problems(tmp_path, models)
    assert "split by entity, not in time" in problem
