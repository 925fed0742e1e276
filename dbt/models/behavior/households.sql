with demographics as (
    select * from {{ ref('stg_demographics') }}
),

final as (
    select
        household_id,
        age,
        income,
        home_ownership,
        marital_status,
        household_size,
        household_comp,
        kids_count
    from demographics
    where {{ is_remembered('household_id') }}
)

select * from final
