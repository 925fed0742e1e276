{% set horizon = var('horizon') %}
{% set answer = "case when next_at is null then 1 else 0 end" %}

with next_activities as (
    select * from {{ ref('next_activities') }}
),

final as (
    select
        case_id,
        cutoff,
        cast({{ when_complete(answer, 'cutoff', 'data_end', horizon) }} as bigint) as quiet
    from next_activities
)

select * from final
