{% set horizon = 30 %}
{% set kinds = 100 %}

with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

active_customers as (
    select * from {{ ref('active_customers') }}
),

purchases as (
    select * from {{ ref('purchases') }}
),

products as (
    select * from {{ ref('products') }}
),

-- The list of kinds is part of the question: it is drawn up before validation begins.
largest as (
    select products.kind
    from purchases
    inner join products on purchases.product_id = products.product_id
    where
        products.kind is not null
        and purchases.purchased_at < cast('{{ var("validation_start") }}' as timestamp)
    group by products.kind
    order by count(*) desc, products.kind asc
    limit {{ kinds }}
),

bought as (
    select distinct
        purchases.customer_id,
        purchases.purchased_at,
        products.kind
    from purchases
    inner join products on purchases.product_id = products.product_id
    inner join largest on products.kind = largest.kind
),

final as (
    select distinct
        active_customers.customer_id,
        active_customers.cutoff,
        bought.kind
    from bought
    inner join cutoffs on {{ in_window('bought.purchased_at', 'cutoffs.cutoff', horizon) }}
    inner join active_customers
        on
            bought.customer_id = active_customers.customer_id
            and cutoffs.cutoff = active_customers.cutoff
    where
        {{ window_is_complete('cutoffs.cutoff', 'cutoffs.data_end', horizon) }}
        and {{ is_remembered('active_customers.customer_id') }}
)

select * from final
