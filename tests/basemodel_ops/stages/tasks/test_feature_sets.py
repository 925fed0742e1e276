"""Which numbers of a row the heads of items read."""

from types import SimpleNamespace
from typing import cast

import numpy as np

from basemodel_ops.representation import Layout
from basemodel_ops.representation.between import between_specs
from basemodel_ops.representation.calendar import OFTEN, calendar_specs
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.recent import recent_specs
from basemodel_ops.representation.runs import run_specs
from basemodel_ops.stages.features.rows import Represented
from basemodel_ops.stages.foundation.learner_layout import MOST_ITEMS
from basemodel_ops.stages.tasks.feature_sets import item_positions, newest_features


def kinds_read(cutoffs: np.ndarray) -> list[tuple[str, str]]:
    """Kind and detail of every number that heads of items read of a row of two sources."""
    specs = [("scalar", "calls", "", "tenure", 1), *run_specs("calls", ["reason"])]
    layout = Layout([*specs, *between_specs(["calls", "orders"]), *calendar_specs(cutoffs)])
    rows = cast(Represented, SimpleNamespace(layout=layout))
    named = {row_index: (b.kind, b.detail) for b in layout.blocks for row_index in range(b.offset, b.end)}
    return [named[row_index] for row_index in item_positions(rows).tolist()]


def test_runs_order_and_weekday_are_read_and_the_day_of_the_year_is_not() -> None:
    days = np.arange(7 * OFTEN) * DAY
    described = [("run", "length"), ("run", "age"), ("run", "runs"), ("between", "orders")]
    assert kinds_read(days) == [*described, ("clock", "weekday")]
    assert kinds_read(days * 7) == described


def of_columns(**sizes: int) -> tuple[list[tuple[str, str, str]], np.ndarray | None, np.ndarray | None]:
    """What heads of items read of one source whose columns have so many items, and what `newest_features` picks."""
    counted = [(kind, "calls", column, "", size) for kind in ("count", "recency") for column, size in sizes.items()]
    layout = Layout([*counted, *recent_specs("calls", list(sizes), ["minutes"])])
    rows = cast(Represented, SimpleNamespace(layout=layout))
    named = {row_index: (b.kind, b.column, b.detail) for b in layout.blocks for row_index in range(b.offset, b.end)}
    return [named[row_index] for row_index in item_positions(rows).tolist()], *newest_features(rows)


def test_the_newest_of_many_items_are_sets_and_of_few_are_ranks() -> None:
    read, newest, categories = of_columns(reason=MOST_ITEMS + 1, line=MOST_ITEMS)
    assert newest is not None
    assert categories is not None
    assert [read[n] for n in newest] == [part for part in read if part[0] not in ("count", "recency")]
    assert [read[n] for n in newest[categories]] == [
        ("recent_item", "reason", row_index) for row_index in ("1", "2", "3")
    ]


def test_few_items_need_no_sets() -> None:
    assert of_columns(reason=MOST_ITEMS)[1:] == (None, None)
