{% set horizon = 14 %}

with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

raters as (
    select * from {{ ref('raters') }}
),

ratings as (
    select * from {{ ref('ratings') }}
),

final as (
    select distinct
        raters.user_id,
        raters.cutoff,
        ratings.film_id
    from ratings
    inner join cutoffs on {{ in_window('ratings.rated_at', 'cutoffs.cutoff', horizon) }}
    inner join raters
        on
            ratings.user_id = raters.user_id
            and cutoffs.cutoff = raters.cutoff
    where {{ window_is_complete('cutoffs.cutoff', 'cutoffs.data_end', horizon) }}
)

select * from final
