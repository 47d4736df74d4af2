{%- set streams = data_sets() -%}
with counted as (
    {%- for stream, data_type in streams.items() %}
    select company_id, connection_id, '{{ data_type }}' as data_type, count(*) as current_rows
    from {{ ref("stg_codat__" ~ stream) }}
    group by company_id, connection_id
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

reads as (
    select company_id, connection_id, data_type, max(ended_at) as last_read_at, max(synced_at) as synced_at
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
)

select
    expected.company_id,
    expected.connection_id,
    expected.data_type,
    expected.current_status,
    reads.last_read_at,
    reads.synced_at,
    cast({{ now_in_utc() }} as date) - cast(reads.synced_at as date) as days_old,
    coalesce(counted.current_rows, 0) as current_rows,
    case
        when reads.last_read_at is null and expected.current_status = 'NotSupported' then 'not supported'
        when reads.last_read_at is null and elsewhere.data_type is not null and counted.current_rows is null then 'of another shop'
        when reads.last_read_at is null then 'never read'
        when cast({{ now_in_utc() }} as date) - cast(reads.synced_at as date) > {{ var("codat_proven_within_days") }} then 'stale'
        else 'fresh'
    end as state
from expected
left join reads
    on expected.company_id = reads.company_id
    and expected.connection_id = reads.connection_id
    and expected.data_type = reads.data_type
left join elsewhere
    on expected.company_id = elsewhere.company_id and expected.data_type = elsewhere.data_type
left join counted
    on expected.company_id = counted.company_id
    and expected.connection_id = counted.connection_id
    and expected.data_type = counted.data_type
