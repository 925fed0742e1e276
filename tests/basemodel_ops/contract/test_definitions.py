"""A table's definition is another one when its SQL is, and not when its comments are."""

from copy import deepcopy
from typing import Any

import pytest

from basemodel_ops.contract.definitions import definitions

MANIFEST: dict[str, Any] = {
    "nodes": {
        "model.shop.stg": {
            "resource_type": "model", "schema": "staging", "name": "stg", "raw_code": "select * from raw",
            "depends_on": {"nodes": ["source.shop.raw"], "macros": ["macro.dbt.ref"]},
        },
        "model.shop.events": {
            "resource_type": "model", "schema": "behavior", "name": "events",
            "raw_code": "select id, {{ days('a') }} from {{ ref('stg') }}",
            "depends_on": {"nodes": ["model.shop.stg"], "macros": ["macro.shop.days"]},
        },
        "model.shop.other": {
            "resource_type": "model", "schema": "behavior", "name": "other", "raw_code": "select 1",
            "depends_on": {"nodes": [], "macros": []},
        },
    },
    "macros": {
        "macro.shop.days": {"package_name": "shop", "name": "days", "macro_sql": "{{ dispatch('days') }}"},
        "macro.shop.duckdb__days": {"package_name": "shop", "name": "duckdb__days", "macro_sql": "date_diff('day')"},
        "macro.dbt.ref": {"package_name": "dbt", "name": "ref", "macro_sql": "whatever"},
    },
}  # fmt: skip


def changed(kind: str, key: str, field: str, text: str) -> dict[str, str]:
    manifest = deepcopy(MANIFEST)
    manifest[kind][key][field] = text
    return definitions(manifest)


@pytest.mark.parametrize(
    "text",
    [
        "select * from raw -- all of it",
        "select *\n    from raw",
        "/* a note */ select * from raw",
        "{# a note\n of two lines #} select * from raw",
    ],
)
def test_comments_and_white_space_change_nothing(text: str) -> None:
    assert changed("nodes", "model.shop.stg", "raw_code", text) == definitions(MANIFEST)


def test_another_query_changes_the_model_and_all_above_it() -> None:
    before, after = definitions(MANIFEST), changed("nodes", "model.shop.stg", "raw_code", "select * from raw where x")
    assert {name for name in before if before[name] != after[name]} == {"staging.stg", "behavior.events"}


@pytest.mark.parametrize("macro", ["macro.shop.days", "macro.shop.duckdb__days"])
def test_a_macro_changes_the_models_that_use_it_in_whatever_dialect(macro: str) -> None:
    before, after = definitions(MANIFEST), changed("macros", macro, "macro_sql", "date_diff('hour')")
    assert {name for name in before if before[name] != after[name]} == {"behavior.events"}


def test_macros_of_dbt_itself_are_not_looked_at() -> None:
    assert changed("macros", "macro.dbt.ref", "macro_sql", "another release") == definitions(MANIFEST)


def test_what_nothing_depends_on_changes_only_itself() -> None:
    before, after = definitions(MANIFEST), changed("nodes", "model.shop.other", "raw_code", "select 2")
    assert {name for name in before if before[name] != after[name]} == {"behavior.other"}
