{# The rows of the newest partition of a score table. #}
{% macro newest(scores) -%}
select * from {{ scores }}
    where as_of = (select max(as_of) from {{ scores }})
{%- endmacro %}

{# The same of a table that a setting may leave out: without it no row, of a key, integers and texts. #}
{% macro newest_if_there(scores, key, integers, texts) -%}
{%- if not execute or adapter.get_relation(scores.database, scores.schema, scores.identifier) -%}
{{ newest(scores) }}
{%- else -%}
select
        cast(null as {{ dbt.type_bigint() }}) as {{ key }}
        {%- for column in integers %},
        cast(null as {{ dbt.type_int() }}) as {{ column }}
        {%- endfor %}
        {%- for column in texts %},
        cast(null as {{ dbt.type_string() }}) as {{ column }}
        {%- endfor %}
    from (select 1 as one) as constant
    where one = 0
{%- endif -%}
{%- endmacro %}
