{% macro category() -%} Sports_and_Outdoors {%- endmacro %}
