-- What was sold is the same by order, by day and by month. A row of this test says where it is not, and the sums.
{%- set columns = ("orders", "revenue", "gross_sales", "discounts", "refunds", "net_sales", "tax", "order_value", "units") %}
with added_up as (
    {%- for model in ("sales", "daily_sales", "monthly_metrics") %}
    select
        '{{ model }}' as model,
        company_id,
        connection_id,
        currency,
        {%- for column in columns %}
        {{ "count(*)" if (model, column) == ("sales", "orders") else "sum(" ~ column ~ ")" }} as {{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ ref(model) }}
    {%- if model == "sales" %}
    join {{ ref("known_until") }} as known_until using (company_id, connection_id)
    where day <= last_day
    {%- endif %}
    group by company_id, connection_id, currency
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

{% for column in columns %}
select
    company_id,
    connection_id,
    currency,
    '{{ column }}' as what,
    max({{ column }}) filter (where model = 'sales') as by_order,
    max({{ column }}) filter (where model = 'daily_sales') as by_day,
    max({{ column }}) filter (where model = 'monthly_metrics') as by_month
from added_up
group by company_id, connection_id, currency
having count(distinct {{ column }}) > 1 or count(*) < 3
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
