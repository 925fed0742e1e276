"""Tables that are printed whole."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from dagster_project.lib.printing import named, show

NUMBERS, NAMES = ("0.34771", "44,500,000"), ("next_products_14d", "behavior.purchases")


def printed(width: int, is_terminal: bool) -> str:
    table = Table(title="Tasks")
    for heading in ("task", "ships", "value", "rows"):
        table.add_column(heading, justify="right" if heading in ("value", "rows") else "left")
    for name in NAMES:
        table.add_row(name, "a mixture of many heads", *NUMBERS)
    out = io.StringIO()
    show(table, Console(file=out, width=width, force_terminal=is_terminal, color_system=None))
    return out.getvalue()


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_no_number_and_no_name_is_cut_on_a_terminal_of_any_width(width: int) -> None:
    text = printed(width, is_terminal=True)
    for complete in (*NUMBERS, *NAMES):
        assert complete in text
    assert "…" not in text
    if width >= 60:  # a table, and it fits
        assert "━" in text
        assert max(map(len, text.splitlines())) <= width


def test_a_log_gets_the_table_in_its_own_width() -> None:
    text = printed(40, is_terminal=False)
    assert "a mixture of many heads" in text
    for complete in (*NUMBERS, *NAMES):
        assert complete in text


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize("width", [10, 80])
@pytest.mark.parametrize("name", ["[/b]", "a [red]b", "tags[day]", "\\[x]"])
def test_other_peoples_names_are_no_markup(name: str, width: int, is_terminal: bool) -> None:
    table, out = Table(), io.StringIO()
    table.add_column(name)
    table.add_column("rows", justify="right")
    table.add_row(name, name)
    show(table, Console(file=out, width=width, force_terminal=is_terminal, color_system=None))
    assert out.getvalue().count(name) == 3


@pytest.mark.parametrize(
    ("key", "expected"), [("patient 1", "patient 1"), (7, "7"), (b"patient 1", "patient 1"), (b"\x00\xff", "00ff")]
)
def test_a_key_is_printed_as_people_write_it(key: object, expected: str) -> None:
    assert named(key) == expected
