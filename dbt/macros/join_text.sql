{# The values of a group as one text, in order. #}
{% macro join_text(value, ordering, separator=', ') -%}
    {{ adapter.dispatch('join_text')(value, ordering, separator) }}
{%- endmacro %}

{% macro duckdb__join_text(value, ordering, separator) -%}
    string_agg(cast({{ value }} as varchar), '{{ separator }}' order by {{ ordering }})
{%- endmacro %}

{% macro postgres__join_text(value, ordering, separator) -%}
    string_agg(cast({{ value }} as varchar), '{{ separator }}' order by {{ ordering }})
{%- endmacro %}

{% macro snowflake__join_text(value, ordering, separator) -%}
    listagg(cast({{ value }} as varchar), '{{ separator }}') within group (order by {{ ordering }})
{%- endmacro %}
