with visits as (
    select * from {{ ref('visits') }}
),

bounds as (
    select max(visited_at) as data_end
    from visits
),

final as (
    select
        weeks.cutoff,
        bounds.data_end
    from bounds
    cross join
        generate_series(timestamp '2024-03-04', timestamp '2024-10-02', interval '7 days') as weeks (cutoff)
    where weeks.cutoff <= bounds.data_end
)

select * from final
