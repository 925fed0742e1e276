{#
Generated, for mechanism only, and laid over the project of web events. Each visitor has a rate, hours at which they
come, a taste for searching and five pages of forty from which most of their views are. They leave once in four years on
average, whatever happens to them.
#}

with visitors as (
    select
        range as visitor_id,
        0.06 + 0.3 * {{ chance("'rate', range") }} as rate,
        24 * {{ chance("'hour', range") }} as hour,
        0.1 + 0.5 * {{ chance("'searches', range") }} as searches,
        floor(40 * {{ chance("'pages', range") }}) as first_page,
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
        visitors.*,
        days.day,
        cast('2022-12-26' as timestamp) + to_days(cast(days.day as integer)) + to_seconds(
            cast(
                3600 * (
                    (
                        24 + visitors.hour
                        + 2 * {{ chance("'at', visitors.visitor_id, days.day") }}
                        - 2 * {{ chance("'or at', visitors.visitor_id, days.day") }}
                    ) % 24
                ) as bigint
            )
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
        {{ chance("'kind', sessions.visitor_id, sessions.day, numbers.range") }} as dice,
        {{ chance("'page', sessions.visitor_id, sessions.day, numbers.range") }} as page_dice
    from sessions
    cross join range(9) as numbers
    where
        numbers.range
        <= 8 * pow({{ chance("'long', sessions.visitor_id, sessions.day") }}, 2)
),

final as (
    select
        visitor_id,
        leaves_at,
        visitor_id * 1000 + day as session_id,
        began_at + to_seconds(cast(step * 47 as bigint)) as happened_at,
        case
            when dice < searches then 'search'
            when dice < searches + 0.2 then 'view'
            when dice < searches + 0.3 then 'cart'
            when dice < searches + 0.37 then 'payment'
            else 'account'
        end as kind,
        'page ' || cast(
            case
                when page_dice < 0.85 then (first_page + 7 * floor(page_dice / 0.85 * 5)) % 40
                else floor((page_dice - 0.85) / 0.15 * 40)
            end as varchar
        ) as page,
        false as is_hurt,
        false as is_cause
    from steps
)

select * from final
