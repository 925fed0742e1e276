"""The layout of a vector."""

from basemodel_ops.representation.layout import Layout


def test_kinds_of_earlier_versions_are_read_under_their_names_of_today() -> None:
    rows = [
        {"kind": kind, "source": "visits", "column": "kind", "detail": "", "length": 1, "offset": n}
        for n, kind in enumerate(("mass", "undated", "count"))
    ]
    assert [block.kind for block in Layout.from_rows(rows).blocks] == ["total_weight", "untimestamped", "count"]
