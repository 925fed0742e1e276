with source as (
    select * from {{ source('raw', 'campaign_descriptions') }}
),

final as (
    select
        campaign_id,
        campaign_type,
        start_date as started_at,
        end_date as ended_at
    from source
)

select * from final
