"""Trends, averages and rates against counts of events, and which questions read them."""

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.contract.types import TaskType
from basemodel_ops.representation import History, Layout
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.scalars import history_scalars, scalar_names
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.snapshot.task_rows import load_task_rows
from basemodel_ops.stages.tasks.difference_features import RATES, difference_features, difference_values, rate_features
from basemodel_ops.stages.tasks.feature_sets import aggregate_names, item_names, single_feature_sets

from ..riding import ask, is_over

CUTOFF = 1000


def test_differences_are_differences_of_the_logarithms_of_counts() -> None:
    # Three sessions of 2, 1 and 3 events, 40, 10 and 3 days before the cutoff, and one that lies after it.
    days = np.array([960, 960, 990, 997, 997, 997, 1001])
    session, amount = np.array([0, 0, 1, 2, 2, 2, 3]), np.array([5.0, 1.0, 2.0, 1.0, 1.0, 4.0, 99.0])
    history = History(np.array([0, 7]), days * DAY, session, {}, {"amount": amount})
    values = history_scalars(history, np.array([CUTOFF * DAY]), (7, 28), first_event_time=0)[0]
    layout = Layout(("scalar", "trips", "", name, 1) for name in scalar_names(["amount"], (7, 28)))
    chosen = difference_features(layout)
    result = dict(
        zip(
            [value.name for value in chosen],
            difference_values(values, np.arange(layout.length), chosen)[0],
            strict=True,
        )
    )
    assert len(result) == 4 * 2 + 2 * 3
    log = np.log1p
    assert result["trips events 7d less 28d"] == pytest.approx(log(3) - log(4), abs=1e-5)
    assert result["trips sessions 7d less 28d"] == pytest.approx(log(1) - log(2), abs=1e-5)
    assert result["trips sum_amount 7d less 28d"] == pytest.approx(log(6) - log(8), abs=1e-5)
    assert result["trips events a session 28d"] == pytest.approx(log(4) - log(2), abs=1e-5)
    assert result["trips sum_amount a session 7d"] == pytest.approx(log(6) - log(1), abs=1e-5)


def test_positions_may_be_some_in_any_order_and_there_may_be_no_scalars() -> None:
    layout = Layout([("calendar", "", "", "year", 2), *(("scalar", "s", "", n, 1) for n in scalar_names([], (7,)))])
    complete, chosen = np.random.default_rng(0).random((5, layout.length)), difference_features(layout)
    order = np.random.default_rng(1).permutation(np.arange(1, layout.length))
    expected = np.stack([complete[:, value.first] - complete[:, value.second] for value in chosen], axis=1)
    np.testing.assert_array_equal(difference_values(complete[:, order], order, chosen), expected)
    assert difference_features(Layout([("calendar", "", "", "year", 2)])) == []
    assert difference_values(complete, np.arange(layout.length), []).shape == (5, 0)


def test_a_rate_is_the_ratio_of_two_sums_of_a_source_at_a_half_life() -> None:
    sums = {("games", "hits"): 30.0, ("games", "balls"): 100.0, ("games", "runs"): 5.0, ("wages", "paid"): 7.0}
    layout = Layout(("sum", *names, half_life, 1) for half_life in ("28", "365") for names in sums)
    amounts = np.array([*sums.values(), *(3 * value for value in sums.values())])
    chosen = rate_features(layout)
    ratios = np.exp(difference_values(np.log(amounts)[None], np.arange(8), chosen)[0])
    result = dict(zip([value.name for value in chosen], ratios, strict=True))
    assert len(result) == 2 * 3 + 4
    assert result["games hits for each balls, halved every 28 days"] == pytest.approx(0.3)
    assert result["games balls for each runs, halved every 365 days"] == pytest.approx(20)
    assert {(value.source, *value.columns) for value in chosen} == {
        ("games", "hits", "balls"), ("games", "hits", "runs"), ("games", "balls", "runs"),
        ("games", "hits"), ("games", "balls"), ("games", "runs"), ("wages", "paid"),
    }  # fmt: skip
    assert result["wages paid, halved every 28 days, for each halved every 365"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("half_lives", [("28",), ("28", "365")])
def test_of_many_numbers_so_many_pairs_have_rates_at_most(half_lives: tuple[str, ...]) -> None:
    layout = Layout(("sum", "games", f"n{number}", days, 1) for days in half_lives for number in range(60))
    chosen = [rate for rate in rate_features(layout) if len(rate.columns) == 2]
    assert len(chosen) == len({rate.name for rate in chosen}) == RATES
    assert len({rate.columns for rate in chosen}) == RATES // len(half_lives)


@pytest.mark.parametrize("kind", [TaskType.REGRESSION, TaskType.BINARY])
def test_a_question_of_an_amount_reads_them_and_a_yes_or_no_does_not(riders: Workspace, kind: TaskType) -> None:
    requested, task = ask(riders, lambda _, cutoff: int(cutoff.month % 2) if is_over(cutoff) else None, pa.int64())
    task = task.model_copy(update={"type": kind})
    with requested.warehouse() as warehouse:
        rows = load_task_rows(warehouse, task, requested.times(warehouse))
    examples = ExamplesArtifact.current(requested.store)
    row_index = examples.locate(rows.entity, rows.cutoff)
    feature_sets, names = (
        single_feature_sets(examples, Checkpoint(requested.store), row_index[row_index >= 0], task),
        aggregate_names(examples, task),
    )
    assert feature_sets.aggregates.shape[1] == len(names)
    assert feature_sets.items is not None
    assert feature_sets.items.shape[1] == len(item_names(examples))
    half_lives = [f"{days:g}" for days in sorted(requested.settings.half_lives)]
    assert item_names(examples)[-1].endswith(f"{half_lives[-2]} days, for each halved every {half_lives[-1]}")
    result = [name for name in names if " less " in name or " a session " in name]
    assert result == [value.name for value in difference_features(examples.layout) if kind is TaskType.REGRESSION]
    assert (kind is TaskType.REGRESSION) == bool(result)
