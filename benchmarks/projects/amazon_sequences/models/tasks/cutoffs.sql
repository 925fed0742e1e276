{# The last day tests, the day before it validates, and three before those are learnt from. #}
with bounds as (
    select max(reviewed_at) as last_day from {{ ref('reviews') }}
),

final as (
    select
        last_day - to_days(days.days) as cutoff,
        last_day + to_days(1) as data_end
    from bounds
    cross join (select cast(unnest(range(5)) as integer) as days) as days
)

select * from final
