{# Moments that are not whole weeks after a Monday, at midnight. #}
{% test weekly_mondays(model, column_name, start) %}
select {{ column_name }}
from {{ model }}
where
    mod({{ days_between("'" ~ start ~ "'", column_name) }}, 7) <> 0
    or {{ column_name }} <> cast(cast({{ column_name }} as date) as timestamp)
{% endtest %}
