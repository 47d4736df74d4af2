{%- set moments = {
    "": ("orders", "sales", "day"),
    "transactions_": ("transactions", "stg_codat__transactions", local_day("coalesce(source_created_date, created_date)", "company_id")),
    "disputes_": ("disputes", "stg_codat__disputes", local_day("coalesce(created_date, source_modified_date)", "company_id")),
} -%}
-- A platform's clock may be a day ahead of ours; an order that is dated later than that must not stretch the calendar.
-- A shop that has sold nothing for a month is not one of which nothing is known for a month: the calendar ends here.
with reads as (
    select
        company_id,
        connection_id
        {%- for prefix, (stream, _, _) in moments.items() %},
        max(synced_at) filter (where data_type = '{{ data_sets()[stream] }}' and has_arrived) as {{ prefix }}synced_at,
        count(*) filter (where data_type = '{{ data_sets()[stream] }}') as {{ prefix }}reads
        {%- endfor %}
    from {{ ref("stg_codat__reads") }}
    group by company_id, connection_id
),

status as (
    select
        company_id
        {%- for prefix, (stream, _, _) in moments.items() %},
        max(last_successful_sync) filter (where data_type = '{{ data_sets()[stream] }}') as {{ prefix }}synced_at
        {%- endfor %}
    from {{ ref("stg_codat__data_status") }}
    group by company_id
),

days as (
    {%- for stream, model, day in moments.values() %}
    select company_id, connection_id, '{{ stream }}' as stream, max({{ day }}) as last_day
    from {{ ref(model) }}
    group by company_id, connection_id
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

happened as (
    select
        company_id,
        connection_id
        {%- for prefix, (stream, _, _) in moments.items() %},
        max(last_day) filter (where stream = '{{ stream }}') as {{ prefix }}last
        {%- endfor %}
    from days
    group by company_id, connection_id
),

-- The status of a company says nothing of a data type that was read of others of its shops alone.
synced as (
    select
        happened.*
        {%- for prefix in moments %},
        coalesce(
            reads.{{ prefix }}synced_at,
            case when coalesce(reads.{{ prefix }}reads, 1) > 0 or happened.{{ prefix }}last is not null then status.{{ prefix }}synced_at end
        ) as {{ prefix }}synced_at
        {%- endfor %}
    from happened
    left join reads on happened.company_id = reads.company_id and happened.connection_id = reads.connection_id
    left join status on happened.company_id = status.company_id
),

dated as (
    select
        *
        {%- for prefix in moments %},
        {{ local_day(prefix ~ "synced_at", "company_id") }} as {{ prefix }}sync_day
        {%- endfor %}
    from synced
)

select
    company_id,
    connection_id
    {%- for prefix in moments %},
    {{ prefix }}synced_at,
    case
        when {{ prefix }}sync_day is null then {{ prefix }}last
        else least(greatest({{ prefix }}last, {{ prefix }}sync_day), {{ prefix }}sync_day + 1)
    end as {{ prefix }}last_day
    {%- endfor %}
from dated
