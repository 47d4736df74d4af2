{{ config(store_failures=true, tags=['proof']) }}
-- After what says whom to look at: depends_on: {{ ref('shop_health') }}
select
    company_id,
    connection_id,
    data_type,
    compared_records as expected,
    compared_rows as found,
    'The read of ' || {{ codat_commerce.shown('compared_read_at') }} || ' was proven with '
    || compared_records || ' records, and has arrived, but only ' || compared_rows || ' rows are here. '
    || case when compared_rows = 0 then 'Has the table another name, by __alias__ or by hand? Then take that out, or make a view of the'
    || ' old name. Does the loader write _sdc_extracted_at'
    || ' no more? ' else '' end
    || 'Were rows deleted here? Then read the company again (docs/every-night.md). Does a stream map filter them? Then name the stream in'
    || ' codat_filtered_streams.' as what_to_do
from {{ ref('read_proof') }}
where
    missing_rows > 0
