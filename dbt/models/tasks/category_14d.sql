{% set horizon = 14 %}
{% set observed = 56 %}
{% set categories = 100 %}

with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

active_households as (
    select * from {{ ref('active_households') }}
),

purchases as (
    select * from {{ ref('purchases') }}
),

products as (
    select * from {{ ref('products') }}
),

-- The list of categories is part of the question: it is drawn up early, so that no test period has a say in it.
listing as (
    select {{ add_days('min(cutoff)', observed) }} as closed_at
    from cutoffs
),

largest as (
    select products.product_category
    from purchases
    inner join products on purchases.product_id = products.product_id
    inner join listing on purchases.purchased_at < listing.closed_at
    where products.product_category is not null
    group by products.product_category
    order by count(*) desc, products.product_category asc
    limit {{ categories }}
),

bought as (
    select distinct
        purchases.household_id,
        purchases.purchased_at,
        products.product_category
    from purchases
    inner join products on purchases.product_id = products.product_id
    inner join largest on products.product_category = largest.product_category
),

final as (
    select distinct
        active_households.household_id,
        active_households.cutoff,
        bought.product_category
    from bought
    inner join cutoffs on {{ in_window('bought.purchased_at', 'cutoffs.cutoff', horizon) }}
    inner join active_households
        on
            bought.household_id = active_households.household_id
            and cutoffs.cutoff = active_households.cutoff
    where
        {{ window_is_complete('cutoffs.cutoff', 'cutoffs.data_end', horizon) }}
        and {{ is_remembered('active_households.household_id') }}
)

select * from final
