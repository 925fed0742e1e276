{# Every week, up to the last that ninety days follow: a week is set against those before it. #}
with bounds as (
    select max(purchased_at) as data_end from {{ ref('purchases') }}
),

final as (
    select
        cast('{{ var("grid_start") }}' as timestamp) + to_days(cast(7 * week.number as integer)) as cutoff,
        bounds.data_end
    from range(67) as week (number)
    cross join bounds
)

select * from final
