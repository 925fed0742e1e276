"""The texts of a proposed project: its profile, macros, grid, first question and README."""

DUCKDB = """\
{name}:
  target: duckdb
  outputs:
    duckdb:
      type: duckdb
      path: "{{{{ env_var('BASEMODEL_WAREHOUSE_PATH', '.basemodel/warehouse.duckdb') }}}}"
      schema: main
      threads: 2
      settings: {{TimeZone: UTC}}
{attached}"""

POSTGRES = """\
{name}:
  target: postgres
  outputs:
    postgres:
      type: postgres
      host: "{{{{ env_var('PGHOST') }}}}"
      port: "{{{{ env_var('PGPORT', '5432') | as_number }}}}"
      user: "{{{{ env_var('PGUSER') }}}}"
      password: "{{{{ env_var('PGPASSWORD', '') }}}}"
      dbname: "{{{{ env_var('PGDATABASE') }}}}"
      sslmode: "{{{{ env_var('PGSSLMODE', 'prefer') }}}}"
      schema: public
      threads: 4
{attached}"""

SNOWFLAKE = """\
{name}:
  target: snowflake
  outputs:
    snowflake:
      type: snowflake
      account: "{{{{ env_var('SNOWFLAKE_ACCOUNT') }}}}"
      user: "{{{{ env_var('SNOWFLAKE_USER') }}}}"
      password: "{{{{ env_var('SNOWFLAKE_PASSWORD', 'None') | as_native }}}}"
      private_key: "{{{{ env_var('SNOWFLAKE_PRIVATE_KEY', 'None') | as_native }}}}"
      private_key_path: "{{{{ env_var('SNOWFLAKE_PRIVATE_KEY_PATH', 'None') | as_native }}}}"
      private_key_passphrase: "{{{{ env_var('SNOWFLAKE_PRIVATE_KEY_PASSPHRASE', 'None') | as_native }}}}"
      role: "{{{{ env_var('SNOWFLAKE_ROLE') }}}}"
      warehouse: "{{{{ env_var('SNOWFLAKE_WAREHOUSE') }}}}"
      database: "{{{{ env_var('SNOWFLAKE_DATABASE') }}}}"
      schema: public
      host: "{{{{ env_var('SNOWFLAKE_HOST', 'None') | as_native }}}}"
      port: "{{{{ env_var('SNOWFLAKE_PORT', 'None') | as_native }}}}"
      protocol: "{{{{ env_var('SNOWFLAKE_PROTOCOL', 'None') | as_native }}}}"
      threads: 4
{attached}"""

PROFILES = {"duckdb": DUCKDB, "postgres": POSTGRES, "snowflake": SNOWFLAKE}
"""By the dialect of the warehouse."""

DIGESTS = {
    "duckdb": "sha256(cast({{ entity }} as varchar))",
    "postgres": "encode(sha256(convert_to(cast({{ entity }} as varchar), 'UTF8')), 'hex')",
    "snowflake": "sha2(cast({{ entity }} as varchar), 256)",
}
"""SHA-256 of an entity's id as text, in lower-case hexadecimal."""

TIMESTAMPS = {"duckdb": "timestamp", "postgres": "timestamp", "snowflake": "timestamp_ntz"}
"""Timestamps without a zone: which ones Snowflake's `timestamp` are is a setting of the account."""

MACROS = """\
{# Schemas are named as declared, without the target's schema in front. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}

{# True for entities that nobody asked to be forgotten: `basemodel forget` makes the table of digests. #}
{% macro is_remembered(entity) -%}
    {%- set forgotten = none -%}
    {%- if execute -%}
        {%- set forgotten = adapter.get_relation(
            database=target.database, schema='basemodel', identifier='forgotten'
        ) -%}
    {%- endif -%}
    {%- if forgotten -%}
        not exists (
            select 1 from {{ forgotten }} as forgotten
            where forgotten.digest = DIGEST
        )
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
"""

GRID = """\
-- Moments at which history ends and future begins, and the end of the data.
with bounds as (
{ends}
),

final as (
    select
        steps.cutoff,
        bounds.data_end
    from bounds
    cross join generate_series(timestamp '{start}', bounds.data_end, interval '{count} {unit}') as steps (cutoff)
)

select * from final
"""

GRID_OF_A_GENERATOR = """\
-- Moments at which history ends and future begins, and the end of the data.
with bounds as (
{ends}
),

steps as (
    select
        dateadd({unit}, {count} * (row_number() over (order by seq4()) - 1), cast('{start}' as timestamp_ntz)) as cutoff
    from table(generator(rowcount => 10000))
),

final as (
    select
        steps.cutoff,
        bounds.data_end
    from bounds
    inner join steps on steps.cutoff <= bounds.data_end
)

select * from final
"""

GRIDS = {"duckdb": GRID, "postgres": GRID, "snowflake": GRID_OF_A_GENERATOR}

TASK = """\
-- Who of those seen in the {lookback} days before comes back within {horizon} days? Null while that is not over.
with cutoffs as (
    select * from {{{{ ref('cutoffs') }}}}
),

events as (
    select * from {{{{ ref('{source}') }}}}
),

asked as (
    select distinct
        events.{entity},
        cutoffs.cutoff,
        cutoffs.data_end
    from events
    inner join cutoffs
        on
            events.{time} >= cutoffs.cutoff - interval '{lookback} days'
            and events.{time} < cutoffs.cutoff
),

later as (
    select distinct
        events.{entity},
        cutoffs.cutoff
    from events
    inner join cutoffs
        on
            events.{time} >= cutoffs.cutoff
            and events.{time} < cutoffs.cutoff + interval '{horizon} days'
),

final as (
    select
        asked.{entity},
        asked.cutoff,
        case
            when asked.cutoff + interval '{horizon} days' <= asked.data_end
                then later.{entity} is not null
        end as returns
    from asked
    left join later on asked.{entity} = later.{entity} and asked.cutoff = later.cutoff
)

select * from final
"""

README = """\
# {name}

Made by `basemodel init` from {files}, read where they are. Everything here is a first guess, and yours
to edit: `models/raw` reads the tables, `models/behavior` names, types and annotates their columns, `models/tasks` holds
the grid of cutoffs and a first question.

    export BASEMODEL_DBT_PROJECT_DIR={quoted} BASEMODEL_HOME={home}
    basemodel contract     # what is declared and inferred
    basemodel run          # train, answer, and say what the answers are worth

To read another warehouse, write its tables into `models/raw`, and a profile of its type.
"""
