-- A table, made anew each time: a deleted order leaves nothing behind that says on which day it was missed.
with by_day as (
    select
        company_id,
        connection_id,
        currency,
        day,
        count(*) as orders,
        sum(revenue) as revenue,
        sum(gross_sales) as gross_sales,
        sum(discounts) as discounts,
        sum(refunds) as refunds,
        sum(net_sales) as net_sales,
        sum(tax) as tax,
        sum(order_value) as order_value,
        sum(units) as units,
        count(distinct customer_id) as customers,
        count(*) filter (where customer_id is null) as guest_orders,
        count(*) filter (where refunds > 0) as refunded_orders
    from {{ ref("sales") }}
    group by company_id, connection_id, currency, day
),

spans as (
    select company_id, connection_id, currency, min(day) as first_day
    from by_day
    group by company_id, connection_id, currency
),

calendar as (
    select
        spans.company_id,
        spans.connection_id,
        spans.currency,
        known_until.complete_before,
        {{ each("day", "spans.first_day", "known_until.last_day") }} as day
    from spans
    join {{ ref("known_until") }} as known_until
        on spans.company_id = known_until.company_id and spans.connection_id = known_until.connection_id
)

select
    calendar.company_id,
    calendar.connection_id,
    calendar.currency,
    calendar.day,
    coalesce(calendar.day < calendar.complete_before, false) as is_complete,
    coalesce(by_day.orders, 0) as orders,
    {%- for column in ("revenue", "gross_sales", "discounts", "refunds", "net_sales", "tax", "order_value", "units") %}
    {{ amount("by_day." ~ column) }} as {{ column }},
    {%- endfor %}
    coalesce(by_day.customers, 0) as customers,
    coalesce(by_day.guest_orders, 0) as guest_orders,
    coalesce(by_day.refunded_orders, 0) as refunded_orders
from calendar
left join by_day
    on calendar.company_id = by_day.company_id
    and calendar.connection_id = by_day.connection_id
    and calendar.currency = by_day.currency
    and calendar.day = by_day.day
