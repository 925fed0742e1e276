{# Label windows are [cutoff, cutoff + days); histories end just before the cutoff. #}
{% macro in_window(moment, cutoff, days) -%}
    {{ as_moment(moment) }} >= {{ cutoff }} and {{ as_moment(moment) }} < {{ add_days(cutoff, days) }}
{%- endmacro %}

{% macro in_history(moment, cutoff, days) -%}
    {{ as_moment(moment) }} >= {{ add_days(cutoff, -days) }} and {{ as_moment(moment) }} < {{ cutoff }}
{%- endmacro %}

{% macro window_is_complete(cutoff, data_end, days) -%}
    {{ add_days(cutoff, days) }} <= {{ data_end }}
{%- endmacro %}

{# The label where its window is complete, null where it is not yet. #}
{% macro when_complete(label, cutoff, data_end, days) -%}
    case when {{ window_is_complete(cutoff, data_end, days) }} then {{ label }} end
{%- endmacro %}
