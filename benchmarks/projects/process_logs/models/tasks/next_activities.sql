{% set horizon = var('horizon') %}
{# What comes first after each cutoff, of the cases that are open then. #}
with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

open_cases as (
    select * from {{ ref('open_cases') }}
),

activities as (
    select * from {{ ref('activities') }}
),

final as (
    select
        open_cases.case_id,
        open_cases.cutoff,
        cutoffs.data_end,
        min(activities.completed_at) as next_at,
        arg_min(activities.activity, (activities.completed_at, activities.activity)) as next_activity
    from open_cases
    inner join cutoffs on open_cases.cutoff = cutoffs.cutoff
    left join activities
        on
            open_cases.case_id = activities.case_id
            and {{ in_window('activities.completed_at', 'open_cases.cutoff', horizon) }}
    group by open_cases.case_id, open_cases.cutoff, cutoffs.data_end
)

select * from final
