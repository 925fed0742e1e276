{# The last day tests, the day before it validates, and three before those are learnt from. #}
with bounds as (
    select max(reviewed_at) as last_day
    from {{ ref('reviews') }}
),

days as (
    select cast(unnest(range(5)) as integer) as back
),

final as (
    select
        bounds.last_day - to_days(days.back) as cutoff,
        bounds.last_day + to_days(1) as data_end
    from bounds
    cross join days
)

select * from final
