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

labels as (
    select
        raters.user_id,
        raters.cutoff,
        cutoffs.data_end,
        count(ratings.user_id) as answer
    from raters
    inner join cutoffs on raters.cutoff = cutoffs.cutoff
    left join ratings
        on
            raters.user_id = ratings.user_id
            and {{ in_window('ratings.rated_at', 'raters.cutoff', horizon) }}
    group by raters.user_id, raters.cutoff, cutoffs.data_end
),

final as (
    select
        user_id,
        cutoff,
        cast({{ when_complete('answer', 'cutoff', 'data_end', horizon) }} as double) as rated_14d
    from labels
)

select * from final
