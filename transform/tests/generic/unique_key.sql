{#- Several columns together are the key: none of them is null, and no two rows have the same. -#}
{% test unique_key(model, columns) %}
select {{ columns | join(", ") }}, count(*) as rows_with_it
from {{ model }}
group by {{ columns | join(", ") }}
having count(*) > 1
{%- for column in columns %} or {{ column }} is null{% endfor %}
{% endtest %}
