{% set horizon = 90 %}

with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

customers as (
    select * from {{ ref('customers') }}
),

orders as (
    select * from {{ ref('orders') }}
),

labels as (
    select
        customers.customer_id,
        customers.cutoff,
        cutoffs.data_end,
        coalesce(sum(orders.amount), 0) as answer
    from customers
    inner join cutoffs on customers.cutoff = cutoffs.cutoff
    left join orders
        on
            customers.customer_id = orders.customer_id
            and {{ in_window('orders.ordered_at', 'customers.cutoff', horizon) }}
    group by customers.customer_id, customers.cutoff, cutoffs.data_end
),

final as (
    select
        customer_id,
        cutoff,
        cast({{ when_complete('answer', 'cutoff', 'data_end', horizon) }} as double) as amount_90d
    from labels
)

select * from final
