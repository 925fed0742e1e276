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
    select distinct
        customer_id,
        purchased_at
    from purchases
),

buyers as (
    select distinct
        invoices.customer_id,
        cutoffs.cutoff
    from invoices
    inner join cutoffs on {{ in_window('invoices.purchased_at', 'cutoffs.cutoff', horizon) }}
),

labels as (
    select
        active_customers.customer_id,
        active_customers.cutoff,
        cutoffs.data_end,
        case when buyers.customer_id is null then 1 else 0 end as churned
    from active_customers
    inner join cutoffs on active_customers.cutoff = cutoffs.cutoff
    left join buyers
        on
            active_customers.customer_id = buyers.customer_id
            and active_customers.cutoff = buyers.cutoff
),

final as (
    select
        customer_id,
        cutoff,
        cast({{ when_complete('churned', 'cutoff', 'data_end', horizon) }} as bigint) as churned
    from labels
    where {{ is_remembered('customer_id') }}
)

select * from final
