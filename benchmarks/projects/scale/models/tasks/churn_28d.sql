{% set weeks = 4 %}

with active_weeks as (
    select * from {{ ref('active_weeks') }}
),

final as (
    select
        customer_id,
        {{ cutoff_of('number') }} as cutoff,
        case
            when {{ is_over('number', weeks) }} then week_1 is null or week_1 >= number + {{ weeks }}
        end as churned
    from active_weeks
)

select * from final
