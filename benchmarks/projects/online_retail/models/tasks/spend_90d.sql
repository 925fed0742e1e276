{% set horizon = 90 %}

with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

active_customers as (
    select * from {{ ref('active_customers') }}
),

purchases as (
    select * from {{ ref('purchases') }}
),

invoices as (
    select
        customer_id,
        purchased_at,
        sum(cast(amount as decimal(18, 2))) as spend
    from purchases
    group by customer_id, purchased_at
),

spending as (
    select
        invoices.customer_id,
        cutoffs.cutoff,
        sum(invoices.spend) as spend
    from invoices
    inner join cutoffs on {{ in_window('invoices.purchased_at', 'cutoffs.cutoff', horizon) }}
    group by invoices.customer_id, cutoffs.cutoff
),

labels as (
    select
        active_customers.customer_id,
        active_customers.cutoff,
        cutoffs.data_end,
        coalesce(spending.spend, 0) as spend
    from active_customers
    inner join cutoffs on active_customers.cutoff = cutoffs.cutoff
    left join spending
        on
            active_customers.customer_id = spending.customer_id
            and active_customers.cutoff = spending.cutoff
),

final as (
    select
        customer_id,
        cutoff,
        cast({{ when_complete('spend', 'cutoff', 'data_end', horizon) }} as double) as spend
    from labels
    where {{ is_remembered('customer_id') }}
)

select * from final
