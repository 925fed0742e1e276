with families as (
    {{ newest(source('basemodel', 'families_audience')) }}
),

churn as (
    {{ newest(source('basemodel', 'churn_28d_scores')) }}
),

spend as (
    {{ newest(source('basemodel', 'spend_28d_scores')) }}
),

segments as (
    {{ newest(source('basemodel', 'segments')) }}
),

final as (
    select
        families.household_id,
        families.as_of,
        families.rank,
        families.score as family_score,
        churn.score as churn_score,
        spend.prediction as expected_spend,
        segments.name as segment_name
    from families
    left join churn on families.household_id = churn.household_id
    left join spend on families.household_id = spend.household_id
    left join segments on families.household_id = segments.household_id and segments.level = 1
)

select * from final
