"""Tables on a terminal, in a file or in a log: nothing in them is ever cut, or taken for markup."""

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

UNBOUNDED = 100_000
"""Wider than any table."""


def named(value: object) -> str:
    """A key as it is printed; binary ones as text, or in hexadecimal where they are none."""
    if not isinstance(value, bytes):
        return str(value)
    text = value.decode(errors="replace")
    return text if text.isprintable() and "\ufffd" not in text else value.hex()


def show(table: Table, console: Console) -> None:
    """Print a table whole: words fold, and numbers and names do not. What is still too wide for a terminal stands row
    by row, and what goes elsewhere, a file or a log, is as wide as it needs. Cells stand as they are: other people's
    names and values may hold brackets."""
    for column in table.columns:
        is_words = column.justify != "right" and any(" " in str(cell) for cell in column.cells)
        column.no_wrap, column.overflow = not is_words, "fold"
    need = Measurement.get(console, console.options.update(max_width=UNBOUNDED, markup=False), table)
    if not console.is_terminal:
        Console(file=console.file, width=need.maximum).print(table, markup=False)
    elif need.minimum <= console.width:
        console.print(table, markup=False)
    else:
        _show_rows(table, console)


def _show_rows(table: Table, console: Console) -> None:
    """One line for each cell, one paragraph for each row."""
    if table.title:
        console.print(table.title, style="italic", soft_wrap=True, markup=False)
    headings = [str(column.header) for column in table.columns]
    for row in zip(*(column.cells for column in table.columns), strict=True):
        for heading, cell in zip(headings, row, strict=True):
            if cell != "":
                console.print(f"{heading}: {cell}" if heading else cell, soft_wrap=True, markup=False)
        console.print()
