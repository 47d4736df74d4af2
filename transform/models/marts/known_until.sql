-- A platform's clock may be a day ahead of ours; an order that is dated later than that must not stretch the calendar.
-- A shop that has sold nothing for a month is not one of which nothing is known for a month: the calendar ends here.
with reads as (
    select company_id, connection_id, max(synced_at) as synced_at
    from {{ ref("stg_codat__reads") }}
    where data_type = 'commerce-orders'
    group by company_id, connection_id
),

status as (
    select company_id, max(last_successful_sync) as synced_at
    from {{ ref("stg_codat__data_status") }}
    where data_type = 'commerce-orders'
    group by company_id
),

sold as (
    select company_id, connection_id, max(day) as last_day
    from {{ ref("sales") }}
    group by company_id, connection_id
),

synced as (
    select
        sold.company_id,
        sold.connection_id,
        sold.last_day as last_sale,
        coalesce(reads.synced_at, status.synced_at) as synced_at,
        {{ local_day("coalesce(reads.synced_at, status.synced_at)", "sold.company_id") }} as sync_day
    from sold
    left join reads on sold.company_id = reads.company_id and sold.connection_id = reads.connection_id
    left join status on sold.company_id = status.company_id
)

select
    company_id,
    connection_id,
    synced_at,
    case
        when sync_day is null then last_sale
        else least(greatest(last_sale, sync_day), sync_day + 1)
    end as last_day
from synced
