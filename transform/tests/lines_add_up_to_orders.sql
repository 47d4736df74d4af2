{{ config(severity='warn') }}
-- As Codat describes it: an order's amount is that of its lines and charges, less what was refunded, which is always negative.
-- Some platforms differ.
with lines as (
    select company_id, connection_id, order_id, sum(total_amount) as total_amount
    from {{ ref('order_lines') }}
    group by company_id, connection_id, order_id
),

charges as (
    select company_id, connection_id, order_id, sum(total_amount) as total_amount
    from {{ ref('order_service_charges') }}
    group by company_id, connection_id, order_id
)

select
    orders.company_id,
    orders.connection_id,
    orders.id as order_id,
    orders.total_amount as expected,
    lines.total_amount + coalesce(charges.total_amount, 0) - abs(coalesce(orders.total_refund, 0)) as found,
    'lines and charges of the order, less its refund' as words
from {{ ref('stg_codat__orders') }} as orders
inner join lines
    on lines.company_id = orders.company_id
    and lines.connection_id = orders.connection_id
    and lines.order_id = orders.id
left join charges
    on charges.company_id = orders.company_id
    and charges.connection_id = orders.connection_id
    and charges.order_id = orders.id
where abs(
    orders.total_amount - lines.total_amount - coalesce(charges.total_amount, 0) + abs(coalesce(orders.total_refund, 0))
) > 0.01
