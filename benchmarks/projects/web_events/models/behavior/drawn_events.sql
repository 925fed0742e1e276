{#
Generated, for mechanism only. Each visitor has sessions on some days, more at weekends; a session holds pages, and some
hold a payment that fails or a call to support. Whoever calls support within seven days of a failed payment leaves with
a chance of .85; a failed payment or a call alone means nothing. Others leave once in four years on average.
#}

with visitors as (
    select
        range as visitor_id,
        0.06 + 0.3 * {{ chance("'rate', range") }} as rate,
        cast('2022-12-26' as timestamp)
        + to_seconds(cast(-ln(1 - {{ chance("'leaves', range") }}) * 1460 * 86400 as bigint)) as leaves_at
    from range({{ var('visitors') }})
),

days as (
    select range as day
    from range({{ var('days') }})
),

sessions as (
    select
        visitors.visitor_id,
        visitors.leaves_at,
        days.day,
        cast('2022-12-26' as timestamp) + to_days(cast(days.day as integer)) + to_seconds(
            cast(28800 + 50000 * {{ chance("'at', visitors.visitor_id, days.day") }} as bigint)
        ) as began_at
    from visitors
    cross join days
    where
        {{ chance("'comes', visitors.visitor_id, days.day") }}
        < visitors.rate * case when days.day % 7 >= 5 then 1.6 else 1 end
),

steps as (
    select
        sessions.*,
        numbers.range as step,
        {{ chance("'kind', sessions.visitor_id, sessions.day, numbers.range") }} as dice
    from sessions
    cross join range(9) as numbers
    where
        numbers.range
        <= 8 * pow({{ chance("'long', sessions.visitor_id, sessions.day") }}, 2)
),

typed as (
    select
        visitor_id,
        leaves_at,
        visitor_id * 1000 + day as session_id,
        began_at + to_seconds(cast(step * 47 as bigint)) as happened_at,
        case
            when dice < 0.45 then 'view'
            when dice < 0.65 then 'search'
            when dice < 0.78 then 'cart'
            when dice < 0.86 then 'payment'
            when dice < 0.90 then 'failed payment'
            when dice < 0.94 then 'support call'
            else 'account'
        end as kind,
        floor(40 * pow(dice * 7919 % 1, 2)) as page
    from steps
),

calls as (
    select
        *,
        max(case when kind = 'failed payment' then happened_at end) over (
            partition by visitor_id order by happened_at rows between unbounded preceding and 1 preceding
        ) as failed_at
    from typed
),

final as (
    select
        visitor_id,
        leaves_at,
        session_id,
        happened_at,
        kind,
        'page ' || cast(page as varchar) as page,
        coalesce(
            kind = 'support call'
            and happened_at < failed_at + to_days(7)
            and {{ chance("'hurt', visitor_id, happened_at") }} < 0.85, false
        ) as is_hurt,
        coalesce(kind = 'support call' and happened_at < failed_at + to_days(7), false) as is_cause
    from calls
)

select * from final
