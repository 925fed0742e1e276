with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

visits as (
    select * from {{ ref('visits') }}
),

active as (
    select distinct
        visits.patient,
        cutoffs.cutoff,
        cutoffs.data_end
    from visits
    inner join cutoffs
        on visits.visited_at >= cutoffs.cutoff - interval '56 days' and visits.visited_at < cutoffs.cutoff
),

returns as (
    select distinct
        visits.patient,
        cutoffs.cutoff
    from visits
    inner join cutoffs
        on visits.visited_at >= cutoffs.cutoff and visits.visited_at < cutoffs.cutoff + interval '14 days'
),

final as (
    select
        active.patient,
        active.cutoff,
        case
            when active.cutoff + interval '14 days' <= active.data_end then returns.patient is not null
        end as returned
    from active
    left join returns on active.patient = returns.patient and active.cutoff = returns.cutoff
    where {{ is_remembered('active.patient') }}
)

select * from final
