{# Fifty weeks to learn from, one moment to choose by, and three to test on, ninety days later. #}
with bounds as (
    select max(purchased_at) as data_end from {{ ref('purchases') }}
),

moments as (
    select cast('{{ var("grid_start") }}' as timestamp) + to_days(cast(7 * week.number as integer)) as cutoff
    from range(50) as week (number)
    union all
    select cast('{{ var("validation_start") }}' as timestamp) + to_days(later.days) as cutoff
    from (values (0), (90), (104), (118)) as later (days)
),

final as (
    select
        moments.cutoff,
        bounds.data_end
    from moments
    cross join bounds
)

select * from final
