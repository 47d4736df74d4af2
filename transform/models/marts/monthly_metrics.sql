{%- set shop = "company_id, connection_id, currency" -%}
{%- set by_month = "partition by " ~ shop ~ " order by month" -%}
{%- set three = by_month ~ " rows between 2 preceding and current row" -%}
with months as (
    select
        {{ shop }},
        {{ month_of("day") }} as month,
        min(day) as first_day,
        max(day) filter (where is_complete) as last_complete_day,
        count(*) filter (where is_complete and orders = 0) as days_without_sales,
        sum(orders) as orders,
        {%- for column in ("revenue", "gross_sales", "discounts", "refunds", "net_sales", "tax", "order_value", "units") %}
        {{ amount("sum(" ~ column ~ ")") }} as {{ column }},
        {%- endfor %}
        sum(guest_orders) as guest_orders,
        sum(refunded_orders) as refunded_orders
    from {{ ref("daily_sales") }}
    group by {{ shop }}, {{ month_of("day") }}
),

-- One row for each customer and month with an order.
active as (
    select
        {{ shop }},
        customer_id,
        {{ month_of("day") }} as month,
        {{ month_of("min(customer_since)") }} as since,
        count(*) as orders,
        min(day) as first_day,
        max(day) as last_day
    from {{ ref("sales") }}
    where customer_id is not null
    group by {{ shop }}, customer_id, {{ month_of("day") }}
),

-- By how many days each of these months made the time longer that the customer has been one.
lives as (
    select
        *,
        lag(month) over (partition by {{ shop }}, customer_id order by month) as month_before,
        last_day - coalesce(lag(last_day) over (partition by {{ shop }}, customer_id order by month), first_day) as days
    from active
),

customers as (
    select
        {{ shop }},
        month,
        count(*) as customers,
        count(*) filter (where since = month) as new_customers,
        count(*) filter (where since < month) as existing_customers,
        count(*) filter (where month_before = {{ months_later("month", -1) }}) as kept_customers,
        sum(orders) as customer_orders,
        count(*) filter (where month_before is null) as begun,
        sum(days) as days
    from lives
    group by {{ shop }}, month
),

joined as (
    select
        months.*,
        coalesce(
            months.first_day = months.month and months.last_complete_day = {{ months_later("months.month", 1) }} - 1, false
        ) as is_complete,
        {%- for column in ("customers", "new_customers", "existing_customers", "kept_customers", "customer_orders") %}
        coalesce(customers.{{ column }}, 0) as {{ column }},
        {%- endfor %}
        coalesce(customers.begun, 0) as begun,
        coalesce(customers.days, 0) as days
    from months
    left join customers
        on months.company_id = customers.company_id
        and months.connection_id = customers.connection_id
        and months.currency = customers.currency
        and months.month = customers.month
),

-- What other months are needed for; a month that is not complete is none to compare with.
compared as (
    select
        *,
        {%- for column in ("revenue", "net_sales", "orders") %}
        case when is_complete then {{ column }} end as complete_{{ column }},
        {%- endfor %}
        lag(customers) over ({{ by_month }}) as customers_before,
        {{ ratio("sum(days) over (" ~ by_month ~ ")", "sum(begun) over (" ~ by_month ~ ")") }} as lifespan_days
    from joined
),

framed as (
    select
        *,
        {%- for column in ("revenue", "net_sales") %}
        lag(complete_{{ column }}) over ({{ by_month }}) as {{ column }}_month_before,
        lag(complete_{{ column }}, 12) over ({{ by_month }}) as {{ column }}_year_before,
        case when count(complete_{{ column }}) over ({{ three }}) = 3 then avg(complete_{{ column }}) over ({{ three }}) end as {{ column }}_mean_3,
        {%- endfor %}
        case when count(complete_revenue) over ({{ by_month }} rows between 11 preceding and current row) = 12
            then avg(complete_revenue) over ({{ by_month }} rows between 11 preceding and current row)
        end as revenue_mean_12,
        case when count(complete_orders) over ({{ three }}) = 3 then sum(complete_orders) over ({{ three }}) end as orders_3_months,
        coalesce(
            month = max(case when is_complete then month end) over (partition by {{ shop }}), false
        ) as is_latest,
        count(complete_revenue) over (partition by {{ shop }}) as complete_months,
        avg(complete_revenue) over (partition by {{ shop }}) as mean_of_all,
        avg(complete_revenue) over (partition by {{ shop }}, extract(month from month)) as mean_of_its_kind
    from compared
)

select
    {{ shop }},
    month,
    is_complete,
    is_latest,
    orders,
    revenue,
    gross_sales,
    discounts,
    refunds,
    net_sales,
    tax,
    order_value,
    {{ ratio("order_value", "orders") }} as average_order_value,
    units,
    days_without_sales,
    refunded_orders,
    {{ ratio("refunded_orders", "orders") }} as refund_rate,
    {{ ratio("refunds", "order_value + refunds") }} as refund_rate_by_value,
    guest_orders,
    customers,
    new_customers,
    existing_customers,
    kept_customers,
    {{ ratio("existing_customers", "customers_before") }} as retention_rate,
    {{ ratio("kept_customers", "customers_before") }} as kept_rate,
    {{ ratio("existing_customers", "customers") }} as repeat_rate,
    {{ ratio("customer_orders", "customers") }} as orders_per_customer,
    lifespan_days,
    {{ rounded(
        "order_value * 1.0 / nullif(orders, 0) * customer_orders / nullif(customers, 0) * lifespan_days / 30.4375", 2
    ) }} as lifetime_value,
    {%- for column, prefix in {"revenue": "", "net_sales": "net_sales_"}.items() %}
    {{ growth(column ~ "_month_before", "complete_" ~ column) }} as {{ prefix }}growth_on_month,
    {{ growth(column ~ "_year_before", "complete_" ~ column) }} as {{ prefix }}growth_on_year,
    {{ growth("lag(" ~ column ~ "_mean_3, 12) over (" ~ by_month ~ ")", column ~ "_mean_3") }} as {{ prefix }}growth_on_year_3_months,
    {{ rounded(column ~ "_mean_3", 4) }} as {{ column }}_mean_3_months,
    {%- endfor %}
    orders_3_months,
    lag(orders_3_months, 12) over ({{ by_month }}) as orders_3_months_year_before,
    {{ rounded("revenue_mean_12", 4) }} as revenue_mean_12_months,
    {{ ratio("case when complete_months >= 12 then mean_of_its_kind end", "mean_of_all") }} as seasonality
from framed
