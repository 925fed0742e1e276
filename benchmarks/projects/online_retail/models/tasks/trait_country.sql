with active_customers as (
    select * from {{ ref('active_customers') }}
),

customers as (
    select * from {{ ref('customers') }}
),

final as (
    select
        active_customers.customer_id,
        active_customers.cutoff,
        case
            when customers.country in ('United Kingdom', 'Germany', 'France') then customers.country
            else 'elsewhere'
        end as country
    from active_customers
    inner join customers on active_customers.customer_id = customers.customer_id
)

select * from final
