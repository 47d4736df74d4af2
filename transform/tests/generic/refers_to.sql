{#- A reference leads to a row of its shop; where the shop has none of that kind at all, they were not read. -#}
{% test refers_to(model, column_name, to, field="id") %}
{{ config(severity="warn") }}
select company_id, connection_id, {{ column_name }}, count(*) as rows_with_it
from {{ model }} as referring
where {{ column_name }} is not null
    and exists (
        select 1
        from {{ to }} as referred
        where referred.company_id = referring.company_id and referred.connection_id = referring.connection_id
    )
    and not exists (
        select 1
        from {{ to }} as referred
        where referred.company_id = referring.company_id
            and referred.connection_id = referring.connection_id
            and referred.{{ field }} = referring.{{ column_name }}
    )
group by company_id, connection_id, {{ column_name }}
{% endtest %}
