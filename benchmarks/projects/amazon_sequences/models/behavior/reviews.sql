with reviews as (
    select * from {{ ref('stg_reviews') }}
)

select
    user_id,
    item_id,
    reviewed_at
from reviews
