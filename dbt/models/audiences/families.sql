with households as (
    select * from {{ ref('households') }}
),

final as (
    select household_id
    from households
    where
        kids_count in ('1', '2', '3+')
        and {{ is_remembered('household_id') }}
)

select * from final
