with earlier as (
    select * from {{ source('raw', 'invoices_2009_2010') }}
),

later as (
    select * from {{ source('raw', 'invoices_2010_2011') }}
),

-- The first days of December 2010 stand in both files; an invoice is taken from one of them.
together as (
    select earlier.*
    from earlier
    where earlier.invoiceno not in (select later.invoiceno from later)
    union all by name
    select later.*
    from later
),

final as (
    select
        invoiceno as invoice_id,
        customerid as customer_id,
        upper(trim(stockcode)) as product_id,
        upper(trim(description)) as description,
        trim(country) as country,
        cast(quantity as bigint) as quantity,
        unitprice as price,
        cast(invoicedate as timestamp) as invoiced_at
    from together
)

select * from final
