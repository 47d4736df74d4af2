{#- Made by dev.py docs of the tap's schemas. -#}
{{ codat_commerce.staging('products', [
    ['company_id', 'text', 'companyId'],
    ['connection_id', 'text', 'connectionId'],
    ['id', 'text', 'id'],
    ['name', 'text', 'name'],
    ['description', 'text', 'description'],
    ['categorization', 'text', 'categorization'],
    ['product_category_refs', 'json', 'productCategoryRefs'],
    ['is_gift_card', 'boolean', 'isGiftCard'],
    ['status', 'text', 'status'],
    ['variants', 'json', 'variants'],
    ['supplemental_data_content', 'json', 'supplementalData', 'content'],
    ['created_date', 'timestamp', 'createdDate'],
    ['modified_date', 'timestamp', 'modifiedDate'],
    ['source_modified_date', 'timestamp', 'sourceModifiedDate'],
    ['unmapped', 'json', 'unmapped'],
], data_type='commerce-products') }}
