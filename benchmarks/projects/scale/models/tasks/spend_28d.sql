{% set weeks = 4 %}

-- Weeks with purchases in a window of four weeks are among the next four of them.
with active_weeks as (
    select * from {{ ref('active_weeks') }}
),

summed as (
    select
        customer_id,
        number,
        case when week_1 < number + {{ weeks }} then amount_1 else 0 end
        + case when week_2 < number + {{ weeks }} then amount_2 else 0 end
        + case when week_3 < number + {{ weeks }} then amount_3 else 0 end
        + case when week_4 < number + {{ weeks }} then amount_4 else 0 end as spend
    from active_weeks
),

final as (
    select
        customer_id,
        {{ cutoff_of('number') }} as cutoff,
        cast(case when {{ is_over('number', weeks) }} then spend end as double) as spend
    from summed
)

select * from final
