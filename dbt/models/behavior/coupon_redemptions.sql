with redemptions as (
    select * from {{ ref('stg_coupon_redemptions') }}
),

final as (
    select
        household_id,
        coupon_upc,
        campaign_id,
        redeemed_at
    from redemptions
    where {{ is_remembered('household_id') }}
)

select * from final
