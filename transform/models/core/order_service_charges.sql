{{ codat_commerce.exploded(
    ref('stg_codat__orders'),
    'service_charges',
    kept={
        'company_id': 'company_id',
        'connection_id': 'connection_id',
        'id': 'order_id',
        'created_date': 'created_date',
        'currency': 'currency',
    },
    number='charge_number',
    columns=[
        ['type', 'text', 'type'],
        ['description', 'text', 'description'],
        ['quantity', 'number', 'quantity'],
        ['tax_amount', 'number', 'taxAmount'],
        ['tax_percentage', 'number', 'taxPercentage'],
        ['total_amount', 'number', 'totalAmount'],
    ],
) }}
