-- The one pass over purchases that questions about whole customers need.
with purchases as (
    select * from {{ ref('purchases') }}
),

weekly as (
    select
        customer_id,
        {{ week_of('purchased_at') }} as week,
        sum(amount) as amount
    from purchases
    group by all
),

final as (
    select
        customer_id,
        week,
        lead(week, 1) over customers as week_1,
        lead(amount, 1) over customers as amount_1,
        lead(week, 2) over customers as week_2,
        lead(amount, 2) over customers as amount_2,
        lead(week, 3) over customers as week_3,
        lead(amount, 3) over customers as amount_3,
        lead(week, 4) over customers as week_4,
        lead(amount, 4) over customers as amount_4
    from weekly
    window customers as (partition by customer_id order by week)
)

select * from final
