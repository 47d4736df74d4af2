{{ codat_commerce.staging('product_categories', [
    ['company_id', 'text', 'companyId'],
    ['connection_id', 'text', 'connectionId'],
    ['id', 'text', 'id'],
    ['name', 'text', 'name'],
    ['ancestor_refs', 'json', 'ancestorRefs'],
    ['has_children', 'boolean', 'hasChildren'],
    ['modified_date', 'timestamp', 'modifiedDate'],
    ['source_modified_date', 'timestamp', 'sourceModifiedDate'],
    ['unmapped', 'json', 'unmapped'],
]) }}
