with active_weeks as (
    select * from {{ ref('active_weeks') }}
),

final as (
    select
        entity_id,
        {{ cutoff_of('number') }} as cutoff
    from active_weeks
)

select * from final
