"""Scores of rare answers: calibration costs no ranking, and what too few answers mean is said."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.contract.types import Cadence
from basemodel_ops.stages.snapshot.snapshot import plan
from basemodel_ops.stages.snapshot.task_rows import load_task_rows
from basemodel_ops.tasks.calibration import Calibration
from basemodel_ops.tasks.scarcity import FEW_ROWS, scarcity

from . import clinics

POSITIVES, ROWS = 106, 20_000


def rare(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores far too small, of which the answer says a little, and the answers."""
    generator = np.random.default_rng(seed)
    target = np.zeros(ROWS)
    target[generator.choice(ROWS, POSITIVES, replace=False)] = 1
    logit = generator.normal(-9, 1, ROWS) + 1.5 * target
    return 1 / (1 + np.exp(-logit)), target


@pytest.mark.parametrize("seed", range(5))
def test_calibration_keeps_every_distinct_score_and_the_top_percent(seed: int) -> None:
    score, target = rare(seed)
    calibrated = Calibration.fit(score, target).apply(score)
    assert len(np.unique(calibrated)) == len(np.unique(score))
    np.testing.assert_array_equal(np.argsort(calibrated), np.argsort(score))
    top = np.argsort(-calibrated)[: ROWS // 100]
    assert target[top].mean() == target[np.argsort(-score)[: ROWS // 100]].mean() > 10 * POSITIVES / ROWS
    assert 0.5 < calibrated.mean() * ROWS / POSITIVES < 2  # calibrated nonetheless


@pytest.mark.parametrize("positives", [0, 1])
def test_where_nothing_can_be_compared_a_score_stays_what_it_is(positives: int) -> None:
    score, target = rare(0)[0], np.zeros(ROWS)
    target[:positives] = 1
    np.testing.assert_allclose(Calibration.fit(score, target).apply(np.array([0.1, 0.9])), [0.1, 0.9])


def parts(train: int, validation: int, test: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """100 rows a part, so many of which are positive."""
    target = np.concatenate([np.arange(100) < count for count in (train, validation, test)]).astype(float)
    return target, {name: np.arange(100) + 100 * n for n, name in enumerate(("train", "validation", "test"))}


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((FEW_ROWS, 1, 1), ""),
        ((100 - FEW_ROWS, 99, 50), ""),
        ((1, 0, 90), "its validation has one answer only"),
        ((50, 100, 90), "its validation has one answer only"),
        ((FEW_ROWS - 1, 4, 4), f"fewer than {FEW_ROWS} of the rarer answer"),
        ((100 - FEW_ROWS + 1, 4, 4), f"fewer than {FEW_ROWS} of the rarer answer"),
    ],
)
def test_too_few_answers_of_one_kind_are_said(counts: tuple[int, int, int], words: str) -> None:
    text = scarcity("returns", *parts(*counts))
    assert (words in text) if words else text == ""
    if words:
        assert "returns says yes in" in text
        assert f"{counts[0]} of 100 in train" in text
        assert "Widen its population" in text


CLINIC = clinics.clinic(Cadence.WEEK, datetime(2024, 1, 1), 20, 7)


@pytest.mark.parametrize("kind", [pa.bool_(), pa.int8(), pa.float64(), pa.decimal128(9, 2)], ids=str)
def test_the_only_positive_row_is_kept_whatever_the_type_of_the_target(tmp_path: Path, kind: pa.DataType) -> None:
    """Of 720 training rows 60 are drawn, and one is a yes."""
    returns = CLINIC.returns(CLINIC.visits())
    rows = zip(returns.column("patient").to_pylist(), returns.column("cutoff").to_pylist(), strict=True)
    answers = pa.array([(who, cutoff) == ("patient 7", CLINIC.cutoffs[3]) for who, cutoff in rows])
    over = returns.column("returned").is_valid()
    numbers = pa.array(
        [int(entry.as_py()) if known.as_py() else None for entry, known in zip(answers, over, strict=True)]
    )
    changed = returns.set_column(2, "returned", numbers.cast(pa.int8()).cast(kind))
    ws = CLINIC.workspace(tmp_path, returns=changed)
    (task,) = ws.contract.tasks
    with ws.warehouse() as warehouse:
        times = ws.times(warehouse)
        drawn = plan(ws.contract, ws.settings.model_copy(update={"task_rows": 60}), warehouse, task, times)
        result = load_task_rows(warehouse, task, times, drawn)
    assert result.target is not None
    train = result.part == "train"
    assert train.sum() < 200
    assert np.nansum(result.target.cast(pa.float64()).to_numpy()[train]) == 1
