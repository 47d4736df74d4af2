{%- set streams = data_sets() -%}
with counted as (
    {%- for stream, data_type in streams.items() %}
    select company_id, connection_id, '{{ data_type }}' as data_type, count(*) as current_rows, min(extracted_at) as first_row_at
    from {{ ref("stg_codat__" ~ stream) }}
    group by company_id, connection_id
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

reads as (
    select
        company_id,
        connection_id,
        data_type,
        max(ended_at) as last_read_at,
        max(synced_at) as synced_at,
        bool_or(has_arrived) as has_arrived
    from {{ ref("stg_codat__reads") }}
    group by company_id, connection_id, data_type
),

-- In a company of several shops, the status of a data type speaks for all of them, also for those that lack it.
elsewhere as (
    select distinct company_id, data_type
    from reads
),

expected as (
    select connections.company_id, connections.connection_id, status.data_type, status.current_status
    from {{ ref("stg_codat__connections") }} as connections
    join {{ ref("stg_codat__data_status") }} as status on connections.company_id = status.company_id
    where connections.source_type = 'Commerce'
        and connections.status <> 'PendingAuth'
        and status.data_type in ('{{ streams.values() | join("', '") }}')
),

-- Any one of them may have lost rows, or not be loaded.
known as (
    select company_id, connection_id, data_type from expected
    union
    select company_id, connection_id, data_type from reads
    union
    select company_id, connection_id, data_type from counted
),

missing as (
    select company_id, connection_id, data_type, missing_rows
    from {{ ref("read_proof") }}
)

select
    known.company_id,
    known.connection_id,
    known.data_type,
    expected.current_status,
    reads.last_read_at,
    reads.synced_at,
    coalesce(reads.has_arrived, false) as has_arrived,
    counted.first_row_at,
    coalesce(missing.missing_rows, 0) as missing_rows,
    cast({{ now_in_utc() }} as date) - cast(reads.synced_at as date) as days_old,
    coalesce(counted.current_rows, 0) as current_rows,
    case
        when reads.last_read_at is null and expected.current_status = 'NotSupported' then 'not supported'
        when reads.last_read_at is null and elsewhere.data_type is not null and counted.current_rows is null then 'of another shop'
        when reads.last_read_at is null then 'never read'
        when cast({{ now_in_utc() }} as date) - cast(reads.synced_at as date) > {{ var("codat_proven_within_days") }} then 'stale'
        else 'fresh'
    end as state
from known
{%- for some in ["expected", "reads", "counted", "missing"] %}
left join {{ some }}
    on known.company_id = {{ some }}.company_id
    and known.connection_id = {{ some }}.connection_id
    and known.data_type = {{ some }}.data_type
{%- endfor %}
left join elsewhere
    on known.company_id = elsewhere.company_id and known.data_type = elsewhere.data_type
