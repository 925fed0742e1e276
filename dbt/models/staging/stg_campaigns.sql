with source as (
    select * from {{ source('raw', 'campaigns') }}
),

final as (
    select
        household_id,
        campaign_id
    from source
)

select * from final
