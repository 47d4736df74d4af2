{#- The one place that knows of tables and columns that were not loaded, and of what is gone. -#}

{#
    The names of the columns that the loader has made for a stream; none if it has made no table. Raises an error for a
    table that may not be read: it would look as if nothing had been loaded.
#}
{% macro loaded_columns(stream) %}
    {%- set source = source('codat', stream) -%}
    {%- set names = [] -%}
    {%- if execute -%}
        {%- set table = adapter.get_relation(source.database, source.schema, source.identifier) -%}
        {%- for column in (adapter.get_columns_in_relation(table) if table else []) -%}
            {%- do names.append(column.name | lower) -%}
        {%- endfor -%}
        {%- if table and not names -%}
            {%- do exceptions.raise_compiler_error(source ~ " is there, and may not be read: grant select on it, and usage on its schema.") -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(names) }}
{% endmacro %}

{# Whether the loader has made a table for any stream. #}
{% macro anything_loaded() %}
    {%- for name in ['reads', 'connections', 'companies', 'data_status'] + codat_commerce.data_sets().keys() | list if codat_commerce.loaded_columns(name) -%}
        {{ return(true) }}
    {%- endfor -%}
    {{ return(false) }}
{% endmacro %}

{#
    The rows of a stream that are not gone, under other names. A column that was not loaded is null, since it was
    deselected; a table that was not loaded has no rows.
    columns: for each its name, its type, and its path in the stream.
#}
{% macro staging(stream, columns) %}
    {%- set data_type = codat_commerce.data_sets().get(stream) -%}
    {%- set loaded = codat_commerce.loaded_columns(stream) -%}
    {%- set reads = codat_commerce.loaded_columns('reads') -%}
    {%- set connections = codat_commerce.loaded_columns('connections') -%}
    {%- set companies = codat_commerce.loaded_columns('companies') -%}
    {%- if execute and not (loaded or codat_commerce.anything_loaded()) -%}
        {%- do exceptions.raise_compiler_error("No stream has a table in the schema " ~ var('codat_schema') ~ ": is the variable codat_schema right, and has the loader run?") -%}
    {%- endif -%}
    {%- for column in columns if column | length > 3 or column[1] == 'json' -%}
    {%- for name in loaded if name.startswith(column[2] | lower ~ '__') -%}
        {%- do exceptions.raise_compiler_error(stream ~ " has a column " ~ name ~ ": set flattening_enabled to false, as this package looks into " ~ column[2] ~ " itself; then drop the tables of the streams, and read everything again with --full-refresh.") -%}
    {%- endfor -%}
    {%- endfor -%}
    {%- set stamped = '_sdc_extracted_at' in loaded -%}
    {%- set by_reads = loaded and data_type and stamped and 'full' in reads and 'arrived' in reads -%}
    {%- set told = 'full' in reads and 'arrived' in reads and 'records' in reads and 'endedat' in reads -%}
    {%- set by_list = loaded and (data_type or stream in ['connections', 'reads']) and '_sdc_extracted_at' in connections and '_sdc_extracted_at' in companies -%}
    {%- if by_reads %}
with arrived as (
    select "companyId", "connectionId", max("startedAt") as since
    from {{ source('codat', 'reads') }}
    where "full" and "arrived" and "dataType" = '{{ data_type }}'
    group by "companyId", "connectionId"
)
    {%- endif %}
select
    {%- for column in columns + [['extracted_at', 'timestamp', '_sdc_extracted_at']] %}
    {%- set name, kind, path = column[0], column[1], column[2:] %}
    {% if path[0] | lower not in loaded -%}
        cast(null as {{ codat_commerce.type_of(kind) }})
    {%- elif path | length == 1 -%}
        {{ codat_commerce.column_as('loaded."' ~ path[0] ~ '"', kind) }}
    {%- else -%}
        {{ codat_commerce.json_as(codat_commerce.column_as('loaded."' ~ path[0] ~ '"', 'json'), path[1:], kind) }}
    {%- endif %} as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
    {%- if not loaded %}
where false
    {%- else %}
from {{ source('codat', stream) }} as loaded
    {%- endif %}
    {%- if by_reads %}
left join arrived on arrived."companyId" = loaded."companyId" and arrived."connectionId" = loaded."connectionId"
    {%- endif %}
    {%- if by_reads or by_list %}
where true
    {%- endif %}
    {%- if by_reads %}
    and (arrived.since is null or loaded."_sdc_extracted_at" is null or loaded."_sdc_extracted_at" >= arrived.since)
    {%- endif %}
    {%- if by_list %}
    and not exists (
        {{ codat_commerce.gone_connections(told) | indent(8) }}
        and connection."companyId" = loaded."companyId"
        and connection."id" = loaded."{{ 'id' if stream == 'connections' else 'connectionId' }}"
    )
    {%- endif %}
{% endmacro %}

{#
    Connections that are not in their company's list any more. Their reads tell: a full read of nothing, which took no
    time and has arrived. Where none tells, as a run had no state, the rows do: the connection's is older than its
    company's, by more than a night, and another connection of the company has a row that is not. So neither a list that
    was behind nor a loader that died makes them vanish.
    told: whether there are reads.
#}
{% macro gone_connections(told) -%}
{%- set of_nothing = '"full" and "records" = 0 and "startedAt" = "endedAt"' -%}
select 1
from {{ source('codat', 'connections') }} as connection
left join {{ source('codat', 'companies') }} as company on company."id" = connection."companyId"
left join (
    select "companyId", max("_sdc_extracted_at") as latest
    from {{ source('codat', 'connections') }}
    group by "companyId"
) as listed on listed."companyId" = connection."companyId"
{% if told -%}
left join (
    select
        "companyId",
        "connectionId",
        max(case when {{ of_nothing }} then "startedAt" end) as told_since,
        max(case when {{ of_nothing }} and "arrived" then "startedAt" end) as gone_since
    from {{ source('codat', 'reads') }}
    group by "companyId", "connectionId"
) as told on told."companyId" = connection."companyId" and told."connectionId" = connection."id"
{% endif -%}
where case
    {% if told -%}
    when told.told_since > connection."_sdc_extracted_at" then coalesce(told.gone_since > connection."_sdc_extracted_at", false)
    {% endif -%}
    when true then connection."_sdc_extracted_at" < company."_sdc_extracted_at" - interval '36 hours'
        and company."_sdc_extracted_at" <= listed.latest
end
{%- endmacro %}
