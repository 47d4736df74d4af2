{#- Made by dev.py docs of the tap's schemas. -#}
{{ codat_commerce.staging('disputes', [
    ['company_id', 'text', 'companyId'],
    ['connection_id', 'text', 'connectionId'],
    ['id', 'text', 'id'],
    ['disputed_transactions', 'json', 'disputedTransactions'],
    ['total_amount', 'number', 'totalAmount'],
    ['currency', 'text', 'currency'],
    ['status', 'text', 'status'],
    ['reason', 'text', 'reason'],
    ['due_date', 'timestamp', 'dueDate'],
    ['created_date', 'timestamp', 'createdDate'],
    ['modified_date', 'timestamp', 'modifiedDate'],
    ['source_modified_date', 'timestamp', 'sourceModifiedDate'],
    ['unmapped', 'json', 'unmapped'],
], data_type='commerce-disputes') }}
