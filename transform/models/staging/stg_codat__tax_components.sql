{{ codat_commerce.staging('tax_components', [
    ['company_id', 'text', 'companyId'],
    ['connection_id', 'text', 'connectionId'],
    ['id', 'text', 'id'],
    ['name', 'text', 'name'],
    ['rate', 'number', 'rate'],
    ['is_compound', 'boolean', 'isCompound'],
    ['modified_date', 'timestamp', 'modifiedDate'],
    ['source_modified_date', 'timestamp', 'sourceModifiedDate'],
    ['unmapped', 'json', 'unmapped'],
]) }}
