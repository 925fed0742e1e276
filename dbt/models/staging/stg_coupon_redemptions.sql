with source as (
    select * from {{ source('raw', 'coupon_redemptions') }}
),

final as (
    select
        household_id,
        coupon_upc,
        campaign_id,
        redemption_date as redeemed_at
    from source
)

select * from final
