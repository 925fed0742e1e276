{% set horizon = var('horizon') %}
{% set answer = "coalesce(date_diff('second', cutoff, next_at) / 86400.0, " ~ horizon ~ ")" %}

with next_activities as (
    select * from {{ ref('next_activities') }}
),

final as (
    select
        case_id,
        cutoff,
        cast({{ when_complete(answer, 'cutoff', 'data_end', horizon) }} as double) as days_to_next
    from next_activities
)

select * from final
