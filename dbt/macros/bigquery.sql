{# What BigQuery spells otherwise. Moments are TIMESTAMP there, always in UTC. #}
{% macro bigquery__add_days(moment, days) -%}
    ({{ moment }} + interval {{ days }} day)
{%- endmacro %}

{% macro bigquery__as_moment(value) -%}
    cast({{ value }} as timestamp)
{%- endmacro %}

{% macro bigquery__current_moment() -%}
    current_timestamp()
{%- endmacro %}

{% macro bigquery__days_between(first, last) -%}
    date_diff(cast({{ last }} as date), cast({{ first }} as date), day)
{%- endmacro %}

{% macro bigquery__join_text(value, ordering, separator) -%}
    string_agg(cast({{ value }} as string), '{{ separator }}' order by {{ ordering }})
{%- endmacro %}

{% macro bigquery__id_digest(entity) -%}
    to_hex(sha256(cast({{ entity }} as string)))
{%- endmacro %}
