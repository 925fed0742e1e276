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
    select distinct
        household_id,
        purchased_at
    from purchases
),

buyers as (
    select distinct
        baskets.household_id,
        cutoffs.cutoff
    from baskets
    inner join cutoffs on {{ in_window('baskets.purchased_at', 'cutoffs.cutoff', horizon) }}
),

labels as (
    select
        active_households.household_id,
        active_households.cutoff,
        cutoffs.data_end,
        case when buyers.household_id is null then 1 else 0 end as churned
    from active_households
    inner join cutoffs on active_households.cutoff = cutoffs.cutoff
    left join buyers
        on
            active_households.household_id = buyers.household_id
            and active_households.cutoff = buyers.cutoff
),

final as (
    select
        household_id,
        cutoff,
        cast({{ when_complete('churned', 'cutoff', 'data_end', horizon) }} as bigint) as churned
    from labels
    where {{ is_remembered('household_id') }}
)

select * from final
