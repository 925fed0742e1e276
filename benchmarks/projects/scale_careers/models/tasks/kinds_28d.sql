{% set weeks = 4 %}

with active_weeks as (
    select * from {{ ref('active_weeks') }}
    where {{ is_over('number', weeks) }}
),

events as (
    select * from {{ ref('source_' ~ var('sources')) }}
),

weekly as (
    select distinct
        entity_id,
        kind,
        {{ week_of('happened_at') }} as week
    from events
),

windows as (
    select distinct
        entity_id,
        kind,
        unnest(range(week - {{ weeks }} + 1, week + 1)) as number
    from weekly
),

final as (
    select
        windows.entity_id,
        {{ cutoff_of('windows.number') }} as cutoff,
        windows.kind
    from windows
    inner join active_weeks
        on windows.entity_id = active_weeks.entity_id and windows.number = active_weeks.number
)

select * from final
