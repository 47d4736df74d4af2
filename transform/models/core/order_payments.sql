{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook='{{ codat_commerce.forget_changed_orders() }}',
) }}
with orders as (
    {{ codat_commerce.orders_to_add() | indent(4) }}
)

{{ codat_commerce.exploded(
    'orders',
    'payments',
    kept={
        'company_id': 'company_id',
        'connection_id': 'connection_id',
        'id': 'order_id',
        'modified_date': 'order_modified_date',
        'extracted_at': 'extracted_at',
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
