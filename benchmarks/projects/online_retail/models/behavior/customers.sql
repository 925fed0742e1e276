with goods_lines as (
    select * from {{ ref('stg_goods_lines') }}
),

counted as (
    select
        customer_id,
        country,
        count(*) as lines
    from goods_lines
    where {{ is_remembered('customer_id') }}
    group by customer_id, country
),

-- A few moved; the country of most lines stands.
final as (
    select
        customer_id,
        country
    from counted
    qualify row_number() over (partition by customer_id order by lines desc, country asc) = 1
)

select * from final
