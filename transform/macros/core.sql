{#- Arrays as tables. -#}

{#
    A row for each element of an array column, with the columns of the row that it stands in.
    parent: the table or view. array: its column. kept: columns of it, by the names that they get.
    number: the name of the element's number, from 1. columns: for each its name, its type, and its path in the element.
#}
{% macro exploded(parent, array, kept, number, columns) -%}
select
    {%- for column, name in kept.items() %}
    parent.{{ column }} as {{ name }},
    {%- endfor %}
    element.number as {{ number }}
    {%- for column in columns %},
    {{ codat_commerce.json_as('element.value', column[2:], column[1]) }} as {{ column[0] }}
    {%- endfor %}
from {{ parent }} as parent
cross join {{ codat_commerce.elements('parent.' ~ array) }}
{%- endmacro %}

{# The sum of a number in the elements of an array; 0 if there are none. #}
{% macro sum_within(array, name) %}{{ adapter.dispatch('sum_within', 'codat_commerce')(array, name) }}{% endmacro %}

{% macro default__sum_within(array, name) -%}
    coalesce((select sum(cast(value ->> '{{ name }}' as numeric)) from jsonb_array_elements({{ array }})), 0)
{%- endmacro %}

{% macro duckdb__sum_within(array, name) -%}
    coalesce(list_sum(try_cast(json_extract_string({{ array }}, '$[*].{{ name }}') as decimal(38, 10)[])), 0)
{%- endmacro %}
