{% set lookback = 180 %}

with cutoffs as (
    select * from {{ ref('cutoffs') }}
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

final as (
    select distinct
        invoices.customer_id,
        cutoffs.cutoff
    from invoices
    inner join cutoffs on {{ in_history('invoices.purchased_at', 'cutoffs.cutoff', lookback) }}
    where {{ is_remembered('invoices.customer_id') }}
)

select * from final
