with campaigns as (
    select * from {{ ref('stg_campaigns') }}
),

descriptions as (
    select * from {{ ref('stg_campaign_descriptions') }}
),

final as (
    select
        campaigns.household_id,
        campaigns.campaign_id,
        descriptions.campaign_type,
        descriptions.started_at as contacted_at
    from campaigns
    inner join descriptions on campaigns.campaign_id = descriptions.campaign_id
    where {{ is_remembered('campaigns.household_id') }}
)

select * from final
