with people as (
    select * from {{ ref('people') }}
),

final as (
    select
        user_id,
        cutoff,
        cast(case when gender = 'F' then 1 else 0 end as bigint) as is_woman
    from people
)

select * from final
