{# Moments are timestamps without a zone, in UTC. #}
{% macro add_days(moment, days) -%}
    {{ adapter.dispatch('add_days')(moment, days) }}
{%- endmacro %}

{% macro duckdb__add_days(moment, days) -%}
    ({{ moment }} + interval '{{ days }} days')
{%- endmacro %}

{% macro postgres__add_days(moment, days) -%}
    ({{ moment }} + interval '{{ days }} days')
{%- endmacro %}

{% macro snowflake__add_days(moment, days) -%}
    dateadd(day, {{ days }}, {{ moment }})
{%- endmacro %}


{# A moment of an event, of the type that cutoffs have: warehouses other than BigQuery compare their types. #}
{% macro as_moment(value) -%}
    {{ adapter.dispatch('as_moment')(value) }}
{%- endmacro %}

{% macro default__as_moment(value) -%}
    {{ value }}
{%- endmacro %}


{% macro current_moment() -%}
    {{ adapter.dispatch('current_moment')() }}
{%- endmacro %}

{% macro duckdb__current_moment() -%}
    cast(current_timestamp at time zone 'UTC' as timestamp)
{%- endmacro %}

{% macro postgres__current_moment() -%}
    cast(current_timestamp at time zone 'UTC' as timestamp)
{%- endmacro %}

{% macro snowflake__current_moment() -%}
    sysdate()
{%- endmacro %}


{# Whole days from one date to another. #}
{% macro days_between(first, last) -%}
    {{ adapter.dispatch('days_between')(first, last) }}
{%- endmacro %}

{% macro duckdb__days_between(first, last) -%}
    datediff('day', cast({{ first }} as date), cast({{ last }} as date))
{%- endmacro %}

{% macro postgres__days_between(first, last) -%}
    (cast({{ last }} as date) - cast({{ first }} as date))
{%- endmacro %}

{% macro snowflake__days_between(first, last) -%}
    datediff(day, cast({{ first }} as date), cast({{ last }} as date))
{%- endmacro %}
