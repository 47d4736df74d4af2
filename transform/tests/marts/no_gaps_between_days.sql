-- From a shop's first day to its last, each day is there.
select
    company_id,
    connection_id,
    currency,
    max(day) - min(day) + 1 as expected,
    count(*) as found,
    'days are missing' as words
from {{ ref("daily_sales") }}
group by company_id, connection_id, currency
having count(*) <> max(day) - min(day) + 1
