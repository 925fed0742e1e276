{# Who came in the last three weeks. #}
with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

events as (
    select * from {{ ref('web_events') }}
),

final as (
    select distinct
        events.visitor_id,
        cutoffs.cutoff
    from events
    inner join cutoffs on {{ in_history('events.happened_at', 'cutoffs.cutoff', 21) }}
    where {{ is_remembered('events.visitor_id') }}
)

select * from final
