{#- Made by dev.py docs of the tap's schemas. -#}
{{ codat_commerce.staging('locations', [
    ['company_id', 'text', 'companyId'],
    ['connection_id', 'text', 'connectionId'],
    ['id', 'text', 'id'],
    ['name', 'text', 'name'],
    ['address_type', 'text', 'address', 'type'],
    ['address_line1', 'text', 'address', 'line1'],
    ['address_line2', 'text', 'address', 'line2'],
    ['address_city', 'text', 'address', 'city'],
    ['address_region', 'text', 'address', 'region'],
    ['address_country', 'text', 'address', 'country'],
    ['address_postal_code', 'text', 'address', 'postalCode'],
    ['modified_date', 'timestamp', 'modifiedDate'],
    ['source_modified_date', 'timestamp', 'sourceModifiedDate'],
    ['unmapped', 'json', 'unmapped'],
], data_type='commerce-locations') }}
