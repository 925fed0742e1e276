with next_events as (
    select * from {{ ref('next_events') }}
),

final as (
    select
        case_id,
        moment,
        next_at,
        cast(date_diff('second', moment, next_at) / 86400.0 as double) as days_until_next
    from next_events
)

select * from final
