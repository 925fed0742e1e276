with people as (
    select * from {{ ref('people') }}
),

final as (
    select
        user_id,
        cutoff,
        occupation
    from people
)

select * from final
