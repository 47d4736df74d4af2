with lines as (
    {{ codat_commerce.exploded(
        ref('stg_codat__orders'),
        'order_line_items',
        kept={
            'company_id': 'company_id',
            'connection_id': 'connection_id',
            'id': 'order_id',
            'created_date': 'created_date',
            'currency': 'currency',
        },
        number='line_number',
        columns=[
            ['line_id', 'text', 'id'],
            ['product_id', 'text', 'productRef', 'id'],
            ['product_name', 'text', 'productRef', 'name'],
            ['product_variant_id', 'text', 'productVariantRef', 'id'],
            ['product_variant_name', 'text', 'productVariantRef', 'name'],
            ['quantity', 'number', 'quantity'],
            ['unit_price', 'number', 'unitPrice'],
            ['tax_amount', 'number', 'totalTaxAmount'],
            ['tax_percentage', 'number', 'taxPercentage'],
            ['total_amount', 'number', 'totalAmount'],
            ['taxes', 'json', 'taxes'],
            ['discounts', 'json', 'discountAllocations'],
        ],
    ) | indent(4) }}
)

select
    lines.*,
    {{ codat_commerce.sum_within('lines.discounts', 'totalAmount') }} as discount_amount
from lines
