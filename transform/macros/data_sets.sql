{#- Made by dev.py docs of the tap's schemas: the data type at Codat of each stream that is a data set. -#}

{% macro data_sets() %}{{ return({
    'company_info': 'commerce-companyInfo',
    'customers': 'commerce-customers',
    'disputes': 'commerce-disputes',
    'locations': 'commerce-locations',
    'orders': 'commerce-orders',
    'payment_methods': 'commerce-paymentMethods',
    'payments': 'commerce-payments',
    'product_categories': 'commerce-productCategories',
    'products': 'commerce-products',
    'tax_components': 'commerce-taxComponents',
    'transactions': 'commerce-transactions',
}) }}{% endmacro %}
