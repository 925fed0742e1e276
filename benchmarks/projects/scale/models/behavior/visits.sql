with raw_visits as (
    select * from {{ source('raw', 'visits') }}
),

final as (
    select
        customer_id,
        visited_at,
        page,
        seconds,
        device
    from raw_visits
    where {{ is_remembered('customer_id') }}
)

select * from final
