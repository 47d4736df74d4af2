{{ config(store_failures=true, tags=['proof']) }}
-- After what says whom to look at: depends_on: {{ ref('shop_health') }}
{%- set days = var('codat_proven_within_days') | int %}
with reads as (
    select company_id, data_type, max(ended_at) as last_read_at
    from {{ ref('stg_codat__reads') }}
    group by company_id, data_type
),

-- It speaks for the company: a read of any of its shops will do.
status as (
    select company_id, data_type, last_successful_sync
    from {{ ref('stg_codat__data_status') }}
    where last_successful_sync is not null and coalesce(current_status, '') <> 'NotSupported'
        and {{ codat_commerce.is_loaded('data_type') }}
),

behind as (
    select
        status.company_id,
        cast(null as text) as connection_id,
        status.data_type,
        'a proven read after ' || {{ codat_commerce.shown('status.last_successful_sync') }} as expected,
        coalesce('one of ' || {{ codat_commerce.shown('reads.last_read_at') }}, 'none') as found,
        'Codat has newer data, and no read of it was proven for {{ days }} days. Look for the company in the log of the tap,'
        || ' and run codat-commerce status. Is the stream not to be read any more? Drop its table, with cascade.' as what_to_do
    from status
    left join reads on reads.company_id = status.company_id and reads.data_type = status.data_type
    left join {{ ref('stg_codat__companies') }} as companies on companies.company_id = status.company_id
    where status.last_successful_sync > coalesce(reads.last_read_at, companies.created, timestamp '1970-01-01')
        and coalesce(reads.last_read_at, companies.created, status.last_successful_sync)
        < {{ codat_commerce.days_before_now(days) }}
)

select *
from behind

union all

-- But not where rows of this shop came, and were never proven.
select
    shops.company_id,
    shops.connection_id,
    shops.data_type,
    'a proven read' as expected,
    shops.current_rows || ' rows' as found,
    'Rows of it came, and no read of it was ever proven: some may be missing. Look for the connection in the log of the tap,'
    || ' and run codat-commerce status. Were rows of the table reads deleted? Then have it read whole (docs/every-night.md).' as what_to_do
from {{ ref('shop_data_sets') }} as shops
left join {{ ref('stg_codat__connections') }} as connections
    on connections.company_id = shops.company_id and connections.connection_id = shops.connection_id
where shops.last_read_at is null and shops.current_rows > 0
    and not exists (select 1 from behind where behind.company_id = shops.company_id and behind.data_type = shops.data_type)
    and coalesce(connections.created, shops.first_row_at, timestamp '1970-01-01') < {{ codat_commerce.days_before_now(days) }}
    {%- if not codat_commerce.loaded_columns('reads') %}
    and false
    {%- endif %}
