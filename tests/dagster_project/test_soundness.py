"""SQL that may say something else of the same tables is told from SQL that cannot. When in doubt, it may."""

from typing import Any

import pytest

from dagster_project.lib.soundness import unsound

DECLARED = {("raw", "visits"), ("basemodel", "forgotten")}


def of(code: str, dialect: str = "duckdb", raw: str = "", **config: Any) -> str | None:
    """Why a project of this one model is unsound."""
    model = {
        "name": "model", "resource_type": "model", "language": "sql", "raw_code": raw, "compiled_code": code,
        "config": {"materialized": "table", "pre-hook": [], "post-hook": [], **config},
    }  # fmt: skip
    return unsound({"macros": {}, "nodes": {"model": model}}, {"model"}, DECLARED, dialect)


SOUND = [
    "select * from raw.visits",
    'select * from "warehouse"."raw"."visits"',
    "with visits as (select * from raw.visits), final as (select count(*) as now from visits) select now from final",
    "select date_trunc('week', day) as week, sum(price) filter (where price > 0) from raw.visits group by 1",
    "select lag(day) over (partition by patient order by day) from raw.visits",
    "select cast('2024-01-01' as timestamp) + interval '7 days' as cutoff",
    "select * from raw.visits as v where not exists (select 1 from basemodel.forgotten as f where f.d = sha256(v.p))",
]


@pytest.mark.parametrize("query", SOUND)
def test_queries_of_declared_tables_alone_are_sound(query: str) -> None:
    assert of(query) is None


@pytest.mark.parametrize("query", ["select * from generate_series(1, 3) as t (n)", "select * from range(3) as t (n)"])
def test_series_are_sound(query: str) -> None:
    assert of(query) is None


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "snowflake"])
@pytest.mark.parametrize(
    "query",
    [
        "select current_timestamp from raw.visits", "select now()", "select current_date", "select getdate()",
        "select localtimestamp", "select sysdate()", "select today()", "select cast('now' as timestamp)",
        "select date 'today'", "select age(day) from raw.visits", "select clock_timestamp()",
        "select random()", "select uuid()", "select gen_random_uuid()", "select nextval('s')", "select current_user",
        "select current_setting('x')", "select my_function(day) from raw.visits",
        "select * from raw.visits tablesample (10)",
        "select * from raw.others", "select * from 'file.csv'", "select * from read_csv('file.csv')",
        "select * from others", "select 1 where exists (select 1 from raw.others)",
        "delete from raw.visits", "select 1; select 2", "", "this is no sql",
    ],
)  # fmt: skip
def test_clocks_chance_and_undeclared_tables_are_unsound(query: str, dialect: str) -> None:
    assert of(query, dialect)


@pytest.mark.parametrize(
    "raw",
    [
        "select '{{ run_started_at }}'", "select '{{ invocation_id }}'", "{% set x = run_query('select 1') %}",
        "{% call statement('x') %} select 1 {% endcall %}", "{{ modules.datetime.datetime.now() }}",
        "{{ adapter.get_relation(database='a', schema='raw', identifier='others') }}",
        "{{ adapter.get_relation(database=x, schema='basemodel', identifier='scores') }}",
    ],
)  # fmt: skip
def test_what_is_known_only_as_a_model_is_compiled_is_unsound(raw: str) -> None:
    assert of("select * from raw.visits", raw=raw)


def test_querying_for_the_table_of_the_forgotten_is_sound() -> None:
    asks = "{{ adapter.get_relation(database=target.database, schema='basemodel', identifier='forgotten') }}"
    assert of("select * from raw.visits", raw=asks) is None
    assert of("select * from raw.visits", raw="{{ adapter.dispatch('add_days')(a, 7) }}") is None


@pytest.mark.parametrize(
    "config", [{"materialized": "incremental"}, {"materialized": "mine"}, {"pre-hook": [{"sql": "select 1"}]}]
)
def test_increments_and_hooks_are_unsound(config: dict[str, Any]) -> None:
    assert of("select * from raw.visits", **config)


def test_hooks_of_the_run_are_unsound_unless_they_say_nothing() -> None:
    def hook(code: str) -> str | None:
        node = {"name": "start", "resource_type": "operation", "compiled_code": code}
        return unsound({"macros": {}, "nodes": {"start": node}}, {"start"}, DECLARED, "duckdb")

    assert hook(" \n") is None
    assert "start" in (hook("insert into log values (1)") or "")


def test_macros_of_the_project_are_read_and_those_of_dbt_are_not() -> None:
    def macro(package: str) -> str | None:
        result = {"name": "m", "package_name": package, "macro_sql": "{{ run_started_at }}"}
        return unsound({"macros": {"m": result}, "nodes": {}}, set(), DECLARED, "duckdb")

    assert macro("dbt") is None
    assert macro("dbt_duckdb") is None
    assert macro("clinic")
    assert macro("dbt_utils")
