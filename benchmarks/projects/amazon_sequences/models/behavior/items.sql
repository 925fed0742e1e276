with items as (
    select * from {{ ref('stg_items') }}
),

final as (
    select
        item_id,
        attributes[1] as brand,
        attributes[2] as category_1,
        attributes[3] as category_2,
        attributes[4] as category_3,
        attributes[5] as category_4,
        attributes[6] as category_5
    from items
)

select * from final
