{{ codat_commerce.exploded(
    ref('product_variants'),
    'locations',
    kept={
        'company_id': 'company_id',
        'connection_id': 'connection_id',
        'product_id': 'product_id',
        'variant_number': 'variant_number',
        'product_variant_id': 'product_variant_id',
    },
    number='inventory_number',
    columns=[
        ['location_id', 'text', 'locationRef', 'id'],
        ['location_name', 'text', 'locationRef', 'name'],
        ['quantity', 'number', 'quantity'],
    ],
) }}
