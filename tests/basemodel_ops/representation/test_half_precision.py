"""Blocks in half precision: what numpy's double precision says, rounded, wherever a block stands in a row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from basemodel_ops.representation import half_precision
from basemodel_ops.representation.half_precision import HalfRows

from .formulas import normalise_rows

ALL = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
"""Every finite number of half precision from 0 on."""


@njit(error_model="numpy")
def _bits(values: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(values)):
        out[i] = half_precision.half_bits(values[i])


def bits(values: np.ndarray) -> np.ndarray:
    out = np.empty(len(values), np.uint16)
    _bits(values.astype(np.float32), out)
    return out


def test_every_number_every_middle_of_two_and_its_neighbours_are_rounded_as_numpy_rounds() -> None:
    middle = (ALL[1:] + ALL[:-1]) / 2
    large = np.array([65_519.9, 65_520, 65_536, 1e30, np.inf], np.float32)
    neighbour = [np.nextafter(middle, np.float32(end)) for end in (0, 1e9)]
    values = np.concatenate([ALL, middle, *neighbour, large])
    for signed in (values, -values):
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(bits(signed), signed.astype(np.float16).view(np.uint16))
    assert np.isnan(bits(np.array([np.nan])).view(np.float16)).all()


def ulps(result: np.ndarray, expected: np.ndarray) -> int:
    """Steps of half precision between numbers from 0 on, at most."""
    pair = (np.asarray(values, np.float16).view(np.uint16).astype(int) for values in (result, expected))
    return int(np.abs(np.subtract(*pair)).max(initial=0))


def rows_between(size: int, entities: int, cutoffs: int) -> HalfRows:
    """Rows whose first block is a number, and whose last is another one, around a block of `size`."""
    rows = HalfRows(entities, cutoffs, size + 2)
    rows.add(np.full((entities, cutoffs, 1), 3.0))
    return rows


def middle(rows: HalfRows, entities: int, cutoffs: int) -> np.ndarray:
    """The block between, once the rows are complete and what stands around it is as it was."""
    rows.add(np.full((entities, cutoffs, 1), -7.0))
    values = rows.finished()
    assert (values[..., 0] == 3).all()
    assert (values[..., -1] == -7).all()
    return values[..., 1:-1]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 3), st.integers(0, 3), st.integers(0, 40))
def test_logs_are_those_of_double_precision(seed: int, entities: int, cutoffs: int, groups: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    shape = (entities, cutoffs, groups, size)
    counts = (10.0 ** generator.uniform(-12, 9, shape) * (generator.random(shape) < 0.6)).astype(np.float32)
    factors = generator.uniform(1, 50, shape[1:3])
    rows = rows_between(groups * size, entities, cutoffs)
    rows.add_logs(counts, factors)
    expected = np.log1p(counts.astype(np.float64) * factors[..., None]).reshape(entities, cutoffs, -1)
    assert ulps(middle(rows, entities, cutoffs), expected) <= 1
    rows = rows_between(groups * size, entities, cutoffs)
    rows.add_logs(counts)
    expected = np.log1p(counts.astype(np.float64)).reshape(entities, cutoffs, -1)
    assert ulps(middle(rows, entities, cutoffs), expected) <= 1


def test_logs_are_nearly_always_the_nearest_number() -> None:
    counts = (10.0 ** np.random.default_rng(0).uniform(-9, 9, 100_000)).astype(np.float32)
    rows = HalfRows(1, 1, len(counts))
    rows.add_logs(counts[None, None, None])
    assert (rows.finished()[0, 0] == np.log1p(counts.astype(np.float64)).astype(np.float16)).mean() > 0.999


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_directions_have_unit_length_or_are_zero(seed: int, are_counts: bool) -> None:
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(2, 3, 2, 12)).astype(np.float32) * (generator.random((2, 3, 2, 1)) < 0.7)
    values = np.abs(values) if are_counts else values
    rows = rows_between(24, 2, 3)
    rows.add_directions(values, 4, are_counts)
    result = middle(rows, 2, 3).reshape(2, 3, 2, 12)
    if are_counts:
        expected = normalise_rows(values, 3, 4)
    else:
        parts = values.astype(np.float64).reshape(2, 3, 2, 3, 4)
        length = np.linalg.norm(parts, axis=-1, keepdims=True)
        expected = np.divide(parts, length, out=np.zeros_like(parts), where=length > 0).reshape(values.shape)
    np.testing.assert_allclose(result.astype(np.float64), expected, rtol=1e-3, atol=1e-7)


def test_recency_halves_per_half_life_and_is_zero_without_an_event() -> None:
    seen = np.array([[[0.0, -28.0, -280.0, -np.inf]]])
    rows = rows_between(4, 1, 1)
    rows.add_recency(seen, np.array([0.0]), 28.0)
    np.testing.assert_allclose(middle(rows, 1, 1)[0, 0].astype(float), [1, 0.5, 2.0**-10, 0], rtol=1e-3)


def test_blocks_that_do_not_fill_a_row_are_refused() -> None:
    rows = HalfRows(1, 1, 3)
    rows.add(np.zeros((1, 1, 2)))
    with pytest.raises(ValueError, match="2 numbers were added to rows of 3"):
        rows.finished()
