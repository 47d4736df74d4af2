{{ config(store_failures=true, tags=['proof']) }}
-- After what says whom to look at: depends_on: {{ ref('shop_health') }}
-- A column stays in its table when it is deselected: what is new from then on lacks it, and adds up to less; what was there
-- may keep it, also if it is written again. Some shops never had it: they do not count.
{%- set enough, parts = 10, [] -%}
{%- for stream, columns in codat_commerce.always_there().items() -%}
{%- set loaded = codat_commerce.loaded_columns(stream) -%}
{%- set moments = ['"createdDate"'] * ('createddate' in loaded) + ['"_sdc_extracted_at"'] -%}
{%- for column in columns if column | lower in loaded and '_sdc_extracted_at' in loaded -%}
{%- do parts.append([stream, column, moments]) -%}
{%- endfor -%}
{%- endfor %}
with shops as (
    select cast(null as text) as stream, cast(null as text) as lacking, cast(null as timestamp) as last_with, 0 as rows_since
    where false
    {%- for stream, column, moments in parts %}
    union all
    select '{{ stream }}', '{{ column }}', max(last_with), sum(case when made_at > last_with then 1 else 0 end)
    from (
        select made_at, max(case when is_there then made_at end) over () as last_with
        from (
            select
                coalesce({% for moment in moments %}cast({{ moment }} as timestamp){{ ', ' if not loop.last }}{% endfor %}) as made_at,
                "{{ column }}" is not null as is_there,
                bool_or("{{ column }}" is not null) over (partition by "companyId", "connectionId") as ever
            from {{ source('codat', stream) }}
        ) as rows_of_shops
        where ever
    ) as stamped
    {%- endfor %}
)

select
    stream,
    lacking,
    0 as expected,
    rows_since as found,
    'The latest ' || rows_since || ' rows of ' || stream || ' lack ' || lacking || ', since ' || {{ codat_commerce.shown('last_with') }}
    || '. Is it deselected in the tap, or taken out by stream_maps? Undo that, and read ' || stream || ' whole once (docs/every-night.md).'
    as what_to_do
from shops
where rows_since >= {{ enough }}
