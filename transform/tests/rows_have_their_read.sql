{{ config(severity='warn', store_failures=true, tags=['proof']) }}
-- After what says whom to look at: depends_on: {{ ref('shop_health') }}
select
    company_id,
    connection_id,
    data_type,
    0 as expected,
    unexplained_rows as found,
    unexplained_rows || case when last_read_at is null then ' rows came in no proven read' else ' rows came between proven reads' end
    || ': the latest at ' || {{ codat_commerce.shown('unexplained_at') }} || '. Either rows of reads are missing here: then have the data set read whole (docs/every-night.md). Or the read'
    || ' that brought them was not proven, and Codat had them no more at the next one: the next full read clears that.'
    as what_to_do
from {{ ref('read_proof') }}
where unexplained_rows > 0
