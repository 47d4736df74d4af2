{#- What the user knows of data sets that have fewer rows than were read. -#}

{# Whether a stream map filters the rows of a data set. #}
{% macro is_filtered(data_type) -%}
    {%- set data_sets = codat_commerce.data_sets() -%}
    {{ data_type }} in ('' {%- for stream in var('codat_filtered_streams') %}, '{{ data_sets[stream] }}'{% endfor %})
{%- endmacro %}

{# Whether the loader has a table of a data set. #}
{% macro is_loaded(data_type) -%}
    {{ data_type }} in ('' {%- for stream, known in codat_commerce.data_sets().items() if codat_commerce.loaded_columns(stream) %}, '{{ known }}'{% endfor %})
{%- endmacro %}

{# A time as people read it. #}
{% macro shown(moment) %}{{ adapter.dispatch('shown', 'codat_commerce')(moment) }}{% endmacro %}

{% macro default__shown(moment) %}to_char({{ moment }}, 'YYYY-MM-DD HH24:MI'){% endmacro %}

{% macro duckdb__shown(moment) %}strftime({{ moment }}, '%Y-%m-%d %H:%M'){% endmacro %}

{# The columns that each sale, transaction and dispute has, whatever its platform. #}
{% macro always_there() %}{{ return({
    'orders': ['createdDate', 'currency', 'totalAmount', 'orderLineItems'],
    'transactions': ['createdDate', 'totalAmount', 'type'],
    'disputes': ['createdDate', 'totalAmount', 'status'],
}) }}{% endmacro %}
