"""What is told of a group is what was planted in it, with shares, lift and interval by the plain formulas."""

from collections.abc import Sequence

import numpy as np
import pytest

from basemodel_ops.insight.descriptions import MEMBERS, Sums, described, differences

SIZE = 400


@pytest.fixture
def shares() -> np.ndarray:
    """Sixty traits that are chance; trait 7 holds of most of the first group."""
    generator = np.random.default_rng(1)
    result = (generator.random((2 * SIZE, 60)) < 0.3).astype(np.float32)
    result[:SIZE, 7] = generator.random(SIZE) < 0.6
    return result


GROUP = np.repeat([0, 1], SIZE)
COLUMNS: list[object] = list(range(60))


def differences_of(shares: np.ndarray, columns: Sequence[object] = COLUMNS, group: np.ndarray = GROUP) -> list:
    parts = [(group[part], shares[part]) for part in (slice(0, 99), slice(99, 640), slice(640, None))]
    sums = Sums.of(parts, 2)
    assert sums is not None
    return described(differences(sums, np.array([0]), np.array([1]), list(columns)), list(columns))


def test_the_planted_trait_is_told_first_with_its_shares(shares: np.ndarray) -> None:
    first = differences_of(shares)[0]
    inside, outside = shares[:SIZE, 7].mean(), shares[SIZE:, 7].mean()
    assert first.trait == 7
    assert (first.inside, first.outside) == pytest.approx((inside, outside), abs=1e-6)
    assert first.lift == pytest.approx(inside / outside, rel=0.02)
    error = np.sqrt((1 - inside) / inside / SIZE + (1 - outside) / outside / SIZE)
    assert first.low == pytest.approx(inside / outside * np.exp(-1.96 * error), rel=0.02)
    assert first.high == pytest.approx(inside / outside * np.exp(1.96 * error), rel=0.02)


def test_chance_is_hardly_ever_told() -> None:
    false = []
    for seed in range(30):
        shares = (np.random.default_rng(seed).random((2 * SIZE, 60)) < 0.3).astype(np.float32)
        false.append(len(differences_of(shares)) > 0)
    assert np.mean(false) <= 0.2  # .05 is what is allowed; 30 draws


def test_the_interval_holds_the_true_lift_as_often_as_it_says() -> None:
    inside = []
    for seed in range(200):
        generator = np.random.default_rng(seed)
        shares = np.concatenate([generator.random((SIZE, 1)) < 0.5, generator.random((SIZE, 1)) < 0.25])
        (entry,) = differences_of(shares.astype(np.float32), ["x"])
        inside.append(entry.low <= 2 <= entry.high)
    assert 0.9 <= np.mean(inside) <= 0.99


def test_nobody_is_told_alone(shares: np.ndarray) -> None:
    rare = np.zeros((2 * SIZE, 1), np.float32)
    rare[: MEMBERS - 1] = 1
    assert differences_of(rare, ["x"]) == []
    rare[MEMBERS - 1] = 1
    assert len(differences_of(rare, ["x"])) == 1
    few = np.where(np.arange(2 * SIZE) < MEMBERS - 1, 0, 1)
    assert differences_of(shares, group=few) == []


def test_a_trait_that_is_not_to_be_told_is_not(shares: np.ndarray) -> None:
    assert 7 not in {
        entry.trait for entry in differences_of(shares, [None if entry == 7 else entry for entry in COLUMNS])
    }


def test_one_column_does_not_fill_a_description() -> None:
    generator = np.random.default_rng(0)
    shares = (generator.random((2 * SIZE, 20)) < np.where(GROUP == 0, 0.8, 0.1)[:, None]).astype(np.float32)
    result = differences_of(shares, ["a"] * 12 + ["b"] * 8)
    assert sorted(entry.trait < 12 for entry in result) == [False] * 3 + [True] * 3
