{% set weeks = 2 %}

with purchases as (
    select * from {{ ref('purchases') }}
),

active_weeks as (
    select
        customer_id,
        number
    from {{ ref('active_weeks') }}
    where {{ is_over('number', weeks) }}
),

bought as (
    select distinct
        purchases.customer_id,
        purchases.product_id,
        {{ week_of('purchases.purchased_at') }} as week
    from purchases
),

-- A week lies in the windows of two cutoffs: its own and the one before.
windows as (
    select distinct
        customer_id,
        product_id,
        unnest([week - 1, week]) as number
    from bought
),

final as (
    select
        windows.customer_id,
        {{ cutoff_of('windows.number') }} as cutoff,
        windows.product_id
    from windows
    inner join active_weeks
        on windows.customer_id = active_weeks.customer_id and windows.number = active_weeks.number
)

select * from final
