{%- set told = 'unproven.extracted_at < data_sets.last_read_at or data_sets.last_read_at is null' -%}
with stamps as (
    {%- for stream, data_type in codat_commerce.data_sets().items() %}
    select company_id, connection_id, '{{ data_type }}' as data_type, extracted_at, count(*) as rows_found
    from {{ ref('stg_codat__' ~ stream) }}
    group by company_id, connection_id, extracted_at
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

data_sets as (
    select
        company_id,
        connection_id,
        data_type,
        max(ended_at) as last_read_at,
        max(case when is_full and has_arrived then started_at end) as full_read_at
    from (
        select company_id, connection_id, data_type, ended_at, started_at, is_full, has_arrived
        from {{ ref('stg_codat__reads') }}
        {%- if codat_commerce.loaded_columns('reads') %}
        union all
        select company_id, connection_id, data_type, null, null, null, null
        from stamps
        {%- endif %}
    ) as known
    group by company_id, connection_id, data_type
),

reads_since as (
    select reads.*, data_sets.full_read_at
    from {{ ref('stg_codat__reads') }} as reads
    inner join data_sets
        on data_sets.company_id = reads.company_id
        and data_sets.connection_id = reads.connection_id
        and data_sets.data_type = reads.data_type
    where data_sets.full_read_at is null or reads.started_at >= data_sets.full_read_at
),

-- Every record of a read that has arrived is here, and as new as that read or newer.
arrived as (
    select
        reads_since.company_id,
        reads_since.connection_id,
        reads_since.data_type,
        reads_since.started_at,
        reads_since.is_full,
        reads_since.records,
        coalesce(sum(stamps.rows_found), 0) as rows_found
    from reads_since
    left join stamps
        on stamps.company_id = reads_since.company_id
        and stamps.connection_id = reads_since.connection_id
        and stamps.data_type = reads_since.data_type
        and (stamps.extracted_at is null or stamps.extracted_at >= reads_since.started_at)
    where reads_since.has_arrived
    group by 1, 2, 3, 4, 5, 6
),

worst as (
    select
        arrived.*,
        row_number() over (
            partition by company_id, connection_id, data_type order by records - rows_found desc, started_at desc
        ) as place
    from arrived
),

most as (
    select company_id, connection_id, data_type, sum(records) as records
    from reads_since
    where full_read_at is not null
    group by company_id, connection_id, data_type
),

-- What a read has brought that was not proven does no harm, and nobody knows how much it is: it came in no proven read.
unproven as (
    select *
    from stamps
    where extracted_at is not null
        and not exists (
            select 1
            from reads_since
            where reads_since.company_id = stamps.company_id
                and reads_since.connection_id = stamps.connection_id
                and reads_since.data_type = stamps.data_type
                and stamps.extracted_at >= reads_since.started_at
                and stamps.extracted_at < reads_since.ended_at + interval '1 millisecond'
        )
),

-- A proven read brings all of that again that came since the proven read before it, unless Codat has it no more. Where
-- reads are told of, and none of a data set is, none of its rows has a read.
unexplained as (
    select
        unproven.company_id,
        unproven.connection_id,
        unproven.data_type,
        sum(unproven.rows_found) as rows_found,
        sum(unproven.rows_found) filter (where {{ told }}) as before_last_read,
        max(unproven.extracted_at) filter (where {{ told }}) as latest_at
    from unproven
    inner join data_sets
        on data_sets.company_id = unproven.company_id
        and data_sets.connection_id = unproven.connection_id
        and data_sets.data_type = unproven.data_type
    group by unproven.company_id, unproven.connection_id, unproven.data_type
),

found as (
    select
        stamps.company_id,
        stamps.connection_id,
        stamps.data_type,
        sum(stamps.rows_found) as rows_found,
        count(stamps.extracted_at) as stamps
    from stamps
    group by stamps.company_id, stamps.connection_id, stamps.data_type
)

select
    data_sets.company_id,
    data_sets.connection_id,
    data_sets.data_type,
    data_sets.full_read_at,
    data_sets.last_read_at,
    worst.started_at as compared_read_at,
    worst.is_full as compared_read_is_full,
    cast(worst.records as bigint) as compared_records,
    cast(coalesce(worst.rows_found, 0) as bigint) as compared_rows,
    case
        when worst.rows_found < worst.records
            and ({{ codat_commerce.is_loaded('data_sets.data_type') }} or data_sets.last_read_at > {{ codat_commerce.days_before_now(1) }})
            and not {{ codat_commerce.is_filtered('data_sets.data_type') }}
            then cast(worst.records - worst.rows_found as bigint)
        else 0
    end as missing_rows,
    cast(coalesce(found.rows_found, 0) as bigint) as current_rows,
    -- Rows that came by BATCH do not say when: of those alone nobody can tell which are gone.
    case
        when most.records is null or (found.rows_found > 0 and found.stamps = 0) then null
        else cast(most.records + coalesce(unexplained.rows_found, 0) as bigint)
    end as most_rows,
    cast(coalesce(unexplained.before_last_read, 0) as bigint) as unexplained_rows,
    unexplained.latest_at as unexplained_at
from data_sets
left join worst
    on worst.company_id = data_sets.company_id
    and worst.connection_id = data_sets.connection_id
    and worst.data_type = data_sets.data_type
    and worst.place = 1
left join most
    on most.company_id = data_sets.company_id
    and most.connection_id = data_sets.connection_id
    and most.data_type = data_sets.data_type
left join found
    on found.company_id = data_sets.company_id
    and found.connection_id = data_sets.connection_id
    and found.data_type = data_sets.data_type
left join unexplained
    on unexplained.company_id = data_sets.company_id
    and unexplained.connection_id = data_sets.connection_id
    and unexplained.data_type = data_sets.data_type
