"""The audit of rows to learn from passes on sound ones and names what knows the future."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from basemodel_ops import stages
from basemodel_ops.representation.history import DAY
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks import point_in_time
from basemodel_ops.stages.checks.point_in_time import check_point_in_time, sampled_entities
from basemodel_ops.stages.features import builder, examples
from basemodel_ops.stages.features.attributes import EntityAttributes

from ..riding import CUTOFFS, encoded
from ..trips import RIDERS


def test_sound_rows_pass_and_the_audit_says_how_many_it_compared(riders: Workspace) -> None:
    check_result = check_point_in_time(riders)
    assert check_result.passed, check_result.description
    length = riders.store.current("training_examples").report["length"]
    assert RIDERS * 3 <= float(check_result.metrics["rows"]) <= RIDERS * 3 * len(CUTOFFS)
    assert check_result.metrics["bytes"] == check_result.metrics["rows"] * 2 * length
    assert float(check_result.metrics["events_moved"]) > 300
    assert float(check_result.metrics["targets"]) > 100


def test_of_many_rows_some_are_compared(riders: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    every = check_point_in_time(riders)
    monkeypatch.setattr(point_in_time, "COMPARED", 60)
    check_result = check_point_in_time(riders)
    assert check_result.passed, check_result.description
    assert 0 < float(check_result.metrics["rows"]) <= 60 * point_in_time.SAMPLED_CUTOFFS < float(every.metrics["rows"])
    assert 0 < float(check_result.metrics["targets"]) < float(every.metrics["targets"])


@pytest.mark.parametrize(("most", "count"), [(1, 1), (20, 2), (10_000, point_in_time.SHARD)])
def test_entities_are_compared_with_all_of_their_rows_or_not(
    most: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(point_in_time, "COMPARED", most)
    entity = np.repeat(np.arange(500), 10)
    chosen = sampled_entities(entity, np.random.default_rng(0))
    assert len(chosen) == count
    assert (np.diff(chosen) > 0).all()


def test_rows_of_an_entity_that_were_stored_in_parts_are_compared_in_parts(
    fresh: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "ROWS", 5)
    monkeypatch.setattr(point_in_time, "ROWS", 5)
    stages.training_examples(fresh)
    check_result = check_point_in_time(fresh)
    assert check_result.passed, check_result.description


def a_day_late(history_values: Any) -> Any:
    """Histories that end a day after the cutoff."""
    return lambda histories, plans, cutoffs, *rest: history_values(histories, plans, cutoffs + DAY, *rest)


def facts_too_early(at: Any) -> Any:
    """Facts that are seen two months before they are known."""
    return lambda attributes, low, high, cutoffs: at(attributes, low, high, cutoffs + 60 * DAY)


def without_end(target_values: Any) -> Any:
    """Targets that are read beyond the end of training."""
    return lambda histories, plans, cutoffs, horizons, spans, end: target_values(
        histories, plans, cutoffs, horizons, spans, end + 60 * DAY
    )


@pytest.fixture
def fresh(tmp_path: Path) -> Workspace:
    return encoded(tmp_path)


@pytest.mark.parametrize(
    ("modules", "name", "leak", "words"),
    [
        ((builder,), "history_values", a_day_late, ("scalar of trips", "count of trips station", "after their cutoff")),
        ((EntityAttributes,), "at", facts_too_early, ("attribute of riders age",)),
        ((examples, point_in_time), "target_values", without_end, ("pretraining targets", "after the end of training")),
    ],
    ids=["events", "facts", "targets"],
)
def test_rows_that_know_the_future_are_named(
    fresh: Workspace, monkeypatch: pytest.MonkeyPatch, modules: tuple, name: str, leak: Any, words: tuple[str, ...]
) -> None:
    for module in modules:
        monkeypatch.setattr(module, name, leak(getattr(module, name)))
    stages.training_examples(fresh)
    check_result = check_point_in_time(fresh)
    assert not check_result.passed
    for word in words:
        assert word in check_result.description
