with source as (
    select * from {{ source('raw', 'transactions') }}
),

final as (
    select
        household_id,
        basket_id,
        product_id,
        store_id,
        quantity,
        sales_value,
        retail_disc as retail_discount,
        coupon_disc as coupon_discount,
        coupon_match_disc as coupon_match_discount,
        transaction_timestamp as purchased_at
    from source
)

select * from final
