{# Everybody who rated in the four weeks before a cutoff. #}
with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

ratings as (
    select * from {{ ref('ratings') }}
),

final as (
    select distinct
        ratings.user_id,
        cutoffs.cutoff
    from ratings
    inner join cutoffs on {{ in_history('ratings.rated_at', 'cutoffs.cutoff', 28) }}
    where {{ is_remembered('ratings.user_id') }}
)

select * from final
