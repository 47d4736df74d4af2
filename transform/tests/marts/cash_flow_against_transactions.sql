{{ config(severity="warn") }}
-- What came and went by week is the sum of the transactions as they are signed. If not, the platform signs some of them otherwise than
-- Codat's reference says: look at their signs before you rely on `change`.
with transactions as (
    select
        company_id,
        connection_id,
        {{ codat_commerce.currency_of("currency") }} as currency,
        sum(total_amount) as expected
    from {{ ref("stg_codat__transactions") }}
    where {{ codat_commerce.dated("coalesce(source_created_date, created_date)") }} is not null
    group by 1, 2, 3
),

weeks as (
    select company_id, connection_id, currency, sum(change) as found
    from {{ ref("cash_flow") }}
    group by company_id, connection_id, currency
)

select
    company_id,
    connection_id,
    currency,
    expected,
    found,
    'the sum of the transactions as they are signed, and by week' as words
from transactions
full join weeks using (company_id, connection_id, currency)
where abs(coalesce(expected, 0) - coalesce(found, 0)) > 0.01
