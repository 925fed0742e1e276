"""The layout of a vector."""

from basemodel_ops.representation.layout import Layout


def test_kinds_of_earlier_versions_are_read_under_their_names_of_today() -> None:
    rows = [
        {"kind": kind, "source": "visits", "column": "kind", "detail": "", "length": 1, "offset": n}
        for n, kind in enumerate(("mass", "undated", "count"))
    ]
    assert [block.kind for block in Layout.from_rows(rows).blocks] == ["total_weight", "untimestamped", "count"]


def test_rows_of_cells_of_earlier_versions_are_read_under_their_names_of_today() -> None:
    """A column of today may be called as such a row was."""

    def columns(*names: str) -> list[str]:
        blocks = [("cell", "visits", name, "28", 24) for name in names]
        return [block.column for block in Layout.from_rows(Layout(blocks).explain()).blocks]

    assert columns("at#0", "at#1", "cost") == ["at/0", "at/1", "cost"]
    assert columns("at/0", "at/1", "room#1") == ["at/0", "at/1", "room#1"]
