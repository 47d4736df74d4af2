{%- set moments = {
    "": ("orders", "sales", "day"),
    "transactions_": ("transactions", "stg_codat__transactions", local_day("coalesce(source_created_date, created_date)", "company_id")),
    "disputes_": ("disputes", "stg_codat__disputes", local_day("coalesce(created_date, source_modified_date)", "company_id")),
} -%}
-- A platform's clock may be a day ahead of ours; an order that is dated later than that must not stretch the calendar.
-- A shop that has sold nothing for a month is not one of which nothing is known for a month: the calendar ends here.
-- Where reads are told of, what no read has proven is not complete, whatever the status says: that is the company's.
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

told as (
    select count(*) > 0 as of_reads
    from {{ ref("stg_codat__reads") }}
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

synced as (
    select
        happened.*,
        told.of_reads
        {%- for prefix in moments %},
        coalesce(
            reads.{{ prefix }}synced_at,
            case when reads.{{ prefix }}reads > 0 or not told.of_reads then status.{{ prefix }}synced_at end
        ) as {{ prefix }}synced_at
        {%- endfor %}
    from happened
    cross join told
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
    end as {{ prefix }}last_day,
    coalesce({{ prefix }}sync_day, case when not of_reads then {{ prefix }}last end) as {{ prefix }}complete_before
    {%- endfor %}
from dated
