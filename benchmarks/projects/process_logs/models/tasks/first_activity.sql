{% set horizon = var('horizon') %}
{% set answer = "coalesce(next_activity, 'none')" %}

with next_activities as (
    select * from {{ ref('next_activities') }}
),

final as (
    select
        case_id,
        cutoff,
        cast({{ when_complete(answer, 'cutoff', 'data_end', horizon) }} as varchar) as first_activity
    from next_activities
)

select * from final
