{{ codat_commerce.exploded(
    ref('stg_codat__disputes'),
    'disputed_transactions',
    kept={
        'company_id': 'company_id',
        'connection_id': 'connection_id',
        'id': 'dispute_id',
    },
    number='item_number',
    columns=[
        ['item_id', 'text', 'id'],
        ['item_type', 'text', 'type'],
    ],
) }}
