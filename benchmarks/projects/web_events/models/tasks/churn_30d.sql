{% set horizon = 30 %}

with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

visitors as (
    select * from {{ ref('visitors') }}
),

events as (
    select * from {{ ref('web_events') }}
),

labels as (
    select
        visitors.visitor_id,
        visitors.cutoff,
        cutoffs.data_end,
        case when count(events.visitor_id) = 0 then 1 else 0 end as answer
    from visitors
    inner join cutoffs on visitors.cutoff = cutoffs.cutoff
    left join events
        on
            visitors.visitor_id = events.visitor_id
            and {{ in_window('events.happened_at', 'visitors.cutoff', horizon) }}
    group by visitors.visitor_id, visitors.cutoff, cutoffs.data_end
),

final as (
    select
        visitor_id,
        cutoff,
        cast({{ when_complete('answer', 'cutoff', 'data_end', horizon) }} as bigint) as churned
    from labels
)

select * from final
