"""A bar beside what a step says, where it says how much is done."""

import pytest

from dagster_project.lib.progress import CELLS, bar


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
