"""Windows that are not over are completed by what is expected after what is known, and nothing else is touched."""

import numpy as np
import pytest

from basemodel_ops.boosting.imputation import impute

DAYS = (7, 14, 28)
ROWS = 4000


def windows(rate: np.ndarray, seed: int) -> np.ndarray:
    """Whether the first event, which comes at a rate a day, lies within each window, float32 (rows, windows)."""
    wait = np.random.default_rng(seed).exponential(1 / rate)
    return (wait[:, None] < np.array(DAYS)).astype(np.float32)


def hidden(targets: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The futures of which each row knows the first `known` windows."""
    return np.where(np.arange(targets.shape[1]) < known[:, None], targets, np.nan)


@pytest.fixture
def inputs() -> np.ndarray:
    return np.random.default_rng(5).standard_normal((ROWS, 3)).astype(np.float32)


@pytest.fixture
def known() -> np.ndarray:
    return np.random.default_rng(6).choice([0, 1, 2, 3], ROWS, p=[0.1, 0.2, 0.2, 0.5])


def test_what_is_known_stays_and_what_has_no_beginning_stays_unknown(inputs: np.ndarray, known: np.ndarray) -> None:
    targets = hidden(windows(np.full(ROWS, 0.05), 0), known)
    result = impute(inputs, targets, [[0, 1, 2]], np.ones(3, bool), seed=0)
    there = ~np.isnan(targets)
    np.testing.assert_array_equal(result[there], targets[there])
    np.testing.assert_array_equal(np.isnan(result), np.repeat(known[:, None] == 0, 3, axis=1))
    np.testing.assert_array_equal(impute(inputs, targets[:, :1], [[0]], np.ones(1, bool), seed=0), targets[:, :1])
    complete = windows(np.full(ROWS, 0.05), 0)
    np.testing.assert_array_equal(impute(inputs, complete, [[0, 1, 2]], np.ones(3, bool), seed=0), complete)


def test_the_chance_of_a_longer_window_is_that_of_waiting(inputs: np.ndarray, known: np.ndarray) -> None:
    """Events at a rate that an input tells: the chance of one by a day, given none so far, is known in closed form."""
    rate = np.where(inputs[:, 0] > 0, 0.08, 0.02)
    targets = hidden(windows(rate, 1), known)
    result = impute(inputs, targets, [[0, 1, 2]], np.ones(3, bool), seed=0)
    for count in (1, 2):
        rows = known == count
        happened = targets[rows, count - 1] == 1
        assert (result[rows][happened, 2] == 1).all()
        expected = 1 - np.exp(-rate[rows] * (DAYS[2] - DAYS[count - 1]))
        assert np.abs(result[rows, 2] - expected)[~happened].mean() < 0.06


def test_a_window_that_no_row_knows_stays_unknown_and_so_do_longer_ones(inputs: np.ndarray, known: np.ndarray) -> None:
    targets = hidden(windows(np.full(ROWS, 0.05), 0), np.minimum(known, 1))
    result = impute(inputs, targets, [[0, 1, 2]], np.ones(3, bool), seed=0)
    np.testing.assert_array_equal(result, targets)


def test_amounts_are_added(inputs: np.ndarray, known: np.ndarray) -> None:
    """Two more and then three more, whatever there was: the rest is known without error."""
    begun = np.random.default_rng(2).random(ROWS).astype(np.float32)
    targets = np.column_stack([begun, begun + 2, begun + 5])
    result = impute(inputs, hidden(targets, known), [[0, 1, 2]], np.zeros(3, bool), seed=0)
    np.testing.assert_allclose(result[known > 0], targets[known > 0], atol=1e-5)


def test_new_rows_bring_what_has_changed(inputs: np.ndarray) -> None:
    """What began at a new rate is expected to go on at the old one, as nobody has seen more."""
    is_new = np.arange(ROWS) >= ROWS // 2
    targets = hidden(windows(np.where(is_new, 0.09, 0.03), 3), np.where(is_new, 1, 3))
    result = impute(inputs, targets, [[0, 1, 2]], np.ones(3, bool), seed=0)
    expected = 1 - np.exp(-0.09 * DAYS[0]) * np.exp(-0.03 * (DAYS[2] - DAYS[0]))
    assert abs(result[is_new, 2].mean() - expected) < 0.03


def test_chains_are_completed_apart_and_the_same_seed_gives_the_same_bytes(
    inputs: np.ndarray, known: np.ndarray
) -> None:
    targets = hidden(windows(np.full(ROWS, 0.05), 4), known)
    both = np.hstack([targets, targets[:, ::-1]])
    result = impute(inputs, both, [[0, 1, 2], [5, 4, 3]], np.ones(6, bool), seed=0)
    np.testing.assert_allclose(result[:, :3], result[:, :2:-1])
    np.testing.assert_array_equal(result, impute(inputs, both, [[0, 1, 2], [5, 4, 3]], np.ones(6, bool), seed=0))
