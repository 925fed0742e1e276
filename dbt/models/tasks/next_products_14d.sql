{% set horizon = 14 %}

with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

active_households as (
    select * from {{ ref('active_households') }}
),

purchases as (
    select * from {{ ref('purchases') }}
),

final as (
    select distinct
        active_households.household_id,
        active_households.cutoff,
        purchases.product_id
    from purchases
    inner join cutoffs on {{ in_window('purchases.purchased_at', 'cutoffs.cutoff', horizon) }}
    inner join active_households
        on
            purchases.household_id = active_households.household_id
            and cutoffs.cutoff = active_households.cutoff
    where
        {{ window_is_complete('cutoffs.cutoff', 'cutoffs.data_end', horizon) }}
        and {{ is_remembered('active_households.household_id') }}
)

select * from final
