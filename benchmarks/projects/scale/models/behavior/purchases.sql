with raw_purchases as (
    select * from {{ source('raw', 'purchases') }}
),

final as (
    select
        customer_id,
        purchased_at,
        basket_id,
        product_id,
        amount,
        store
    from raw_purchases
    where {{ is_remembered('customer_id') }}
)

select * from final
