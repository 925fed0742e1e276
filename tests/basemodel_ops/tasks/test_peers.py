"""What is told of peers, against sums over all earlier rows; and never from answers that were not known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.peers import HALF_LIVES, PRIOR, Peers, outputs_of, peer_values
from basemodel_ops.tasks.split import DAY

HORIZON = 7


def sample(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    keys = generator.integers(0, 4, (rows, 2))
    outputs = generator.random((rows, 2)).astype(np.float32)
    cutoff = generator.integers(0, 30, rows) * DAY
    return keys, outputs, cutoff, generator.random(rows) + 0.5


def expected_values(group: int, kind: int, moment: int, sample: tuple[np.ndarray, ...]) -> list[float]:
    """Rates and support of a group at a moment, row by row."""
    keys, outputs, cutoff, weight = sample
    result: list[float] = []
    for span in HALF_LIVES:
        current, everyone = np.zeros(3), np.zeros(3)
        for n in range(len(keys)):
            known = cutoff[n] + HORIZON * DAY
            if known <= moment:
                counts = weight[n] * 2 ** (-(moment - known) / (span * HORIZON * DAY)) * np.array([*outputs[n], 1.0])
                everyone += counts
                current += counts * (keys[n, kind] == group)
        level = everyone[:2] / max(everyone[2], 1e-9)
        result += [*((current[:2] + PRIOR * level) / (current[2] + PRIOR)), np.log1p(current[2])]
    return result


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_rates_are_the_faded_means_of_what_was_known(seed: int, rows: int) -> None:
    keys, outputs, cutoff, weight = data = sample(seed, rows)
    result, peers = peer_values(keys, outputs, cutoff, cutoff, HORIZON, weight)
    for row in range(rows):
        wanted = [
            value for kind in range(2) for value in expected_values(keys[row, kind], kind, int(cutoff[row]), data)
        ]
        np.testing.assert_allclose(result[row], wanted, rtol=1e-4, atol=1e-5)
    end = int(cutoff.max()) + HORIZON * DAY
    requested = np.array([[0, 3], [9, 9]])  # nobody is in group 9
    wanted = [[value for kind in range(2) for value in expected_values(group, kind, end, data)] for group in (0, 9)]
    wanted[0][6:] = expected_values(3, 1, end, data)
    np.testing.assert_allclose(peers.look_up(requested), wanted, rtol=1e-4, atol=1e-5)


def test_an_unknown_answer_has_no_effect() -> None:
    keys, outputs, cutoff, weight = sample(0, 200)
    result, _ = peer_values(keys, outputs, cutoff, cutoff, HORIZON, weight)
    moment = 20 * DAY
    changed = outputs.copy()
    unknown = cutoff + HORIZON * DAY > moment
    changed[unknown] = 1 - changed[unknown]
    again, _ = peer_values(keys, changed, cutoff, cutoff, HORIZON, weight)
    np.testing.assert_array_equal(result[cutoff <= moment], again[cutoff <= moment])
    assert not np.array_equal(result, again)


def test_a_row_may_know_less_than_at_its_cutoff() -> None:
    keys, outputs, cutoff, weight = sample(1, 100)
    early = np.minimum(cutoff, 12 * DAY)
    result, _ = peer_values(keys, outputs, cutoff, early, HORIZON, weight)
    late = np.flatnonzero(cutoff > 12 * DAY)
    only = cutoff + HORIZON * DAY <= 12 * DAY
    _, peers = peer_values(keys[only], outputs[only], cutoff[only], cutoff[only], HORIZON, weight[only])
    rates = [0, 1, 3, 4, 6, 7, 9, 10]  # what fades is only support
    np.testing.assert_allclose(result[late][:, rates], peers.look_up(keys[late])[:, rates], atol=0.2)


def test_saved_peers_tell_the_same() -> None:
    keys, outputs, cutoff, _ = sample(2, 50)
    _, peers = peer_values(keys, outputs, cutoff, cutoff, HORIZON)
    again = Peers.from_arrays(peers.arrays())
    np.testing.assert_array_equal(again.look_up(keys), peers.look_up(keys))


def test_no_columns_and_no_rows_give_empty_features() -> None:
    none = np.zeros((3, 0), np.int64)
    result, peers = peer_values(none, np.ones((3, 1)), np.zeros(3, np.int64), np.zeros(3, np.int64), HORIZON)
    assert result.shape == (3, 0)
    assert peers.look_up(none).shape == (3, 0)
    empty = np.zeros(0, np.int64)
    result, peers = peer_values(np.zeros((0, 1), np.int64), np.zeros((0, 1)), empty, empty, HORIZON)
    assert peers.look_up(np.array([[1]])).shape == (1, 2 * len(HALF_LIVES))


@pytest.mark.parametrize(
    ("kind", "target", "wanted"),
    [
        (TaskType.BINARY, [0, 1], [[0], [1]]),
        (TaskType.REGRESSION, [0, np.e - 1, 1 - np.e], [[0], [1], [-1]]),
        (TaskType.MULTICLASS, [2, 0, 2], [[0, 0, 1], [1, 0, 0], [0, 0, 1]]),
    ],
)
def test_what_is_averaged_of_answers(kind: TaskType, target: list[float], wanted: list[list[float]]) -> None:
    np.testing.assert_allclose(outputs_of(kind, np.array(target)), wanted, atol=1e-6)


def test_a_history_of_thousands_of_half_lives_is_told_as_its_end_alone() -> None:
    keys, outputs, cutoff, weight = sample(3, 300)
    far = 5000 * max(HALF_LIVES) * HORIZON * DAY
    old = keys[:40], outputs[:40], cutoff[:40] - far * np.arange(1, 41), weight[:40]
    both = [np.concatenate([early, late]) for early, late in zip(old, (keys, outputs, cutoff, weight), strict=True)]
    result, peers = peer_values(both[0], both[1], both[2], both[2], HORIZON, both[3])
    alone, current = peer_values(keys, outputs, cutoff, cutoff, HORIZON, weight)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result[40:], alone, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(peers.look_up(keys), current.look_up(keys), rtol=1e-5, atol=1e-6)


def test_answers_are_known_when_it_is_said_that_they_are() -> None:
    keys, outputs, cutoff, weight = sample(0, 200)
    message, _ = peer_values(keys, outputs, cutoff, cutoff, HORIZON, weight, cutoff + HORIZON * DAY)
    default, _ = peer_values(keys, outputs, cutoff, cutoff, HORIZON, weight)
    np.testing.assert_array_equal(message, default)
    never, _ = peer_values(keys, outputs, cutoff, cutoff, HORIZON, weight, np.full(200, 99 * DAY))
    assert (never[:, 2::3] == 0).all()
