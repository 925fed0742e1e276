{# True for entities that nobody asked to be forgotten. `basemodel forget` makes the table of digests, outside dbt:
   before it is there, everybody is remembered. Not a dbt source, since models below those are built after scoring. #}
{% macro is_remembered(entity) -%}
    {%- set forgotten = none -%}
    {%- if execute -%}
        {%- set forgotten = adapter.get_relation(database=target.database, schema='basemodel', identifier='forgotten') -%}
    {%- endif -%}
    {%- if forgotten -%}
        not exists (select 1 from {{ forgotten }} as forgotten where forgotten.digest = {{ id_digest(entity) }})
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# SHA-256 of the id as text, in lower-case hexadecimal. #}
{% macro id_digest(entity) -%}
    {{ adapter.dispatch('id_digest')(entity) }}
{%- endmacro %}

{% macro duckdb__id_digest(entity) -%}
    sha256(cast({{ entity }} as varchar))
{%- endmacro %}

{% macro snowflake__id_digest(entity) -%}
    sha2(cast({{ entity }} as varchar), 256)
{%- endmacro %}

{% macro postgres__id_digest(entity) -%}
    encode(sha256(convert_to(cast({{ entity }} as varchar), 'UTF8')), 'hex')
{%- endmacro %}
