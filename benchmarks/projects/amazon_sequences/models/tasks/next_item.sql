with cutoffs as (
    select * from {{ ref('cutoffs') }}
),

active_users as (
    select * from {{ ref('active_users') }}
),

reviews as (
    select * from {{ ref('reviews') }}
),

final as (
    select
        active_users.user_id,
        active_users.cutoff,
        reviews.item_id
    from active_users
    inner join cutoffs on active_users.cutoff = cutoffs.cutoff
    inner join reviews
        on
            active_users.user_id = reviews.user_id
            and cutoffs.cutoff <= reviews.reviewed_at
            and cutoffs.cutoff + interval '1 day' > reviews.reviewed_at
    where cutoffs.cutoff + interval '1 day' <= cutoffs.data_end
)

select * from final
