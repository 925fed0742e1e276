with raw_products as (
    select * from {{ source('raw', 'products') }}
),

final as (
    select
        product_id,
        department,
        brand,
        price
    from raw_products
)

select * from final
