{%- set shop = "company_id, connection_id, currency" -%}
with sold as (
    select
        sales.company_id,
        sales.connection_id,
        sales.currency,
        coalesce(nullif(lines.product_id, ''), '(none)') as product_id,
        max(known_until.last_day) as last_day,
        count(distinct sales.order_id) as orders,
        sum(lines.quantity) as units,
        greatest(sum({{ product_of("lines.quantity", "lines.unit_price") }}), 0) as revenue
    from {{ ref("order_lines") }} as lines
    join {{ ref("sales") }} as sales
        on lines.company_id = sales.company_id
        and lines.connection_id = sales.connection_id
        and lines.order_id = sales.order_id
    join {{ ref("known_until") }} as known_until
        on sales.company_id = known_until.company_id and sales.connection_id = known_until.connection_id
    where sales.day > known_until.last_day - 365 and sales.day <= known_until.last_day
    group by 1, 2, 3, 4
),

ranked as (
    select
        *,
        row_number() over (partition by {{ shop }} order by revenue desc, product_id) as rank,
        sum(revenue) over (partition by {{ shop }}) as total,
        sum(revenue) over (partition by {{ shop }} order by revenue desc, product_id) as so_far
    from sold
)

select
    ranked.company_id,
    ranked.connection_id,
    ranked.currency,
    ranked.product_id,
    products.name as product_name,
    ranked.last_day - 364 as first_day,
    ranked.last_day,
    ranked.rank,
    ranked.orders,
    {{ amount("ranked.units") }} as units,
    {{ amount("ranked.revenue") }} as revenue,
    {{ ratio("ranked.revenue", "ranked.total") }} as share,
    {{ ratio("ranked.so_far", "ranked.total") }} as share_with_those_above
from ranked
left join {{ ref("stg_codat__products") }} as products
    on ranked.company_id = products.company_id
    and ranked.connection_id = products.connection_id
    and ranked.product_id = products.id
