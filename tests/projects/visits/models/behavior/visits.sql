with visit_log as (
    select * from {{ ref('visit_log') }}
    where {{ is_remembered('patient') }}
)

select * from visit_log
