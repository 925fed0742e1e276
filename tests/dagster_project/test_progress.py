"""A bar beside what a step says, where it says how much is done."""

import io
import logging

import dagster as dg
import pytest
from rich.console import Console

from dagster_project.lib.progress import CELLS, StepLines, bar


@pytest.mark.parametrize(
    ("message", "full", "share"),
    [
        ("entities: 4,096 of 8,192, about 3.0 min left", CELLS // 2, "50%"),
        ("rows: 100 of 100", CELLS, "100%"),
        ("step 1 of 1,000", 0, "0%"),
    ],
)
def test_a_share_is_drawn(message: str, full: int, share: str) -> None:
    drawn = bar(message)
    assert drawn.count("━") == full
    assert drawn.count("━") + drawn.count("╌") == CELLS
    assert share in drawn


@pytest.mark.parametrize("message", ["encoders/visits is up to date", "3 of 0 rows", "7 of 5"])
def test_nothing_else_is(message: str) -> None:
    assert bar(message) == ""


@pytest.mark.parametrize("name", ["it's [/b]", "tags[day]"])
def test_what_a_check_says_of_other_peoples_columns_stands_as_it_is(name: str) -> None:
    @dg.asset
    def visits() -> None:
        """Visits."""

    @dg.asset_check(asset=visits)
    def types() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, description=f"column {name!r} holds nothing")

    out = io.StringIO()
    lines = StepLines(Console(file=out, width=200))
    events = dg.materialize([visits, types]).all_events
    (failed,) = (event for event in events if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    record = logging.makeLogRecord({"dagster_meta": {"dagster_event": failed}})
    lines.emit(record)
    assert f"! visits: types: column {name!r} holds nothing" in out.getvalue()
