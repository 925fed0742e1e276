select distinct patient from {{ ref('visits') }}
