{{ codat_commerce.staging('reads', [
    ['company_id', 'text', 'companyId'],
    ['connection_id', 'text', 'connectionId'],
    ['data_type', 'text', 'dataType'],
    ['started_at', 'timestamp', 'startedAt'],
    ['ended_at', 'timestamp', 'endedAt'],
    ['sync_id', 'text', 'syncId'],
    ['synced_at', 'timestamp', 'syncedAt'],
    ['is_full', 'boolean', 'full'],
    ['records', 'integer', 'records'],
    ['total', 'integer', 'total'],
    ['has_arrived', 'boolean', 'arrived'],
    ['unmapped', 'json', 'unmapped'],
]) }}
