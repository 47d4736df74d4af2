{{ codat_commerce.staging('data_status', [
    ['company_id', 'text', 'companyId'],
    ['data_type', 'text', 'dataType'],
    ['current_status', 'text', 'currentStatus'],
    ['last_successful_sync', 'timestamp', 'lastSuccessfulSync'],
    ['latest_sync_id', 'text', 'latestSyncId'],
    ['latest_successful_sync_id', 'text', 'latestSuccessfulSyncId'],
    ['unmapped', 'json', 'unmapped'],
]) }}
