with items as (
    select * from {{ ref('stg_items') }}
)

select
    item_id,
    attributes[1] as brand,
    {% for level in range(1, 6) -%}
    attributes[{{ level + 1 }}] as category_{{ level }}{{ ',' if not loop.last }}
    {% endfor -%}
from items
