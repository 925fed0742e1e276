with steps as (
    select cast(range as integer) as step
    from range(cast({{ var('grid_moments') }} as bigint))
),

final as (
    select
        cast('{{ var("grid_start") }}' as timestamp)
        + to_days(cast({{ var('grid_days') }} * step as integer)) as cutoff,
        cast('{{ var("grid_now") }}' as timestamp) as data_end
    from steps
)

select * from final
