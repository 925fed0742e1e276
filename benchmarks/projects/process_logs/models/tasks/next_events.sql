{# What comes after each event of a case, asked when that event is known. #}
with cutoffs as (
    select
        min(cutoff) as first_cutoff,
        max(data_end) as data_end
    from {{ ref('cutoffs') }}
),

activities as (
    select * from {{ ref('activities') }}
),

moments as (
    select
        activities.case_id,
        activities.completed_at as moment,
        min(activities.activity) as activity
    from activities
    cross join cutoffs
    where
        activities.completed_at <= cutoffs.data_end
        and {{ is_remembered('activities.case_id') }}
    group by activities.case_id, activities.completed_at
),

followed as (
    select
        *,
        lead(moment) over (partition by case_id order by moment) as next_at,
        lead(activity) over (partition by case_id order by moment) as next_activity
    from moments
),

final as (
    select
        followed.case_id,
        followed.moment,
        followed.next_at,
        followed.next_activity
    from followed
    cross join cutoffs
    where followed.moment >= cutoffs.first_cutoff
)

select * from final
