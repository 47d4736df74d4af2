{#- Made by dev.py docs of the tap's schemas. -#}
{{ codat_commerce.staging('transactions', [
    ['company_id', 'text', 'companyId'],
    ['connection_id', 'text', 'connectionId'],
    ['id', 'text', 'id'],
    ['total_amount', 'number', 'totalAmount'],
    ['currency', 'text', 'currency'],
    ['type', 'text', 'type'],
    ['sub_type', 'text', 'subType'],
    ['transaction_source_id', 'text', 'transactionSourceRef', 'id'],
    ['transaction_source_type', 'text', 'transactionSourceRef', 'type'],
    ['supplemental_data_content', 'json', 'supplementalData', 'content'],
    ['source_created_date', 'timestamp', 'sourceCreatedDate'],
    ['created_date', 'timestamp', 'createdDate'],
    ['modified_date', 'timestamp', 'modifiedDate'],
    ['source_modified_date', 'timestamp', 'sourceModifiedDate'],
    ['unmapped', 'json', 'unmapped'],
], data_type='commerce-transactions') }}
