with lines as (
    select * from {{ source('raw', 'activities') }}
),

final as (
    select
        cast(caseid as varchar) as case_id,
        'activity ' || cast(activityid as varchar) as activity,
        cast(completetimestamp as timestamp) as completed_at
    from lines
)

select * from final
