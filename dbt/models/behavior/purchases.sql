with transactions as (
    select * from {{ ref('stg_transactions') }}
),

final as (
    select
        household_id,
        basket_id,
        product_id,
        store_id,
        quantity,
        sales_value,
        retail_discount,
        coupon_discount,
        purchased_at
    from transactions
    where {{ is_remembered('household_id') }}
)

select * from final
