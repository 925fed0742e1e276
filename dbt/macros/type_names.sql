{# Types that models name and a warehouse spells otherwise; run before anything is built. #}
{% macro type_names() -%}
    {{ adapter.dispatch('type_names')() }}
{%- endmacro %}

{% macro default__type_names() -%}{%- endmacro %}

{# A domain is stored and read as the type beneath it. #}
{% macro postgres__type_names() -%}
do $$
begin
    if to_regtype('double') is null then
        create domain public.double as double precision;
    end if;
end
$$
{%- endmacro %}
