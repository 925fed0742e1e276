{# Words that say how a thing looks, not what it is. #}
{% set looks = [
    'DESIGN', 'SET', 'PACK', 'RETROSPOT', 'POLKADOT', 'SPOT', 'ASSORTED', 'COLOUR', 'FONT', 'VINTAGE', 'LARGE', 'MEDIUM',
    'SMALL', 'RED', 'PINK', 'BLUE', 'WHITE', 'GREEN', 'BLACK', 'CREAM', 'IVORY', 'GOLD', 'SILVER', 'HEART', 'CHRISTMAS'
] %}

with goods_lines as (
    select * from {{ ref('stg_goods_lines') }}
),

spellings as (
    select
        product_id,
        description,
        count(*) as lines
    from goods_lines
    group by product_id, description
),

-- The spelling that most lines carry.
products as (
    select
        product_id,
        description
    from spellings
    qualify row_number() over (partition by product_id order by lines desc, description asc) = 1
),

split as (
    select
        product_id,
        string_split_regex(description, '[^A-Z]+') as parts
    from products
),

words as (
    select
        product_id,
        unnest(parts) as word,
        generate_subscripts(parts, 1) as place
    from split
),

-- Words that name a thing, in the singular, roughly.
naming as (
    select
        product_id,
        place,
        regexp_replace(regexp_replace(word, '(X|CH|SH)ES$', '\1'), '([^S])S$', '\1') as word
    from words
    where
        length(word) > 2
        and word not in ({{ "'" ~ looks | join("', '") ~ "'" }})
),

last_words as (
    select *
    from naming
    qualify row_number() over (partition by product_id order by place desc) = 1
),

endings as (
    select
        word,
        count(*) as products
    from last_words
    group by word
),

-- What a thing is: of its words the one by which most descriptions end.
kinds as (
    select
        naming.product_id,
        naming.word
    from naming
    inner join endings on naming.word = endings.word
    qualify
        row_number() over (partition by naming.product_id order by endings.products desc, naming.place desc) = 1
),

final as (
    select
        products.product_id,
        products.description,
        kinds.word as kind
    from products
    left join kinds on products.product_id = kinds.product_id
)

select * from final
