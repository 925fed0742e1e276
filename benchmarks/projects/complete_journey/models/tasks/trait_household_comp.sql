with active_households as (
    select * from {{ ref('active_households') }}
),

households as (
    select * from {{ ref('households') }}
),

final as (
    select
        active_households.household_id,
        active_households.cutoff,
        households.household_comp as answer
    from active_households
    left join households on active_households.household_id = households.household_id
)

select * from final
