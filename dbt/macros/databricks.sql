{# What Databricks spells otherwise. Moments are TIMESTAMP there; dbt's sessions have the zone of the SQL warehouse. #}
{% macro databricks__add_days(moment, days) -%}
    ({{ moment }} + interval '{{ days }}' day)
{%- endmacro %}

{% macro databricks__current_moment() -%}
    current_timestamp()
{%- endmacro %}

{% macro databricks__days_between(first, last) -%}
    datediff(cast({{ last }} as date), cast({{ first }} as date))
{%- endmacro %}

{% macro databricks__join_text(value, ordering, separator) -%}
    listagg(cast({{ value }} as string), '{{ separator }}') within group (order by {{ ordering }})
{%- endmacro %}

{% macro databricks__id_digest(entity) -%}
    sha2(cast({{ entity }} as string), 256)
{%- endmacro %}
