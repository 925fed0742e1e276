{# The rows of the newest partition of a score table. #}
{% macro newest(scores) -%}
select * from {{ scores }}
    where as_of = (select max(as_of) from {{ scores }})
{%- endmacro %}
