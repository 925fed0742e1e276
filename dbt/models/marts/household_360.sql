with purchases as (
    select * from {{ ref('purchases') }}
),

households as (
    select * from {{ ref('households') }}
),

shoppers as (
    select
        household_id,
        max(purchased_at) as last_purchased_at
    from purchases
    group by household_id
),

churn as (
    {{ newest(source('basemodel', 'churn_28d_scores')) }}
),

churn_deciles as (
    {{ newest(source('basemodel', 'churn_28d_deciles')) }}
),

churn_reasons as (
    {% if env_var('BASEMODEL_EXPLAINED', '50') != '0' %}
        {{ newest(source('basemodel', 'churn_28d_aggregate_reasons')) }}
    {% else %}
        select
            household_id,
            1 as rank,
            'none' as aggregate,
            cast(null as varchar) as words
        from shoppers
    {% endif %}
),

spend as (
    {{ newest(source('basemodel', 'spend_28d_scores')) }}
),

income as (
    {{ newest(source('basemodel', 'income_band_scores')) }}
),

categories as (
    {{ newest(source('basemodel', 'category_14d_scores')) }}
),

products as (
    {{ newest(source('basemodel', 'next_products_14d_scores')) }}
),

segments as (
    {{ newest(source('basemodel', 'segments')) }}
),

lookalikes as (
    {{ newest(source('basemodel', 'lookalikes')) }}
),

anomalies as (
    {{ newest(source('basemodel', 'anomalies')) }}
),

observed_churn_reasons as (
    select
        household_id,
        words,
        row_number() over (partition by household_id order by rank) as place
    from churn_reasons
    where aggregate not like '%, foreseen' and aggregate <> 'everything else'
),

main_churn_reasons as (
    select * from observed_churn_reasons
    where place = 1
),

next_categories as (
    select
        household_id,
        {{ join_text('item', 'rank') }} as next_categories
    from categories
    where rank <= 5
    group by household_id
),

next_products as (
    select
        household_id,
        {{ join_text('item', 'rank') }} as next_products
    from products
    where rank <= 10
    group by household_id
),

groups as (
    select * from segments
    where level = 1
),

subgroups as (
    select * from segments
    where level = 2
),

nearest as (
    select * from lookalikes
    where rank = 1
),

oddities as (
    select * from anomalies
    where reason = 1
),

final as (
    select
        shoppers.household_id,
        shoppers.last_purchased_at,
        households.age,
        households.household_comp,
        churn.score as churn_score,
        churn_deciles.decile as churn_decile,
        main_churn_reasons.words as churn_reason,
        churn.as_of as churn_as_of,
        spend.prediction as expected_spend,
        13 * spend.prediction as yearly_value,
        spend.as_of as spend_as_of,
        income.class as income_band,
        income.probability as income_band_probability,
        income.as_of as income_band_as_of,
        next_categories.next_categories,
        next_products.next_products,
        groups.segment,
        groups.name as segment_name,
        subgroups.segment as subsegment,
        subgroups.name as subsegment_name,
        groups.as_of as segment_as_of,
        nearest.neighbour as nearest_lookalike,
        nearest.similarity as nearest_lookalike_similarity,
        oddities.p_value as anomaly_p_value,
        oddities.rank as anomaly_rank,
        oddities.words as anomaly,
        oddities.as_of as anomaly_as_of
    from shoppers
    left join households on shoppers.household_id = households.household_id
    left join churn on shoppers.household_id = churn.household_id
    left join churn_deciles on shoppers.household_id = churn_deciles.household_id
    left join main_churn_reasons on shoppers.household_id = main_churn_reasons.household_id
    left join spend on shoppers.household_id = spend.household_id
    left join income on shoppers.household_id = income.household_id
    left join next_categories on shoppers.household_id = next_categories.household_id
    left join next_products on shoppers.household_id = next_products.household_id
    left join groups on shoppers.household_id = groups.household_id
    left join subgroups on shoppers.household_id = subgroups.household_id
    left join nearest on shoppers.household_id = nearest.household_id
    left join oddities on shoppers.household_id = oddities.household_id
)

select * from final
