{{ codat_commerce.exploded(
    ref('order_lines'),
    'discounts',
    kept={
        'company_id': 'company_id',
        'connection_id': 'connection_id',
        'order_id': 'order_id',
        'line_number': 'line_number',
        'currency': 'currency',
    },
    number='discount_number',
    columns=[
        ['name', 'text', 'name'],
        ['total_amount', 'number', 'totalAmount'],
    ],
) }}
