-- 120 patients, each with a rhythm and a day after which they stay away; made by arithmetic, so always the same.
with patients as (
    select
        number,
        3 + (number * 7) % 35 as rhythm,
        case when number % 4 = 0 then 90 + (number * 13) % 150 else 1000 end as last_day
    from range(120) as patients (number)
),

turns as (
    select
        patients.number,
        turn.position,
        (patients.number * 5) % 30
        + turn.position * patients.rhythm
        + (patients.number * 11 + turn.position * 23) % 3 as day,
        patients.last_day
    from patients
    cross join range(100) as turn (position)
),

final as (
    select
        'patient ' || number as patient,
        'clinic ' || ((number % 4) + (position * 29) % 3) as clinic,
        cast(10 + (number * 31 + position * 17) % 45 + 0.5 * (position % 2) as double) as duration,
        timestamp '2024-01-01 08:00:00'
        + to_days(cast(day as integer))
        + to_minutes(cast((number * 37 + position * 53) % 600 as bigint)) as visited_at
    from turns
    where day < least(last_day, 275)
)

select * from final
