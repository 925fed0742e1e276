with people as (
    select * from {{ ref('people') }}
),

final as (
    select
        user_id,
        cutoff,
        case
            when age < 25 then 'below 25'
            when age < 35 then '25 to 34'
            when age < 50 then '35 to 49'
            else '50 and more'
        end as age_band
    from people
)

select * from final
