{{ config(store_failures=true, tags=['proof']) }}
-- After what says whom to look at: depends_on: {{ ref('shop_health') }}
select
    company_id,
    connection_id,
    data_type,
    most_rows as expected,
    current_rows as found,
    'The full read of ' || {{ codat_commerce.shown('full_read_at') }} || ' and the reads since have brought '
    || most_rows || ' records, but ' || current_rows || ' rows are here. Were rows added here by hand, by another loader,'
    || ' or by BATCH, which does not say when? Delete them, or empty the table and read all of it again'
    || ' (docs/every-night.md). Is a row of reads missing? A full read tells anew what is there.' as what_to_do
from {{ ref('read_proof') }}
where current_rows > most_rows
