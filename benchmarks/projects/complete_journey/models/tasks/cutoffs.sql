{# A grid of its own: 28 weeks to learn from, one moment to choose by and three to test on, a horizon apart. #}
with bounds as (
    select max(purchased_at) as data_end from {{ ref('purchases') }}
),

moments as (
    select timestamp '2017-02-26' + to_days(cast(7 * week.number as integer)) as cutoff
    from range(28) as week (number)
    union all
    select cast(later.day as timestamp) as cutoff
    from (values ('2017-10-03'), ('2017-11-01'), ('2017-11-15'), ('2017-11-29')) as later (day)
),

final as (
    select
        moments.cutoff,
        bounds.data_end
    from moments
    cross join bounds
)

select * from final
