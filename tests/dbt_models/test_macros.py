"""Macros as each kind of warehouse renders them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
import sqlglot
from sqlglot import exp

from basemodel_ops.adapters import ADAPTERS

FOLDER = Path(__file__).parents[2] / "dbt" / "macros"
FILES = ("dates", "windows", "cutoffs", "bigquery", "databricks")


def macros(kind: str) -> Any:
    """The macros, dispatched as dbt does for an adapter."""

    def dispatch(name: str) -> Any:
        return getattr(created, f"{kind}__{name}", None) or getattr(created, f"default__{name}")

    text = "\n".join((FOLDER / f"{name}.sql").read_text() for name in FILES)
    created = jinja2.Environment().from_string(text).make_module({"adapter": SimpleNamespace(dispatch=dispatch)})
    return created


@pytest.mark.parametrize("kind", ADAPTERS)
def test_moments_of_events_have_the_type_of_cutoffs_where_types_are_compared(kind: str) -> None:
    """BigQuery compares no DATETIME with a TIMESTAMP; elsewhere a cast would only cost."""
    created = macros(kind)
    for text in (
        f"select {created.in_window('at', 'cutoff', 7)}",
        f"select {created.in_history('at', 'cutoff', 7)}",
        created.cutoffs("events", "at", "2024-01-01"),
    ):
        columns = sqlglot.parse_one(text, read=kind).find_all(exp.Column)
        result = [column.parent for column in columns if column.name == "at"]
        assert result
        for parent in result:
            assert isinstance(parent, exp.Cast) is (kind == "bigquery"), text
            assert not isinstance(parent, exp.Cast) or parent.is_type("timestamptz")  # BigQuery's TIMESTAMP
