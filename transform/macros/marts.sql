{# What the marts share. What the two databases say differently is dispatched. #}

{# A number of so many digits after the point, on both databases; null if it has too many before it. #}
{% macro rounded(value, digits) -%}
{{ adapter.dispatch("rounded", "codat_commerce")(value, digits) }}
{%- endmacro %}

{% macro default__rounded(value, digits) -%}
cast({{ codat_commerce.below(value, 37 - digits) }} as decimal(38, {{ digits }}))
{%- endmacro %}

{% macro duckdb__rounded(value, digits) -%}
try_cast({{ value }} as decimal(38, {{ digits }}))
{%- endmacro %}

{# An amount of money, or units; 0 where there is none. #}
{% macro amount(value) -%}
{{ codat_commerce.rounded("coalesce(" ~ value ~ ", 0)", 4) }}
{%- endmacro %}

{# A currency's code; XXX where there is none. #}
{% macro currency_of(column) -%}
coalesce(nullif(upper(trim({{ column }})), ''), 'XXX')
{%- endmacro %}

{# A part of a whole; null where the whole is nothing. #}
{% macro ratio(part, whole) -%}
{{ codat_commerce.rounded("(" ~ part ~ ") * 1.0 / nullif(" ~ whole ~ ", 0)", 6) }}
{%- endmacro %}

{# The change from one amount to another, as a part of the first; null where the first is nothing. #}
{% macro growth(before, after) -%}
{{ codat_commerce.ratio("(" ~ after ~ ") - (" ~ before ~ ")", "abs(" ~ before ~ ")") }}
{%- endmacro %}

{# Of two numbers of Codat's; null if one of them has more than eleven digits: one line must not end the build for all. #}
{% macro product_of(one, other) -%}
{{ adapter.dispatch("product_of", "codat_commerce")(one, other) }}
{%- endmacro %}

{% macro default__product_of(one, other) -%}
({{ codat_commerce.below(one, 11) }}) * ({{ codat_commerce.below(other, 11) }})
{%- endmacro %}

{# Its decimals end at 38 digits. #}
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

{# A moment; null if it cannot be one of a shop's: one bad date would stretch a calendar over thousands of years. #}
{% macro dated(moment) -%}
case when {{ moment }} >= cast('2000-01-01' as timestamp) and {{ moment }} <= {{ codat_commerce.now_in_utc() }} + interval '1 day'
    then {{ moment }} end
{%- endmacro %}

{# The time zone of a company's business, by the variables; its company_id has to be a column. #}
{% macro zone_of(company_id) -%}
{%- set zones = var("codat_time_zones", {}) or {} -%}
{%- if zones is not mapping -%}
{{ exceptions.raise_compiler_error("codat_time_zones has to map ids of companies to time zones, as {<company_id>: Europe/Lisbon}. It is: " ~ zones) }}
{%- endif -%}
{%- if zones -%}
case lower({{ company_id }})
{%- for company, zone in zones.items() %} when '{{ company | lower | replace("'", "''") }}' then {{ codat_commerce.zone(zone) }}{% endfor %}
 else {{ codat_commerce.zone(var("codat_time_zone", "UTC")) }} end
{%- else -%}
{{ codat_commerce.zone(var("codat_time_zone", "UTC")) }}
{%- endif -%}
{%- endmacro %}

{# Databases take abbreviations and offsets too, which know no summer time, and mean different things. #}
{% macro zone(name) -%}
{%- if name is not string or (name != "UTC" and "/" not in name) -%}
{{ exceptions.raise_compiler_error("A time zone in codat_time_zone or codat_time_zones has to be UTC, or a name as Europe/Lisbon. It is: " ~ name) }}
{%- endif -%}
'{{ name | replace("'", "''") }}'
{%- endmacro %}

{# The day on which a moment falls where the business is; null if it is no date. A moment is a timestamp in UTC. #}
{% macro local_day(moment, company_id) -%}
cast(({{ codat_commerce.dated(moment) }}) at time zone 'UTC' at time zone {{ codat_commerce.zone_of(company_id) }} as date)
{%- endmacro %}

{#
    Ends the build where the loader has a table of a stream, but lacks columns that a mart adds up: its numbers would be
    wrong, and nothing would say so. For a pre-hook.
#}
{% macro needs(stream, columns) -%}
{%- set loaded, missing = codat_commerce.loaded_columns(stream), [] -%}
{%- for column in columns if loaded and column | lower not in loaded -%}
{%- do missing.append(column) -%}
{%- endfor -%}
{%- if missing -%}
{{ exceptions.raise_compiler_error(this.name ~ " adds up what the loader has no columns for in " ~ stream ~ ": " ~ missing | join(", ") ~ ". Select them in the tap's catalog, take out what leaves them out of stream_maps, and read " ~ stream ~ " whole once (docs/every-night.md). Or build without it: --exclude " ~ this.name ~ "+; the proof then has to be asked for by itself: dbt build --select +read_proof +shop_data_sets tag:proof") }}
{%- endif -%}
{%- endmacro %}

{# A variable of a text instead of a list would be read letter by letter, and a name of no stream have no effect. #}
{% macro check_filtered_streams() -%}
{%- set streams = var("codat_filtered_streams", []) -%}
{%- if streams is string or streams is mapping or streams is not iterable -%}
{{ exceptions.raise_compiler_error("codat_filtered_streams has to be a list of streams, as [customers]. It is: " ~ streams) }}
{%- endif -%}
{%- for stream in streams if stream not in codat_commerce.data_sets() -%}
{{ exceptions.raise_compiler_error("codat_filtered_streams names " ~ stream ~ ", which is none of " ~ codat_commerce.data_sets() | join(", ")) }}
{%- endfor -%}
{%- endmacro %}
