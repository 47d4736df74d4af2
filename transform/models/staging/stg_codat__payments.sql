{#- Made by dev.py docs of the tap's schemas. -#}
{{ codat_commerce.staging('payments', [
    ['company_id', 'text', 'companyId'],
    ['connection_id', 'text', 'connectionId'],
    ['id', 'text', 'id'],
    ['payment_method_id', 'text', 'paymentMethodRef', 'id'],
    ['payment_method_name', 'text', 'paymentMethodRef', 'name'],
    ['amount', 'number', 'amount'],
    ['currency', 'text', 'currency'],
    ['type', 'text', 'type'],
    ['status', 'text', 'status'],
    ['payment_provider', 'text', 'paymentProvider'],
    ['due_date', 'timestamp', 'dueDate'],
    ['created_date', 'timestamp', 'createdDate'],
    ['modified_date', 'timestamp', 'modifiedDate'],
    ['source_modified_date', 'timestamp', 'sourceModifiedDate'],
    ['supplemental_data_content', 'json', 'supplementalData', 'content'],
    ['unmapped', 'json', 'unmapped'],
], data_type='commerce-payments') }}
