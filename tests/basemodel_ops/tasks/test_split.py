"""Out-of-time parts: no label window reaches into the next part."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from basemodel_ops.errors import DataError
from basemodel_ops.tasks.split import DAY, split_cutoffs, split_from

DAYS = st.lists(st.integers(0, 400), unique=True, max_size=60)


@given(DAYS, st.integers(1, 60), st.integers(0, 400))
def test_no_label_window_overlaps_the_next_part(days: list[int], horizon: int, end: int) -> None:
    try:
        split = split_cutoffs(np.array(days, np.int64) * DAY, end * DAY, horizon)
    except DataError:
        return
    parts = [split.train, split.validation, split.test]
    assert all(len(part) for part in parts)
    assert all((np.diff(part) > 0).all() for part in parts)
    for part, successor in pairwise(parts):
        assert part[-1] + horizon * DAY <= successor[0]
    assert split.test[-1] + horizon * DAY <= end * DAY


@given(DAYS, st.integers(1, 60), st.integers(0, 400))
def test_each_part_is_as_late_as_it_can_be(days: list[int], horizon: int, end: int) -> None:
    complete = sorted(day for day in days if day + horizon <= end)
    test = complete[-4:]
    validation = [day for day in complete if test and day + horizon <= test[0]][-2:]
    train = [day for day in complete if validation and day + horizon <= validation[0]]
    cutoffs = np.array(days, np.int64) * DAY
    if not train:
        with pytest.raises(DataError, match="complete cutoffs"):
            split_cutoffs(cutoffs, end * DAY, horizon)
        return
    split = split_cutoffs(cutoffs, end * DAY, horizon)
    assert [(part // DAY).tolist() for part in (split.train, split.validation, split.test)] == [train, validation, test]


def test_too_few_cutoffs_name_the_task_the_count_and_the_way_out() -> None:
    with pytest.raises(DataError, match=r"churn has 4 complete cutoffs .* 28 days.*Shorten the horizon"):
        split_cutoffs(np.arange(8) * 7 * DAY, 49 * DAY, 28, "churn")


def test_how_many_cutoffs_test_and_validate_is_a_setting() -> None:
    cutoffs = np.arange(0, 20 * 7, 7, dtype=np.int64) * DAY
    split = split_cutoffs(cutoffs, 140 * DAY, 14, validations=1, tests=3)
    assert split.test.tolist() == [day * DAY for day in (112, 119, 126)]
    assert split.validation.tolist() == [98 * DAY]
    assert split.train.max() == 84 * DAY


def test_counts_that_a_task_gives_are_kept_to() -> None:
    """Twenty weeks, data to the day 140, windows of 14 days: by hand, week 18 is the last that is over."""
    cutoffs = np.arange(0, 20 * 7, 7, dtype=np.int64) * DAY
    split = split_cutoffs(cutoffs, 140 * DAY, 14, "churn", validations=4, tests=8, exactly=True)
    result = [(part // (7 * DAY)).tolist() for part in (split.train, split.validation, split.test)]
    assert result == [[0, 1, 2, 3, 4], [6, 7, 8, 9], [11, 12, 13, 14, 15, 16, 17, 18]]


@pytest.mark.parametrize(("validations", "tests"), [(9, 8), (4, 14), (1, 19), (1, 20)])
def test_more_than_there_is_is_refused(validations: int, tests: int) -> None:
    cutoffs = np.arange(0, 20 * 7, 7, dtype=np.int64) * DAY
    with pytest.raises(DataError, match=r"churn has 19 complete cutoffs.*`split`.*ask for fewer"):
        split_cutoffs(cutoffs, 140 * DAY, 14, "churn", validations, tests, exactly=True)


def test_fewer_to_validate_than_a_setting_says_will_do_but_not_for_a_task_that_asks_for_them() -> None:
    cutoffs = np.arange(0, 20 * 7, 7, dtype=np.int64) * DAY
    assert len(split_cutoffs(cutoffs, 140 * DAY, 0, "", 30, 2).validation) < 30
    with pytest.raises(DataError, match="ask for fewer"):
        split_cutoffs(cutoffs, 140 * DAY, 0, "", 30, 2, exactly=True)


@given(DAYS, st.integers(1, 60), st.integers(0, 400), st.integers(0, 400), st.integers(0, 400))
def test_a_given_split_is_kept_to(days: list[int], horizon: int, end: int, first: int, second: int) -> None:
    """Each day is told its part by itself; a part without days is refused by its name."""
    parts: dict[str, list[int]] = {"learn from": [], "validate": [], "test": []}
    for day in sorted(days):
        over = day + horizon
        if over > end:
            continue
        if over <= first:
            parts["learn from"].append(day)
        if first <= day and over <= second:
            parts["validate"].append(day)
        if second <= day:
            parts["test"].append(day)
    cutoffs = np.array(days, np.int64) * DAY
    if not all(parts.values()):
        with pytest.raises(DataError, match="churn") as caught:
            split_from(cutoffs, end * DAY, horizon, first * DAY, second * DAY, "churn")
        assert {name for name in parts if f"to {name}" in str(caught.value)} == {
            name for name, current in parts.items() if not current
        }
        return
    split = split_from(cutoffs, end * DAY, horizon, first * DAY, second * DAY, "churn")
    result = [(part // DAY).tolist() for part in (split.train, split.validation, split.test)]
    assert result == [parts["learn from"], parts["validate"], parts["test"]]


def test_a_split_beyond_the_data_says_what_there_is() -> None:
    cutoffs = np.arange(0, 70, 7, dtype=np.int64) * DAY
    with pytest.raises(DataError, match=r"no cutoff from test_from 1970-04-11 on.*1970-01-01 to 1970-02-19") as caught:
        split_from(cutoffs, 63 * DAY, 14, 30 * DAY, 100 * DAY, "churn")
    assert "validate" not in str(caught.value)
