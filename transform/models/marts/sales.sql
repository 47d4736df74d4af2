{{- config(pre_hook="{{ codat_commerce.needs('orders', ['currency', 'createdDate', 'totalAmount', 'totalDiscount', 'totalRefund', 'totalTaxAmount', 'orderLineItems', 'payments']) }}") -}}
{%- do check_filtered_streams() -%}
-- An order's refund stands in as many as three places, so that adding them up would count it twice: the largest is taken.
with lines as (
    select
        company_id,
        connection_id,
        order_id,
        sum({{ product_of("quantity", "unit_price") }}) as revenue,
        sum({{ product_of("quantity", "unit_price") }}) filter (where quantity > 0) as gross_sales,
        sum(quantity) filter (where quantity > 0) as units,
        sum(abs(total_amount)) filter (where quantity < 0) as returned
    from {{ ref("order_lines") }}
    group by company_id, connection_id, order_id
),

payments as (
    select
        company_id,
        connection_id,
        order_id,
        sum(-amount) filter (where amount < 0 and status = 'Paid') as paid_back,
        count(*) = count(*) filter (where status in ('Cancelled', 'Failed')) as in_vain
    from {{ ref("order_payments") }}
    group by company_id, connection_id, order_id
),

orders as (
    select
        *,
        {{ dated("coalesce(created_date, closed_date, source_modified_date)") }} as ordered_at
    from {{ ref("stg_codat__orders") }}
),

sold as (
    select
        orders.company_id,
        orders.connection_id,
        orders.id as order_id,
        {{ currency_of("orders.currency") }} as currency,
        nullif(orders.customer_id, '') as customer_id,
        orders.ordered_at,
        {{ local_day("orders.ordered_at", "orders.company_id") }} as day,
        {{ amount("lines.revenue") }} as revenue,
        {{ amount("lines.gross_sales") }} as gross_sales,
        {{ amount("orders.total_discount") }} as discounts,
        {{ amount("greatest(abs(coalesce(orders.total_refund, 0)), coalesce(lines.returned, 0), coalesce(payments.paid_back, 0))") }} as refunds,
        {{ amount("orders.total_tax_amount") }} as tax,
        {{ amount("orders.total_amount") }} as order_value,
        {{ amount("lines.units") }} as units
    from orders
    left join lines
        on orders.company_id = lines.company_id
        and orders.connection_id = lines.connection_id
        and orders.id = lines.order_id
    left join payments
        on orders.company_id = payments.company_id
        and orders.connection_id = payments.connection_id
        and orders.id = payments.order_id
    where orders.ordered_at is not null and not coalesce(payments.in_vain, false)
)

-- A refund gives back tax and postage too: what it takes off the goods is their part of the order value; all of it,
-- where more was given back than the order was worth.
select
    *,
    {{ amount(
        "gross_sales - discounts - refunds * case
            when order_value >= 0 and order_value + refunds > 0 then (gross_sales - discounts) * 1.0 / (order_value + refunds)
            else 1 end"
    ) }} as net_sales,
    case
        when customer_id is not null
            then min(day) over (partition by company_id, connection_id, customer_id)
    end as customer_since
from sold
