"""What a task may declare of moments of its own."""

from pathlib import Path
from typing import Any

import pytest

from basemodel_ops.contract.types import Moments

from ..manifests import hospital, problems, read

KNOWN = {"moments": "own", "known": "known_at", "horizon": None}


def declared(**changes: Any) -> dict:
    models = hospital()
    model = models["returns_14d"]
    annotation = model["config"]["meta"]["basemodel"]
    current = {**annotation["task"], **changes}
    annotation["task"] = {name: value for name, value in current.items() if value is not None}
    for name, data_type in (("known_at", "timestamp"), ("known_as", "varchar")):
        model["columns"][name] = {"name": name, "data_type": data_type}
    return models


def test_a_label_is_known_after_a_horizon_or_at_a_moment(tmp_path: Path) -> None:
    known = read(tmp_path, declared(**KNOWN, predicts=None))
    task = known.task("returns_14d")
    assert (task.moments, task.known, task.horizon) == (Moments.OWN, "known_at", 0)
    assert "known_at" in known.readable[str(task.relation)]
    assert read(tmp_path, declared(moments="own")).task("returns_14d").horizon == 14


def test_a_task_at_the_cutoffs_of_the_grid_is_declared_as_ever(tmp_path: Path) -> None:
    """What was pinned before moments could be own is not another declaration now."""
    plain = read(tmp_path, hospital()).task("returns_14d").model_dump(mode="json")
    assert not {"moments", "known"} & plain.keys()


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"known": "known_at"}, ["known 'known_at'", "moments: own"]),
        ({"moments": "weekly"}, ["task.moments", "'weekly'"]),
        ({"moments": "own", "horizon": None}, ["horizon", "known", "neither is given"]),
        ({"moments": "own", "known": "known_at"}, ["both are given"]),
        ({**KNOWN, "known": "known_as"}, ["known column 'known_as'", "varchar", "not as a timestamp"]),
        ({**KNOWN, "known": "never"}, ["known column 'never' is not declared"]),
        ({**KNOWN, "known": "cutoff"}, ["known 'cutoff'", "after the row's own"]),
        ({**KNOWN, "predicts": {"source": "visits", "aggregate": "any"}}, ["`predicts`", "`horizon`"]),
        ({"moments": "own", "type": "recommendation"}, ["a recommendation task cannot have moments of its own"]),
        ({"moments": "own", "type": "multilabel"}, ["a multilabel task cannot have moments of its own"]),
        ({"moments": "own", "population": "active"}, ["`population`", "Remove it"]),
        (
            {**KNOWN, "predicts": None, "split": {"validation_from": "2024-02-01", "test_from": "2024-02-01"}},
            ["split", "test_from"],
        ),
    ],
)
def test_a_wrong_declaration_says_what_is_wrong(changes: dict, parts: list[str], tmp_path: Path) -> None:
    text = " ".join(entry for entry in problems(tmp_path, declared(**changes)) if "returns_14d" in entry)
    for part in parts:
        assert part in text, text
