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
        case
            when households.income in ('Under 15K', '15-24K', '25-34K') then 'under 35K'
            when households.income = '35-49K' then '35-49K'
            when households.income = '50-74K' then '50-74K'
            when households.income is not null then '75K and more'
        end as answer
    from active_households
    left join households on active_households.household_id = households.household_id
)

select * from final
