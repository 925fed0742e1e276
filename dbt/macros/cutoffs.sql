{# One row per week from `start` while there are data: the time grid that all tasks share.
   `now` is the moment a stopped data set stopped; none means the clock. #}
{% macro cutoffs(events, moment, start, now=none) -%}
with recursive bounds as (
    select
        max({{ as_moment(moment) }}) as data_end,
        {% if now -%} cast('{{ now }}' as timestamp) {%- else -%} {{ current_moment() }} {%- endif %} as now
    from {{ events }}
),

weeks as (
    select cast('{{ start }}' as timestamp) as cutoff
    union all
    select {{ add_days('weeks.cutoff', 7) }} as cutoff
    from weeks
    cross join bounds
    where
        {{ add_days('weeks.cutoff', 7) }} <= bounds.data_end
        and {{ add_days('weeks.cutoff', 7) }} <= bounds.now
),

final as (
    select
        weeks.cutoff,
        bounds.data_end
    from weeks
    cross join bounds
    where
        weeks.cutoff <= bounds.data_end
        and weeks.cutoff <= bounds.now
)

select * from final
{%- endmacro %}
