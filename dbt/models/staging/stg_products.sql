with source as (
    select * from {{ source('raw', 'products') }}
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
    from source
)

select * from final
