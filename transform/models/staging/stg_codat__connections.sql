{#- Made by dev.py docs of the tap's schemas. -#}
{{ codat_commerce.staging('connections', [
    ['company_id', 'text', 'companyId'],
    ['connection_id', 'text', 'id'],
    ['integration_id', 'text', 'integrationId'],
    ['integration_key', 'text', 'integrationKey'],
    ['source_id', 'text', 'sourceId'],
    ['source_type', 'text', 'sourceType'],
    ['platform_name', 'text', 'platformName'],
    ['status', 'text', 'status'],
    ['last_sync', 'timestamp', 'lastSync'],
    ['created', 'timestamp', 'created'],
    ['data_connection_errors', 'json', 'dataConnectionErrors'],
    ['connection_info', 'json', 'connectionInfo'],
    ['unmapped', 'json', 'unmapped'],
]) }}
