{# What was drawn, until the visitor leaves. #}
with drawn as (
    select * from {{ ref('drawn_events') }}
),

left_at as (
    select
        visitor_id,
        least(min(leaves_at), min(case when is_hurt then happened_at end)) as left_at
    from drawn
    group by visitor_id
),

final as (
    select
        drawn.visitor_id,
        drawn.happened_at,
        drawn.session_id,
        drawn.kind,
        drawn.page
    from drawn
    inner join left_at on drawn.visitor_id = left_at.visitor_id
    where drawn.happened_at <= left_at.left_at
)

select * from final
