"""What CoLES is given: sequences of lines or baskets; and what it says where its library is not installed."""

import importlib.util

import numpy as np
import pytest

from basemodel_ops.errors import SettingsError
from benchmarks.quality.coles import embeddings, stream_of
from benchmarks.quality.events import DAY, Events


def test_baskets_sum_their_lines(events: Events) -> None:
    result = stream_of(events, "baskets")
    assert result.start.tolist() == [0, 3, 4]
    np.testing.assert_allclose(np.expm1(result.numbers["spent"]), [3, 4, 8, 48])
    np.testing.assert_allclose(np.expm1(result.numbers["lines"]), [2, 1, 1, 2])
    np.testing.assert_allclose(np.expm1(result.numbers["gap"]), [0, 0, 4, 0])


def test_lines_carry_their_category_above_that_of_padding(events: Events) -> None:
    result = stream_of(events, "lines")
    assert result.start.tolist() == [0, 4, 6]
    assert result.codes["category"].tolist() == [2, 2, 3, 4, 5, 5]
    assert result.codes["weekday"].min() > 0
    assert result.codes["hour"].tolist() == [1] * 6


def test_what_comes_at_a_cutoff_is_not_before_it(events: Events) -> None:
    result = stream_of(events, "baskets")
    moment = events.key_of(np.array([0, 0, 1]), np.array([5, 6, 3]) * DAY)
    assert np.searchsorted(result.key, moment).tolist() == [2, 3, 3]


def test_an_unknown_unit_and_a_missing_library_are_told(events: Events) -> None:
    with pytest.raises(SettingsError, match=r"No unit visits\. There are: lines, baskets"):
        stream_of(events, "visits")
    if importlib.util.find_spec("ptls") is None:
        with pytest.raises(SettingsError, match="pip install --no-deps pytorch-lifestream"):
            embeddings(events, np.array([0]), np.array([DAY]), 6 * DAY, "lines", 1, 0)
