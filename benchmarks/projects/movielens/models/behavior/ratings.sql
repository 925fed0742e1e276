with lines as (
    select * from {{ source('raw', 'ratings') }}
),

final as (
    select
        cast(user_id as bigint) as user_id,
        cast(item_id as bigint) as film_id,
        cast(rating as double) as rating,
        cast(to_timestamp(cast(timestamp as bigint)) at time zone 'UTC' as timestamp) as rated_at
    from lines
)

select * from final
