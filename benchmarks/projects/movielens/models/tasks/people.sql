{# Facts of everyone who rated, at the newest cutoff after their first rating: what traits are asked of. #}
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
        cast(people.age as integer) as age,
        cast(people.gender as varchar) as gender,
        cast(people.occupation as varchar) as occupation
    from raters
    inner join people on raters.user_id = cast(people.user_id as bigint)
)

select * from final
