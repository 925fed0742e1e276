{% set lookback = var('lookback') | int %}

with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

activities as (
    select * from {{ ref('activities') }}
),

final as (
    select distinct
        activities.case_id,
        cutoffs.cutoff
    from activities
    inner join cutoffs on {{ in_history('activities.completed_at', 'cutoffs.cutoff', lookback) }}
    where {{ is_remembered('activities.case_id') }}
)

select * from final
