{% set lookback = 56 %}

with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

purchases as (
    select * from {{ ref('purchases') }}
),

baskets as (
    select distinct
        household_id,
        purchased_at
    from purchases
),

final as (
    select distinct
        baskets.household_id,
        cutoffs.cutoff
    from baskets
    inner join cutoffs on {{ in_history('baskets.purchased_at', 'cutoffs.cutoff', lookback) }}
    where {{ is_remembered('baskets.household_id') }}
)

select * from final
