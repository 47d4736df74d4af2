{{ config(store_failures=true) }}
with expected as (
    select
        *,
        compared_records - {{ codat_commerce.held_twice('connection_id', 'data_type') }} as at_least
    from {{ ref('read_proof') }}
    where not {{ codat_commerce.is_filtered('data_type') }}
)

select
    company_id,
    connection_id,
    data_type,
    at_least as expected,
    compared_rows as found,
    'The read of ' || {{ codat_commerce.shown('compared_read_at') }} || ' was proven with '
    || compared_records || ' records, and has arrived, but only ' || compared_rows || ' rows are here. Were rows deleted'
    || ' here? Then read the company again (docs/every-night.md). Does a stream map filter them? Then name the stream in'
    || ' codat_filtered_streams. Does Codat hold ids twice, as the tap''s log then says? Then say how many in'
    || ' codat_held_twice.' as what_to_do
from expected
where compared_rows < at_least
