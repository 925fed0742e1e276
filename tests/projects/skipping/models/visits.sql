select
    patient,
    visited_at
from {{ source('raw', 'visits') }}
where duration <= {{ var('longest') }} and clinic <> '{{ env_var("CLOSED_CLINIC", "none") }}'
