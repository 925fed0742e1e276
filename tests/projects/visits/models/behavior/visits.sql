with visit_log as (
    select * from {{ ref('visit_log') }}
)

select * from visit_log
