{% set horizon = 30 %}

with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

active_customers as (
    select * from {{ ref('active_customers') }}
),

purchases as (
    select * from {{ ref('purchases') }}
),

final as (
    select distinct
        active_customers.customer_id,
        active_customers.cutoff,
        purchases.product_id
    from purchases
    inner join cutoffs on {{ in_window('purchases.purchased_at', 'cutoffs.cutoff', horizon) }}
    inner join active_customers
        on
            purchases.customer_id = active_customers.customer_id
            and cutoffs.cutoff = active_customers.cutoff
    where
        {{ window_is_complete('cutoffs.cutoff', 'cutoffs.data_end', horizon) }}
        and {{ is_remembered('active_customers.customer_id') }}
)

select * from final
