{# A grid of its own: 28 weeks to learn from, one moment to choose by and three to test on, a horizon apart. #}
with bounds as (
    select max(purchased_at) as data_end from {{ ref('purchases') }}
),

moments as (
    {% for week in range(28) -%}
    select {{ add_days("cast('2017-02-26' as timestamp)", 7 * week) }} as cutoff
    union all
    {% endfor -%}
    {% for day in ('2017-10-03', '2017-11-01', '2017-11-15', '2017-11-29') -%}
    select cast('{{ day }}' as timestamp) as cutoff
    {{ 'union all' if not loop.last }}
    {% endfor -%}
),

final as (
    select
        moments.cutoff,
        bounds.data_end
    from moments
    cross join bounds
)

select * from final
