with lines as (
    select * from {{ source('raw', 'orders') }}
),

final as (
    select
        cast(column_0 as bigint) as customer_id,
        strptime(cast(column_2 as varchar), '%Y%m%d') as ordered_at,
        cast(column_3 as double) as discs,
        cast(column_4 as double) as amount
    from lines
)

select * from final
