with every_event as (
    select * from {{ ref('every_event') }}
),

weekly as (
    select distinct
        entity_id,
        {{ week_of('happened_at') }} as week
    from every_event
),

gaps as (
    select
        entity_id,
        week,
        lead(week) over (partition by entity_id order by week) as next_week
    from weekly
),

final as (
    select
        entity_id,
        {{ numbers_after('week', 'next_week') }} as number
    from gaps
)

select * from final
