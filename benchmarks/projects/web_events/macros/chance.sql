{# A number from 0 to 1 that any run draws alike for the same key. #}
{% macro chance(key) %}(hash({{ key }}) % 1000003) / 1000003.0{% endmacro %}
