{# Everybody who ordered before a cutoff: who left is not known. #}
with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

orders as (
    select * from {{ ref('orders') }}
),

final as (
    select distinct
        orders.customer_id,
        cutoffs.cutoff
    from orders
    inner join cutoffs on orders.ordered_at < cutoffs.cutoff
    where {{ is_remembered('orders.customer_id') }}
)

select * from final
