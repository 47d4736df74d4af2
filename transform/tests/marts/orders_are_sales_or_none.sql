-- Each order is a sale, or has no date, or was paid in vain; and its value is the order's own.
select
    orders.company_id,
    orders.connection_id,
    orders.id as order_id,
    orders.total_amount as expected,
    sales.order_value as found,
    case when sales.order_id is null then 'an order that is no sale, and nothing says why' else 'another value' end as words
from {{ ref("stg_codat__orders") }} as orders
left join {{ ref("sales") }} as sales
    on orders.company_id = sales.company_id and orders.connection_id = sales.connection_id and orders.id = sales.order_id
where
    abs(coalesce(orders.total_amount, 0) - coalesce(sales.order_value, 0)) > 0.0001
    and (
        sales.order_id is not null
        or (
            {{ codat_commerce.dated("coalesce(orders.created_date, orders.closed_date, orders.source_modified_date)") }} is not null
            and not exists (
                select 1
                from {{ ref("order_payments") }} as payments
                where orders.company_id = payments.company_id
                    and orders.connection_id = payments.connection_id
                    and orders.id = payments.order_id
                    and payments.status in ('Cancelled', 'Failed')
            )
        )
    )
