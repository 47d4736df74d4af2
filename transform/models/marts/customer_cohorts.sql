{%- set shop = "company_id, connection_id, currency" -%}
with bought as (
    select
        {{ shop }},
        customer_id,
        {{ month_of("customer_since") }} as cohort,
        {{ month_of("day") }} as month,
        count(*) as orders,
        sum(order_value) as order_value
    from {{ ref("sales") }}
    where customer_id is not null
    group by {{ shop }}, customer_id, {{ month_of("customer_since") }}, {{ month_of("day") }}
),

cohorts as (
    select {{ shop }}, cohort, count(distinct customer_id) as size
    from bought
    group by {{ shop }}, cohort
),

calendar as (
    select
        cohorts.company_id,
        cohorts.connection_id,
        cohorts.currency,
        cohorts.cohort,
        cohorts.size,
        known_until.complete_before,
        {{ each("month", "cohorts.cohort", "known_until.last_day") }} as month
    from cohorts
    join {{ ref("known_until") }} as known_until
        on cohorts.company_id = known_until.company_id and cohorts.connection_id = known_until.connection_id
),

summed as (
    select {{ shop }}, cohort, month, count(*) as customers, sum(orders) as orders, sum(order_value) as order_value
    from bought
    group by {{ shop }}, cohort, month
),

joined as (
    select
        calendar.company_id,
        calendar.connection_id,
        calendar.currency,
        calendar.cohort,
        calendar.month,
        calendar.size,
        calendar.complete_before,
        coalesce(summed.customers, 0) as customers,
        coalesce(summed.orders, 0) as orders,
        {{ amount("summed.order_value") }} as order_value
    from calendar
    left join summed
        on calendar.company_id = summed.company_id
        and calendar.connection_id = summed.connection_id
        and calendar.currency = summed.currency
        and calendar.cohort = summed.cohort
        and calendar.month = summed.month
)

select
    {{ shop }},
    cohort,
    {{ months_between("cohort", "month") }} as months_since,
    coalesce({{ months_later("month", 1) }} <= complete_before, false) as is_over,
    size,
    customers,
    {{ ratio("customers", "size") }} as retention,
    orders,
    order_value,
    {{ ratio(
        "sum(order_value) over (partition by " ~ shop ~ ", cohort order by month)", "size"
    ) }} as value_per_customer_so_far
from joined
