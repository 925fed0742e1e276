{% set weeks = 4 %}

with active_weeks as (
    select * from {{ ref('active_weeks') }}
),

events as (
    select * from {{ ref('source_1') }}
),

weekly as (
    select
        entity_id,
        {{ week_of('happened_at') }} as week,
        sum(points) as points
    from events
    group by all
),

windows as (
    select
        entity_id,
        points,
        unnest(range(week - {{ weeks }} + 1, week + 1)) as number
    from weekly
),

summed as (
    select
        entity_id,
        number,
        sum(points) as points
    from windows
    group by entity_id, number
),

final as (
    select
        active_weeks.entity_id,
        {{ cutoff_of('active_weeks.number') }} as cutoff,
        case when {{ is_over('active_weeks.number', weeks) }} then coalesce(summed.points, 0) end as points
    from active_weeks
    left join summed on active_weeks.entity_id = summed.entity_id and active_weeks.number = summed.number
)

select * from final
