-- Rates that can't pass 1 do not. Refunds by value can: some platforms give back more than the order's value.
{%- set rates = {
    "monthly_metrics": ("refund_rate", "kept_rate", "repeat_rate"),
    "disputes": ("win_rate",),
    "customer_concentration": ("top_customer_share", "top_5_customers_share", "top_1_percent_share", "top_5_percent_share", "top_10_percent_share", "herfindahl_index", "repeat_share"),
    "customer_cohorts": ("retention",),
    "product_concentration": ("share", "share_with_those_above"),
} %}
{%- for model, columns in rates.items() %}
{%- set last = loop.last %}
{%- for column in columns %}
select company_id, connection_id, currency, '{{ model }}.{{ column }}' as what, {{ column }} as found
from {{ ref(model) }}
where {{ column }} < 0 or {{ column }} > 1
{% if not (last and loop.last) %}union all{% endif %}
{%- endfor %}
{%- endfor %}
