{# Lines above these are slips of the hand, taken back minutes later or priced by the dozen. #}
{% set most_pieces = 10000 %}
{% set highest_price = 500 %}

with invoice_lines as (
    select * from {{ ref('stg_invoice_lines') }}
),

-- Goods have five digits and perhaps letters; postage, carriage, fees, discounts, samples and adjustments do not.
final as (
    select
        invoice_id,
        customer_id,
        product_id,
        description,
        country,
        quantity,
        price,
        invoiced_at
    from invoice_lines
    where
        customer_id is not null
        and regexp_full_match(product_id, '[0-9]{5}[A-Z]*')
        and price > 0
        and price <= {{ highest_price }}
        and quantity <> 0
        and abs(quantity) <= {{ most_pieces }}
)

select * from final
