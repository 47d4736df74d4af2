with data_sets as (
    select
        company_id,
        connection_id,
        max(synced_at) filter (where data_type = 'commerce-orders') as orders_synced_at,
        max(days_old) filter (where data_type = 'commerce-orders') as orders_days_old,
        max(current_rows) filter (where data_type = 'commerce-orders') as orders,
        max(last_read_at) as last_read_at,
        bool_or(has_arrived) as has_arrived,
        string_agg(data_type || ' (' || missing_rows || ')', ', ' order by data_type) filter (where missing_rows > 0) as data_sets_with_missing_rows,
        count(*) filter (where state = 'fresh') as fresh_data_sets,
        string_agg(data_type, ', ' order by data_type) filter (where state = 'stale') as stale_data_sets,
        string_agg(data_type, ', ' order by data_type) filter (where state = 'never read') as missing_data_sets
    from {{ ref("shop_data_sets") }}
    group by company_id, connection_id
),

sold as (
    select
        company_id,
        connection_id,
        count(*) as sales,
        min(day) as first_sale,
        max(day) as last_sale,
        string_agg(distinct currency, ', ' order by currency) as currencies
    from {{ ref("sales") }}
    group by company_id, connection_id
),

-- Currencies are never added up: one of them has to stand for the shop.
grown as (
    select
        company_id,
        connection_id,
        currency,
        net_sales_growth_on_year_3_months,
        orders_3_months,
        orders_3_months_year_before,
        row_number() over (
            partition by company_id, connection_id
            order by coalesce(orders_3_months, 0) desc, coalesce(orders_3_months_year_before, 0) desc, currency
        ) as rank
    from {{ ref("monthly_metrics") }}
    where is_latest
),

-- A shop is one of the list of connections, or one of which something was read.
known as (
    select company_id, connection_id from {{ ref("stg_codat__connections") }} where source_type = 'Commerce'
    union
    select company_id, connection_id from data_sets
),

shops as (
    select
        known.company_id,
        known.connection_id,
        companies.name as company_name,
        info.company_name as shop_name,
        connections.platform_name,
        connections.status as connection_status,
        connections.created as connected_at,
        info.base_currency,
        data_sets.orders_synced_at,
        data_sets.orders_days_old,
        data_sets.last_read_at,
        sold.first_sale,
        sold.last_sale,
        known_until.last_day - sold.first_sale + 1 as days_of_history,
        case when sold.last_sale > known_until.last_day then 0 else known_until.last_day - sold.last_sale end as days_without_sales,
        coalesce(sold.sales, 0) as sales,
        greatest(coalesce(data_sets.orders, 0) - coalesce(sold.sales, 0), 0) as orders_that_are_no_sales,
        sold.currencies,
        grown.currency as main_currency,
        grown.net_sales_growth_on_year_3_months,
        grown.orders_3_months,
        grown.orders_3_months_year_before,
        coalesce(data_sets.fresh_data_sets, 0) as fresh_data_sets,
        data_sets.stale_data_sets,
        data_sets.data_sets_with_missing_rows,
        data_sets.has_arrived,
        connections.connection_id is not null as is_listed,
        case when data_sets.last_read_at is null and sold.sales is null then 'all' else data_sets.missing_data_sets end as missing_data_sets
    from known
    left join {{ ref("stg_codat__connections") }} as connections
        on known.company_id = connections.company_id and known.connection_id = connections.connection_id
    left join {{ ref("stg_codat__companies") }} as companies on known.company_id = companies.company_id
    left join {{ ref("stg_codat__company_info") }} as info
        on known.company_id = info.company_id and known.connection_id = info.connection_id
    left join data_sets on known.company_id = data_sets.company_id and known.connection_id = data_sets.connection_id
    left join sold on known.company_id = sold.company_id and known.connection_id = sold.connection_id
    left join grown
        on known.company_id = grown.company_id and known.connection_id = grown.connection_id and grown.rank = 1
    left join {{ ref("known_until") }} as known_until
        on known.company_id = known_until.company_id and known.connection_id = known_until.connection_id
)

select
    shops.*,
    case
        when data_sets_with_missing_rows is not null then 'Rows are missing here: ' || data_sets_with_missing_rows || '.'
        when connection_status <> 'Linked'
            then 'The connection is ' || connection_status || '.' || case when missing_data_sets = 'all' then ' Nothing was ever read of it.' else '' end
        when missing_data_sets = 'all' then 'Nothing was ever read of it.'
        when sales = 0 then 'There are no sales.'
        when orders_days_old > {{ var("codat_proven_within_days") }} then 'Codat last synced the orders ' || orders_days_old || ' days ago.'
        when missing_data_sets is not null then 'Never read: ' || missing_data_sets || '.'
        when stale_data_sets is not null then 'Old: ' || stale_data_sets || '.'
        when not has_arrived and last_read_at is not null then 'What was read may not be here yet: the next run of the tap says so.'
        when net_sales_growth_on_year_3_months < -0.25
            then 'Net sales of three months are ' || cast(round(-100 * net_sales_growth_on_year_3_months) as integer)
            || ' % below those a year before: ' || orders_3_months || ' orders instead of ' || orders_3_months_year_before || '.'
        when days_without_sales > 90 then 'The last sale was ' || days_without_sales || ' days ago.'
        when days_of_history < 365 then 'There is less than a year of history.'
        when not is_listed then 'The table of connections lacks it.'
    end as attention
from shops
