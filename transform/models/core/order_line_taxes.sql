{{ codat_commerce.exploded(
    ref('order_lines'),
    'taxes',
    kept={
        'company_id': 'company_id',
        'connection_id': 'connection_id',
        'order_id': 'order_id',
        'line_number': 'line_number',
        'currency': 'currency',
    },
    number='tax_number',
    columns=[
        ['tax_component_id', 'text', 'taxComponentRef', 'id'],
        ['tax_component_name', 'text', 'taxComponentRef', 'name'],
        ['rate', 'number', 'rate'],
        ['tax_amount', 'number', 'taxAmount'],
    ],
) }}
