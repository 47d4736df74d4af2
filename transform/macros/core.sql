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


{#
    Incremental tables of what stands in orders keep of each order when it was read and modified. They compare that with
    the orders there are, each night, instead of remembering up to when they got: shards and loaders may come late, rows
    by BATCH do not say when, and orders go.
#}
{% macro same_order(order, held) -%}
{{ held }}.company_id = {{ order }}.company_id
    and {{ held }}.connection_id = {{ order }}.connection_id
    and {{ held }}.order_id = {{ order }}.id
    and {{ held }}.extracted_at is not distinct from {{ order }}.extracted_at
    and {{ held }}.order_modified_date is not distinct from {{ order }}.modified_date
{%- endmacro %}

{# Takes out what stands in orders that have changed or are gone: before the rows of those that came since are added. #}
{% macro forget_changed_orders() -%}
{%- if is_incremental() -%}
delete from {{ this }}
where not exists (
    select 1
    from {{ ref('stg_codat__orders') }} as orders
    where {{ codat_commerce.same_order('orders', this.identifier) }}
)
{%- endif -%}
{%- endmacro %}

{# The orders whose rows the incremental table does not have: all of them when it is made anew. #}
{% macro orders_to_add() -%}
select *
from {{ ref('stg_codat__orders') }} as orders
{%- if is_incremental() %}
where not exists (select 1 from {{ this }} as held where {{ codat_commerce.same_order('orders', 'held') }})
{%- endif %}
{%- endmacro %}
