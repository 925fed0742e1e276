with raw_customers as (
    select * from {{ source('raw', 'customers') }}
),

final as (
    select
        customer_id,
        region,
        age,
        valid_from
    from raw_customers
    where {{ is_remembered('customer_id') }}
)

select * from final
