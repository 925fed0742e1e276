{# Cutoffs have numbers, from 0; so have the weeks that begin with them. Weeks before the first cutoff are negative. #}
{% macro week_of(moment) -%}
    cast(floor((epoch({{ moment }}) - epoch(timestamp '{{ var("grid_start") }}')) / 604800) as integer)
{%- endmacro %}

{% macro cutoff_of(number) -%}
    (timestamp '{{ var("grid_start") }}' + to_days(cast(7 * {{ number }} as integer)))
{%- endmacro %}

{# Numbers of the cutoffs that see a week among the eight before them, one row each; until the next active week only. #}
{% macro numbers_after(week, next_week) -%}
    unnest(generate_series(
        greatest({{ week }} + 1, 0), least(coalesce({{ next_week }}, {{ week }} + 8), {{ week }} + 8, {{ var('cutoffs') }} - 1)
    ))
{%- endmacro %}

{# Whether a window of so many weeks is over at the end of the data, which is the last cutoff. #}
{% macro is_over(number, weeks) -%}
    {{ number }} + {{ weeks }} < {{ var('cutoffs') }}
{%- endmacro %}
