with products as (
    select * from {{ ref('stg_products') }}
),

final as (
    select
        product_id,
        manufacturer_id,
        department,
        brand,
        product_category,
        product_type,
        package_size
    from products
)

select * from final
