{#- Made by dev.py docs of the tap's schemas. -#}
{{ codat_commerce.staging('customers', [
    ['company_id', 'text', 'companyId'],
    ['connection_id', 'text', 'connectionId'],
    ['id', 'text', 'id'],
    ['customer_name', 'text', 'customerName'],
    ['email_address', 'text', 'emailAddress'],
    ['phone', 'text', 'phone'],
    ['default_currency', 'text', 'defaultCurrency'],
    ['addresses', 'json', 'addresses'],
    ['note', 'text', 'note'],
    ['created_date', 'timestamp', 'createdDate'],
    ['modified_date', 'timestamp', 'modifiedDate'],
    ['source_modified_date', 'timestamp', 'sourceModifiedDate'],
    ['unmapped', 'json', 'unmapped'],
], data_type='commerce-customers') }}
