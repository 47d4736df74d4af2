{{- config(pre_hook="{{ codat_commerce.needs('transactions', ['currency', 'createdDate', 'sourceCreatedDate', 'totalAmount', 'type']) }}") -}}
{%- set shop = "company_id, connection_id, currency" -%}
{%- set columns = ("payments", "fees", "refunds", "payouts", "failed_payouts", "other") -%}
-- Platforms differ in the sign of what leaves: by its type, each amount is counted on the side where it belongs.
with moved as (
    select
        company_id,
        connection_id,
        {{ currency_of("currency") }} as currency,
        {{ week_of(local_day("coalesce(source_created_date, created_date)", "company_id")) }} as week,
        type,
        coalesce(total_amount, 0) as amount
    from {{ ref("stg_codat__transactions") }}
),

by_week as (
    select
        {{ shop }},
        week,
        count(*) as transactions,
        sum(amount) filter (where type = 'Payment') as payments,
        sum(case when type = 'PaymentFee' then abs(amount) when type = 'PaymentFeeRefund' then -abs(amount) end) as fees,
        sum(abs(amount)) filter (where type = 'Refund') as refunds,
        sum(case when type in ('Payout', 'Transfer') then abs(amount) when type = 'FailedPayout' then -abs(amount) end) as payouts,
        count(*) filter (where type = 'FailedPayout') as failed_payouts,
        sum(amount) filter (
            where type is null
            or type not in ('Payment', 'PaymentFee', 'PaymentFeeRefund', 'Refund', 'Payout', 'Transfer', 'FailedPayout')
        ) as other
    from moved
    where week is not null
    group by {{ shop }}, week
),

spans as (
    select {{ shop }}, min(week) as first_week, max(week) as last_week
    from by_week
    group by {{ shop }}
),

calendar as (
    select
        spans.company_id,
        spans.connection_id,
        spans.currency,
        known_until.transactions_complete_before as complete_before,
        {{ each("week", "spans.first_week", "greatest(spans.last_week, known_until.transactions_last_day)") }} as week
    from spans
    left join {{ ref("known_until") }} as known_until
        on spans.company_id = known_until.company_id and spans.connection_id = known_until.connection_id
),

joined as (
    select
        calendar.company_id,
        calendar.connection_id,
        calendar.currency,
        calendar.week,
        coalesce(calendar.week + 7 <= calendar.complete_before, false) as is_complete,
        coalesce(by_week.transactions, 0) as transactions,
        {%- for column in columns if column != "failed_payouts" %}
        {{ amount("by_week." ~ column) }} as {{ column }},
        {%- endfor %}
        coalesce(by_week.failed_payouts, 0) as failed_payouts
    from calendar
    left join by_week
        on calendar.company_id = by_week.company_id
        and calendar.connection_id = by_week.connection_id
        and calendar.currency = by_week.currency
        and calendar.week = by_week.week
)

select
    {{ shop }},
    week,
    is_complete,
    transactions,
    payments,
    fees,
    refunds,
    payouts,
    failed_payouts,
    other,
    {{ amount("payments - fees - refunds - payouts + other") }} as change,
    {{ amount(
        "sum(payments - fees - refunds - payouts + other) over (partition by " ~ shop ~ " order by week)"
    ) }} as not_paid_out_so_far,
    {{ ratio("fees", "payments") }} as fee_rate
from joined
