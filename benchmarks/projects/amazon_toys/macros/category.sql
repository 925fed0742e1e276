{% macro category() -%} Toys_and_Games {%- endmacro %}
