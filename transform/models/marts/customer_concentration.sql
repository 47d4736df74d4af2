{%- set shop = "company_id, connection_id, currency" -%}
-- A guest order is a buyer of its own: who it was, nobody knows.
with bought as (
    select
        sales.company_id,
        sales.connection_id,
        sales.currency,
        sales.customer_id,
        case when sales.customer_id is null then sales.order_id end as guest_order,
        max(known_until.last_day) as last_day,
        count(*) as orders,
        {{ amount("greatest(sum(sales.order_value), 0)") }} as order_value
    from {{ ref("sales") }} as sales
    join {{ ref("known_until") }} as known_until
        on sales.company_id = known_until.company_id and sales.connection_id = known_until.connection_id
    where sales.day > known_until.last_day - 365 and sales.day <= known_until.last_day
    group by 1, 2, 3, 4, 5
),

ranked as (
    select
        *,
        row_number() over (partition by {{ shop }} order by order_value desc, customer_id, guest_order) as rank,
        count(*) over (partition by {{ shop }}) as buyers,
        sum(order_value) over (partition by {{ shop }}) as total
    from bought
),

summed as (
    select
        {{ shop }},
        max(last_day) as last_day,
        max(buyers) as buyers,
        count(customer_id) as customers,
        sum(orders) as orders,
        coalesce(sum(orders) filter (where customer_id is null), 0) as guest_orders,
        count(*) filter (where customer_id is not null and orders > 1) as repeat_customers,
        max(total) as order_value,
        max(customer_id) filter (where rank = 1) as top_customer_id,
        max(order_value) filter (where rank = 1) as top_order_value,
        {%- for percent in (1, 5, 10) %}
        sum(order_value) filter (where rank <= ceil(buyers * {{ percent }} / 100.0)) as top_{{ percent }},
        {%- endfor %}
        sum(order_value) filter (where rank <= 5) as top_5_customers,
        sum((order_value * 1.0 / nullif(total, 0)) * (order_value * 1.0 / nullif(total, 0))) as herfindahl
    from ranked
    group by {{ shop }}
)

select
    summed.company_id,
    summed.connection_id,
    summed.currency,
    summed.last_day - 364 as first_day,
    summed.last_day,
    summed.buyers,
    summed.customers,
    summed.orders,
    summed.guest_orders,
    {{ amount("summed.order_value") }} as order_value,
    summed.top_customer_id,
    customers.customer_name as top_customer_name,
    {{ ratio("summed.top_order_value", "summed.order_value") }} as top_customer_share,
    {{ ratio("summed.top_5_customers", "summed.order_value") }} as top_5_customers_share,
    {%- for percent in (1, 5, 10) %}
    {{ ratio("summed.top_" ~ percent, "summed.order_value") }} as top_{{ percent }}_percent_share,
    {%- endfor %}
    {{ rounded("summed.herfindahl", 6) }} as herfindahl_index,
    summed.repeat_customers,
    {{ ratio("summed.repeat_customers", "summed.customers") }} as repeat_share
from summed
left join {{ ref("stg_codat__customers") }} as customers
    on summed.company_id = customers.company_id
    and summed.connection_id = customers.connection_id
    and summed.top_customer_id = customers.id
