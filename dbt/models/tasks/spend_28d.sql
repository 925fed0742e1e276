{% set horizon = 28 %}

with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

active_households as (
    select * from {{ ref('active_households') }}
),

purchases as (
    select * from {{ ref('purchases') }}
),

baskets as (
    select
        household_id,
        purchased_at,
        sum(cast(sales_value as decimal(18, 2))) as spend
    from purchases
    group by household_id, purchased_at
),

spending as (
    select
        baskets.household_id,
        cutoffs.cutoff,
        sum(baskets.spend) as spend
    from baskets
    inner join cutoffs on {{ in_window('baskets.purchased_at', 'cutoffs.cutoff', horizon) }}
    group by baskets.household_id, cutoffs.cutoff
),

labels as (
    select
        active_households.household_id,
        active_households.cutoff,
        cutoffs.data_end,
        coalesce(spending.spend, 0) as spend
    from active_households
    inner join cutoffs on active_households.cutoff = cutoffs.cutoff
    left join spending
        on
            active_households.household_id = spending.household_id
            and active_households.cutoff = spending.cutoff
),

final as (
    select
        household_id,
        cutoff,
        cast({{ when_complete('spend', 'cutoff', 'data_end', horizon) }} as double) as spend
    from labels
    where {{ is_remembered('household_id') }}
)

select * from final
