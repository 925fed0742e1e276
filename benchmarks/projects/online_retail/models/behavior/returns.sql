with goods_lines as (
    select * from {{ ref('stg_goods_lines') }}
),

final as (
    select
        customer_id,
        invoice_id,
        product_id,
        cast(-sum(quantity) as bigint) as quantity,
        cast(-sum(quantity * price) as double) as amount,
        min(invoiced_at) as returned_at
    from goods_lines
    where
        quantity < 0
        and {{ is_remembered('customer_id') }}
    group by customer_id, invoice_id, product_id
)

select * from final
