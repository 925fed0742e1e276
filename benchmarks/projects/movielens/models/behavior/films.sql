with lines as (
    select * from {{ source('raw', 'films') }}
),

final as (
    select
        cast(item_id as bigint) as film_id,
        cast(movie_title as varchar) as title,
        try_cast(release_year as double) as released,
        split_part(cast(class as varchar), ' ', 1) as genre
    from lines
)

select * from final
