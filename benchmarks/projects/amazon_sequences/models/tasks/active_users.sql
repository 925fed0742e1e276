with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

reviews as (
    select * from {{ ref('reviews') }}
),

final as (
    select distinct
        reviews.user_id,
        cutoffs.cutoff
    from reviews
    inner join cutoffs on reviews.reviewed_at < cutoffs.cutoff
)

select * from final
