{% set weeks = 2 %}

with purchases as (
    select * from {{ ref('purchases') }}
),

products as (
    select * from {{ ref('products') }}
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
        products.department,
        {{ week_of('purchases.purchased_at') }} as week
    from purchases
    inner join products on purchases.product_id = products.product_id
),

-- A week lies in the windows of two cutoffs: its own and the one before.
windows as (
    select distinct
        customer_id,
        department,
        unnest([week - 1, week]) as number
    from bought
),

final as (
    select
        windows.customer_id,
        {{ cutoff_of('windows.number') }} as cutoff,
        windows.department
    from windows
    inner join active_weeks
        on windows.customer_id = active_weeks.customer_id and windows.number = active_weeks.number
)

select * from final
