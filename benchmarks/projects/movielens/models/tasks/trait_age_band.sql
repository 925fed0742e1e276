with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

ratings as (
    select * from {{ ref('ratings') }}
),

people as (
    select * from {{ source('raw', 'people') }}
),

raters as (
    select
        ratings.user_id,
        max(cutoffs.cutoff) as cutoff
    from ratings
    inner join cutoffs on ratings.rated_at < cutoffs.cutoff
    where {{ is_remembered('ratings.user_id') }}
    group by ratings.user_id
),

final as (
    select
        raters.user_id,
        raters.cutoff,
        case
            when cast(people.age as integer) < 25 then 'below 25'
            when cast(people.age as integer) < 35 then '25 to 34'
            when cast(people.age as integer) < 50 then '35 to 49'
            else '50 and more'
        end as age_band
    from raters
    inner join people on raters.user_id = cast(people.user_id as bigint)
)

select * from final
