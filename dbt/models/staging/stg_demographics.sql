with source as (
    select * from {{ source('raw', 'demographics') }}
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
    from source
)

select * from final
