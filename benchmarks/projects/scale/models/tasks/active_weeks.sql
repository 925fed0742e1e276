-- A customer's weeks with purchases have gaps between them. A cutoff lies in one gap, so no row comes twice.
with purchase_weeks as (
    select * from {{ ref('purchase_weeks') }}
),

final as (
    select
        customer_id,
        {{ numbers_after('week', 'week_1') }} as number,
        week_1,
        amount_1,
        week_2,
        amount_2,
        week_3,
        amount_3,
        week_4,
        amount_4
    from purchase_weeks
)

select * from final
