{#- What PostgreSQL and DuckDB say differently, but for what only the marts need. -#}

{% macro type_of(kind) %}{{ adapter.dispatch('type_of', 'codat_commerce')(kind) }}{% endmacro %}

{% macro default__type_of(kind) -%}
    {{ {'text': 'text', 'timestamp': 'timestamp', 'number': 'numeric', 'integer': 'bigint', 'boolean': 'boolean', 'json': 'jsonb'}[kind] }}
{%- endmacro %}

{# numeric alone would have three decimals there. #}
{% macro duckdb__type_of(kind) -%}
    {{ {'text': 'text', 'timestamp': 'timestamp', 'number': 'decimal(38, 10)', 'integer': 'bigint', 'boolean': 'boolean', 'json': 'json'}[kind] }}
{%- endmacro %}


{# A column of the loader's, as a type. #}
{% macro column_as(column, kind) %}{{ adapter.dispatch('column_as', 'codat_commerce')(column, kind) }}{% endmacro %}

{% macro default__column_as(column, kind) -%}
    {%- if kind == 'json' -%} nullif(to_jsonb({{ column }}), 'null'::jsonb)
    {%- elif kind == 'number' -%} {{ codat_commerce.below('cast(' ~ column ~ ' as numeric)', 28) }}
    {%- else -%} cast({{ column }} as {{ codat_commerce.type_of(kind) }})
    {%- endif -%}
{%- endmacro %}

{# One number beyond all decimals is null, on both: it must not end the build for all. #}
{% macro below(number, digits) -%}
case when abs({{ number }}) < 1e{{ digits }} then {{ number }} end
{%- endmacro %}

{% macro duckdb__column_as(column, kind) -%}
    {{ 'try_cast' if kind == 'number' else 'cast' }}({{ column }} as {{ codat_commerce.type_of(kind) }})
{%- endmacro %}


{# What is at a path in a JSON value, as a type; null where there is nothing. #}
{% macro json_as(value, path, kind) %}{{ adapter.dispatch('json_as', 'codat_commerce')(value, path, kind) }}{% endmacro %}

{% macro default__json_as(value, path, kind) -%}
    {%- set where = "'{" ~ path | join(',') ~ "}'" -%}
    {%- if kind == 'json' -%} nullif({{ value }} #> {{ where }}, 'null'::jsonb)
    {%- elif kind == 'text' -%} {{ value }} #>> {{ where }}
    {%- elif kind == 'timestamp' -%} cast({{ value }} #>> {{ where }} as timestamptz) at time zone 'UTC'
    {%- else -%} {{ codat_commerce.column_as('(' ~ value ~ ' #>> ' ~ where ~ ')', kind) }}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__json_as(value, path, kind) -%}
    {%- set where = "'$.\"" ~ path | join('"."') ~ "\"'" -%}
    {%- if kind == 'json' -%} nullif({{ value }} -> {{ where }}, cast('null' as json))
    {%- elif kind == 'text' -%} {{ value }} ->> {{ where }}
    {%- else -%} {{ codat_commerce.column_as('(' ~ value ~ ' ->> ' ~ where ~ ')', kind) }}
    {%- endif -%}
{%- endmacro %}


{# The elements of a JSON array, for a cross join: columns `value`, and `number` from 1. #}
{% macro elements(array) %}{{ adapter.dispatch('elements', 'codat_commerce')(array) }}{% endmacro %}

{% macro default__elements(array) -%}
    jsonb_array_elements({{ array }}) with ordinality as element(value, number)
{%- endmacro %}

{% macro duckdb__elements(array) -%}
    unnest(json_extract({{ array }}, '$[*]')) with ordinality as element(value, number)
{%- endmacro %}


{# Now, in UTC, without a zone, as all times are here. #}
{% macro now_in_utc() %}{{ adapter.dispatch('now_in_utc', 'codat_commerce')() }}{% endmacro %}

{% macro default__now_in_utc() %}cast(now() at time zone 'UTC' as timestamp){% endmacro %}


{% macro days_before_now(days) -%}
    {{ codat_commerce.now_in_utc() }} - interval '{{ days | int }} days'
{%- endmacro %}
