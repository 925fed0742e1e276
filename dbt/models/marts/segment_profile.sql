with segments as (
    {{ newest(source('basemodel', 'segments')) }}
),

profiles as (
    {{ newest(source('basemodel', 'segment_profiles')) }}
),

churn as (
    {{ newest(source('basemodel', 'churn_28d_scores')) }}
),

spend as (
    {{ newest(source('basemodel', 'spend_28d_scores')) }}
),

members as (
    select
        segments.segment,
        segments.level,
        segments.name,
        segments.as_of,
        count(*) as households,
        avg(churn.score) as mean_churn_score,
        avg(spend.prediction) as mean_expected_spend
    from segments
    left join churn on segments.household_id = churn.household_id
    left join spend on segments.household_id = spend.household_id
    group by segments.segment, segments.level, segments.name, segments.as_of
),

traits as (
    select
        segment,
        {{ join_text('words', 'rank', '; ') }} as described_by
    from profiles
    where rank <= 5
    group by segment
),

final as (
    select
        members.segment,
        members.level,
        members.name,
        members.as_of,
        members.households,
        members.mean_churn_score,
        members.mean_expected_spend,
        traits.described_by
    from members
    left join traits on members.segment = traits.segment
)

select * from final
