"""What is usual of windows, learnt from made-up ones whose levels are known."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from basemodel_ops.insight.counts import SPREAD
from basemodel_ops.stages.insight.lines import Line
from basemodel_ops.stages.insight.typical_windows import Amounts, _judged

LINE = Line("readings", "height", "amount")


def windows(level: np.ndarray, sizes: np.ndarray) -> Any:
    """Windows of entities of these levels, of which a forecast that knows only the mean of all was made."""
    inputs = np.stack([np.full(len(level), 4.0), level, level], axis=1)
    return SimpleNamespace(
        number=lambda _: np.full(len(level), 5), sizes=lambda *_: (sizes, inputs), __len__=lambda: len(level)
    )


def test_a_number_is_expected_near_the_level_of_its_entity() -> None:
    generator = np.random.default_rng(0)
    level = generator.uniform(1, 12, 400)
    past = windows(level, level + 0.1 * generator.normal(size=400))
    model = Amounts.of([(past, np.ones(400, bool))], LINE)
    typical = _judged(LINE, model, windows(np.array([2.0, 11.0]), np.array([2.0, 11.0])))
    assert typical.expected == pytest.approx(typical.observed, rel=0.1)
    assert (typical.score < 0.5).all()
    # The mean of all would be the least odd, had each not a level of its own.
    odd = _judged(LINE, model, windows(np.array([2.0, 11.0]), np.array([4.0, 4.0])))
    assert (odd.score > 1.5 / SPREAD).all()


def test_few_windows_are_expected_as_forecast() -> None:
    level = np.linspace(1, 12, 10)
    model = Amounts.of([(windows(level, np.full(10, 4.0)), np.ones(10, bool))], LINE)
    (score,) = _judged(LINE, model, windows(np.array([11.0]), np.array([4.0]))).score
    assert score == pytest.approx(0, abs=1e-6)
