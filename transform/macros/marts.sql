{# What the marts share. What the two databases say differently is dispatched. #}

{# A number of so many digits after the point, on both databases. #}
{% macro rounded(value, digits) -%}
cast({{ value }} as decimal(38, {{ digits }}))
{%- endmacro %}

{# An amount of money, or units; 0 where there is none. #}
{% macro amount(value) -%}
{{ rounded("coalesce(" ~ value ~ ", 0)", 4) }}
{%- endmacro %}

{# A part of a whole; null where the whole is nothing. #}
{% macro ratio(part, whole) -%}
{{ rounded("(" ~ part ~ ") * 1.0 / nullif(" ~ whole ~ ", 0)", 6) }}
{%- endmacro %}

{# The change from one amount to another, as a part of the first; null where the first is nothing. #}
{% macro growth(before, after) -%}
{{ ratio("(" ~ after ~ ") - (" ~ before ~ ")", "abs(" ~ before ~ ")") }}
{%- endmacro %}

{# Of two numbers of Codat's. #}
{% macro product_of(one, other) -%}
{{ adapter.dispatch("product_of", "codat_commerce")(one, other) }}
{%- endmacro %}

{% macro default__product_of(one, other) -%}
{{ one }} * {{ other }}
{%- endmacro %}

{# Its decimals end at 38 digits, and one line beyond that would end the build for all. #}
{% macro duckdb__product_of(one, other) -%}
try_cast({{ one }} as decimal(19, 8)) * try_cast({{ other }} as decimal(19, 8))
{%- endmacro %}

{% macro month_of(day) -%}
cast(date_trunc('month', cast({{ day }} as timestamp)) as date)
{%- endmacro %}

{# The Monday of the ISO week. #}
{% macro week_of(day) -%}
cast(date_trunc('week', cast({{ day }} as timestamp)) as date)
{%- endmacro %}

{% macro months_later(month, months) -%}
cast({{ month }} + interval '1 month' * ({{ months }}) as date)
{%- endmacro %}

{# How many months lie between the months of two days. #}
{% macro months_between(first, last) -%}
cast((extract(year from {{ last }}) - extract(year from {{ first }})) * 12
  + extract(month from {{ last }}) - extract(month from {{ first }}) as integer)
{%- endmacro %}

{# Days, weeks or months from the first to the last, a row each: stands alone in a select list. #}
{% macro each(unit, first, last) -%}
{{ adapter.dispatch("each", "codat_commerce")(unit, first, last) }}
{%- endmacro %}

{% macro default__each(unit, first, last) -%}
cast(generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval '1 {{ unit }}') as date)
{%- endmacro %}

{% macro duckdb__each(unit, first, last) -%}
cast(unnest(generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval '1 {{ unit }}')) as date)
{%- endmacro %}

{# The time zone of a company's business, by the variables; its company_id has to be a column. #}
{% macro zone_of(company_id) -%}
{%- set zones = var("codat_time_zones") -%}
{%- if zones -%}
case {{ company_id }}
{%- for company, zone in zones.items() %} when '{{ company | replace("'", "''") }}' then '{{ zone | replace("'", "''") }}'{% endfor %}
 else '{{ var("codat_time_zone") }}' end
{%- else -%}
'{{ var("codat_time_zone") }}'
{%- endif -%}
{%- endmacro %}

{# The day on which a moment falls where the business is. A moment is a timestamp in UTC. #}
{% macro local_day(moment, company_id) -%}
cast({{ moment }} at time zone 'UTC' at time zone {{ zone_of(company_id) }} as date)
{%- endmacro %}
