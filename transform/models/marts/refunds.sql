-- The order says how much was refunded, not when: its own payments know, or the platform's transactions.
with paid_back as (
    select company_id, connection_id, order_id, min({{ dated("created_date") }}) as refunded_at
    from {{ ref("order_payments") }}
    where amount < 0 and status = 'Paid'
    group by company_id, connection_id, order_id
),

moved as (
    select
        company_id,
        connection_id,
        transaction_source_id as order_id,
        min({{ dated("coalesce(source_created_date, created_date)") }}) as refunded_at
    from {{ ref("stg_codat__transactions") }}
    where type = 'Refund' and transaction_source_type = 'Order'
    group by company_id, connection_id, transaction_source_id
),

refunded as (
    select
        sales.*,
        coalesce(paid_back.refunded_at, moved.refunded_at) as refunded_at
    from {{ ref("sales") }} as sales
    left join paid_back
        on sales.company_id = paid_back.company_id
        and sales.connection_id = paid_back.connection_id
        and sales.order_id = paid_back.order_id
    left join moved
        on sales.company_id = moved.company_id
        and sales.connection_id = moved.connection_id
        and sales.order_id = moved.order_id
    where sales.refunds > 0
)

select
    company_id,
    connection_id,
    order_id,
    currency,
    customer_id,
    day as ordered_on,
    {{ local_day("refunded_at", "company_id") }} as refunded_on,
    case when {{ local_day("refunded_at", "company_id") }} >= day
        then {{ local_day("refunded_at", "company_id") }} - day
    end as days_to_refund,
    {{ amount("order_value + refunds") }} as value_before,
    refunds as refund,
    {{ ratio("refunds", "order_value + refunds") }} as share_refunded,
    order_value <= 0 as is_full
from refunded
