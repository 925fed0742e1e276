with final as (
    select
        {{ cutoff_of('numbers.number') }} as cutoff,
        timestamp '{{ var("grid_now") }}' as data_end
    from range({{ var('cutoffs') }}) as numbers (number)
)

select * from final
