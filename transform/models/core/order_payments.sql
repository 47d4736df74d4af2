{{ codat_commerce.exploded(
    ref('stg_codat__orders'),
    'payments',
    kept={
        'company_id': 'company_id',
        'connection_id': 'connection_id',
        'id': 'order_id',
    },
    number='payment_number',
    columns=[
        ['payment_id', 'text', 'id'],
        ['amount', 'number', 'amount'],
        ['currency', 'text', 'currency'],
        ['type', 'text', 'type'],
        ['status', 'text', 'status'],
        ['payment_provider', 'text', 'paymentProvider'],
        ['due_date', 'timestamp', 'dueDate'],
        ['created_date', 'timestamp', 'createdDate'],
        ['modified_date', 'timestamp', 'modifiedDate'],
        ['source_modified_date', 'timestamp', 'sourceModifiedDate'],
    ],
) }}
