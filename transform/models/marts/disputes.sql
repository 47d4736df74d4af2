{{- config(pre_hook="{{ codat_commerce.needs('disputes', ['currency', 'createdDate', 'totalAmount', 'status']) }}") -}}
{%- set shop = "company_id, connection_id, currency" -%}
{%- set outcomes = {
    "won": ("Won", "InquiryClosed"),
    "lost": ("Lost", "Accepted", "ChargeRefunded"),
    "open": ("Processing", "EvidenceRequired", "InquiryEvidenceRequired", "InquiryProcessing", "WaitingThirdParty"),
} -%}
{%- set by_month = "partition by " ~ shop ~ " order by month" -%}
{%- set three = by_month ~ " range between interval '2 months' preceding and current row" -%}
{%- set three_before = by_month ~ " range between interval '5 months' preceding and interval '3 months' preceding" -%}
{%- set twelve_before = by_month ~ " range between interval '14 months' preceding and interval '3 months' preceding" -%}
with raised as (
    select
        company_id,
        connection_id,
        {{ currency_of("currency") }} as currency,
        {{ month_of(local_day("coalesce(created_date, source_modified_date)", "company_id")) }} as month,
        abs(coalesce(total_amount, 0)) as amount,
        case
            {%- for outcome, statuses in outcomes.items() %}
            when status in ('{{ statuses | join("', '") }}') then '{{ outcome }}'
            {%- endfor %}
            else 'unknown'
        end as outcome
    from {{ ref("stg_codat__disputes") }}
),

counted as (
    select
        {{ shop }},
        month,
        count(*) as disputes,
        sum(amount) as amount,
        {%- for outcome in ("won", "lost", "open", "unknown") %}
        count(*) filter (where outcome = '{{ outcome }}') as {{ outcome }},
        {%- endfor %}
        sum(amount) filter (where outcome = 'lost') as amount_lost,
        sum(amount) filter (where outcome = 'open') as amount_open
    from raised
    where month is not null
    group by {{ shop }}, month
),

-- Months with sales, and months with disputes alone: a shop that stopped selling still gets them.
months as (
    select {{ shop }}, month from {{ ref("monthly_metrics") }}
    union
    select {{ shop }}, month from counted
),

-- Where disputes were never read, or not since, nobody knows how many there are: null is not 0.
known as (
    select
        months.*,
        known_until.disputes_complete_before,
        coalesce(months.month <= known_until.disputes_complete_before, false) as is_known
    from months
    left join {{ ref("known_until") }} as known_until
        on months.company_id = known_until.company_id and months.connection_id = known_until.connection_id
),

joined as (
    select
        months.company_id,
        months.connection_id,
        months.currency,
        months.month,
        coalesce(sold.is_complete and {{ months_later("months.month", 1) }} <= months.disputes_complete_before, false) as is_complete,
        coalesce(sold.is_latest, false) as is_latest,
        coalesce(sold.orders, 0) as orders,
        {{ amount("sold.order_value + sold.refunds") }} as value_before_refunds,
        coalesce(counted.disputes, case when months.is_known then 0 end) as disputes,
        {{ rounded("coalesce(counted.amount, case when months.is_known or counted.disputes > 0 then 0 end)", 4) }} as amount,
        {%- for outcome in ("won", "lost", "open", "unknown") %}
        coalesce(counted.{{ outcome }}, case when months.is_known then 0 end) as {{ outcome }},
        {%- endfor %}
        {{ rounded("coalesce(counted.amount_lost, case when months.is_known or counted.disputes > 0 then 0 end)", 4) }} as amount_lost,
        {{ rounded("coalesce(counted.amount_open, case when months.is_known or counted.disputes > 0 then 0 end)", 4) }} as amount_open
    from known as months
    left join {{ ref("monthly_metrics") }} as sold
        on months.company_id = sold.company_id
        and months.connection_id = sold.connection_id
        and months.currency = sold.currency
        and months.month = sold.month
    left join counted
        on months.company_id = counted.company_id
        and months.connection_id = counted.connection_id
        and months.currency = counted.currency
        and months.month = counted.month
)

select
    {{ shop }},
    month,
    is_complete,
    is_latest,
    month = max(month) over (partition by {{ shop }}) as is_current,
    orders,
    value_before_refunds,
    disputes,
    amount,
    won,
    lost,
    open,
    unknown,
    amount_lost,
    amount_open,
    {{ ratio("disputes", "orders") }} as dispute_rate,
    {{ ratio("amount", "value_before_refunds") }} as dispute_rate_by_value,
    {{ ratio("won", "won + lost") }} as win_rate,
    {%- for span, months in {"3_months": three, "12_months_before": twelve_before}.items() %}
    case when count(*) over ({{ months }}) = count(disputes) over ({{ months }})
        then coalesce(sum(disputes) over ({{ months }}), 0)
    end as disputes_{{ span }},
    coalesce(sum(orders) over ({{ months }}), 0) as orders_{{ span }},
    {%- endfor %}
    {%- for span, months in {"3_months": three, "3_months_before": three_before, "12_months_before": twelve_before}.items() %}
    {{ ratio("case when count(*) over (" ~ months ~ ") = count(disputes) over (" ~ months ~ ") then sum(disputes) over (" ~ months ~ ") end", "sum(orders) over (" ~ months ~ ")") }} as dispute_rate_{{ span }}{{ "," if not loop.last }}
    {%- endfor %}
from joined
