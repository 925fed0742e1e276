with next_events as (
    select * from {{ ref('next_events') }}
),

final as (
    select
        case_id,
        moment,
        next_at,
        next_activity
    from next_events
)

select * from final
