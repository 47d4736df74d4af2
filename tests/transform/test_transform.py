"""The dbt package over the stand-in's two years, in both databases: numbers, the proof and its words, later builds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from by_hand import differences
from conftest import DATA_SETS, SERVED, Stage
from loaded import of_shops
from warehouses import KINDS, Warehouse, warehouse_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow
ORDERS, PAYMENTS, PRODUCTS = (DATA_SETS[stream] for stream in ("orders", "payments", "products"))
ALL_FINE = "ERROR=0 SKIP=0"
ALONE = ("--indirect-selection", "empty", "--select")
PROOF = ("rows_are_missing", "rows_are_too_many", "rows_have_their_read", "data_sets_are_read")


@pytest.fixture(params=KINDS)
def warehouse(request: pytest.FixtureRequest, stage: Callable[..., Stage]) -> Iterator[Warehouse]:
    """Return one with two shops, after the first run."""
    with warehouse_of(request.param, stage(companies=1, connections=2, records=150), batch=10_000) as found:
        found.night()
        yield found


def test_two_years_and_a_night(warehouse: Warehouse) -> None:
    """All is built, agrees with what the shops hold and with numbers worked out anew; then a night's build."""
    shops = warehouse.shops
    warehouse.night()
    said = warehouse.dbt("build")
    assert f"WARN=0 {ALL_FINE}" in said, said
    agrees_with_the_shops(warehouse)
    compared, found = differences(current_records(shops), warehouse.rows)
    assert compared > 1000
    assert not found

    world = shops.world
    first, second, *_ = world.connections()
    held = sorted(first.data[ORDERS].records)
    world.remove(first, ORDERS, set(held[:3]))
    first.data[ORDERS].records[held[5]]["orderLineItems"] = []
    first.data[ORDERS].records[held[6]]["orderLineItems"][1:] = []
    world.sync(first.company_id, first.id, (ORDERS,), restamp=len(held), add=4)
    world.sync(second.company_id, second.id, (ORDERS,), restamp=2, add=1)
    warehouse.night(days=8)
    warehouse.night()
    if warehouse.kind == KINDS[-1]:
        said = warehouse.dbt("test", "--select", "test_type:unit", "--vars", "{codat_time_zone: America/New_York}")
        assert ALL_FINE in said, said
    said = warehouse.dbt("build", *ALONE, "staging", "order_lines", "order_payments", "read_proof", *PROOF)
    assert f"WARN=0 {ALL_FINE}" in said, said
    agrees_with_the_shops(warehouse)


def current_records(shops: Stage) -> dict[str, list[dict[str, Any]]]:
    """Return what the shops hold, by stream."""
    return {stream: list(rows.values()) for stream, rows in of_shops(shops).items()}


def agrees_with_the_shops(warehouse: Warehouse) -> None:
    """Compare how many rows each view has, and what stands in orders, with what the shops hold."""
    records = current_records(warehouse.shops)
    views = " union all ".join(f"select '{s}' as stream, count(*) as n from commerce.stg_codat__{s}" for s in SERVED)
    assert {row["stream"]: int(row["n"]) for row in warehouse.rows(views)} == {s: len(records[s]) for s in SERVED}
    lines = [(o["id"], line) for o in records["orders"] for line in o["orderLineItems"]]
    (found,) = warehouse.rows(
        "select count(*) as n, count(distinct order_id) as orders, sum(quantity) as units, sum(total_amount) as total,"
        " sum(discount_amount) as discount from commerce.order_lines"
    )
    assert (int(found["n"]), int(found["orders"])) == (len(lines), len({order for order, _ in lines}))
    discounts = [d for _, line in lines for d in line["discountAllocations"]]
    wanted = [sum(line[name] for _, line in lines) for name in ("quantity", "totalAmount")]
    wanted.append(sum(d["totalAmount"] for d in discounts))
    assert [float(found[n]) for n in ("units", "total", "discount")] == pytest.approx(list(map(float, wanted)))
    (found,) = warehouse.rows("select count(*) as n, sum(amount) as total from commerce.order_payments")
    payments = [p["amount"] for o in records["orders"] for p in o["payments"]]
    assert int(found["n"]) == len(payments)
    assert float(found["total"]) == pytest.approx(float(sum(payments)))


def test_what_does_not_agree_with_the_reads_is_named(warehouse: Warehouse) -> None:
    """An id that is held twice; by hand a row taken out, one added, and reads of a night, a data set or a shop.

    A table has another name.
    """
    world = warehouse.shops.world
    connection = world.connections()[0]
    world.twice = {sorted(connection.data[PAYMENTS].records)[7]}
    for _ in range(2):
        world.stamp(3600)
        world.sync(connection.company_id, connection.id, (PRODUCTS,), add=2)
        world.sync(connection.company_id, connection.id, (PAYMENTS,), restamp=150)
        warehouse.night()
    warehouse.night()
    where = f"""where "connectionId" = '{connection.id}'"""
    first = f"""(select min("startedAt") from codat.reads {where} and "dataType" = '{PRODUCTS}' and not "full")"""
    warehouse.change(
        f'delete from codat.orders {where} and "id" = (select min("id") from codat.orders {where})',
        'insert into codat.customers ("companyId", "connectionId", "id", "_sdc_extracted_at")'
        f""" select "companyId", "connectionId", 'added', "_sdc_extracted_at" from codat.customers {where} limit 1""",
        f"""delete from codat.reads {where} and "dataType" = '{PRODUCTS}' and "startedAt" = {first}""",
        """delete from codat.reads where "dataType" = 'commerce-disputes'""",
        f"""delete from codat.reads {where} and "dataType" = 'commerce-transactions'""",
        """update codat.companies set "created" = "created" - interval '30 days'""",
        """update codat.connections set "created" = "created" - interval '30 days'""",
        "alter table codat.payment_methods rename to methods",
    )
    said = warehouse.dbt("build", *ALONE, "staging", "read_proof", "shop_data_sets", *PROOF)
    assert "WARN=1 ERROR=3" in said, said
    missing, too_many, without_read, not_read = (named(warehouse, test) for test in PROOF)
    assert missing[ORDERS].startswith("The read of 20")
    assert "was proven with 150 records, and has arrived, but only 149 rows are here" in missing[ORDERS]
    assert "Has the table another name" in missing["commerce-paymentMethods"]
    assert missing.keys() == {ORDERS, "commerce-paymentMethods"}
    assert "have brought 150 records, but 151 rows are here" in too_many.pop("commerce-customers")
    assert "rows came between proven reads" in without_read.pop(PRODUCTS)
    assert "no read of it was proven for 7 days" in not_read.pop("commerce-disputes")
    assert "no read of it was ever proven" in not_read.pop("commerce-transactions")
    for lost in ("commerce-disputes", "commerce-transactions"):
        assert "rows came in no proven read" in without_read.pop(lost)
    assert not {*too_many, *without_read, *not_read}

    said = warehouse.dbt("run", "--select", "stg_codat__orders", "--vars", "codat_schema: codta")
    assert "No stream has a table in the schema codta" in said

    warehouse.change("""update codat.connections set "status" = 'Deauthorized'""")
    warehouse.dbt("run", "--select", "+shop_health")
    rows = warehouse.rows("select attention from commerce.shop_health")
    assert {row["attention"].rpartition(" (")[0] for row in rows} == {
        "Rows are missing here: commerce-orders (1), commerce-paymentMethods",
        "Rows are missing here: commerce-paymentMethods",
    }

    known = {"codat_filtered_streams": ["orders", "payment_methods"]}
    said = warehouse.dbt("build", "--vars", json.dumps(known), *ALONE, "read_proof", "rows_are_missing")
    assert f"WARN=0 {ALL_FINE}" in said, said


@pytest.mark.parametrize("warehouse", KINDS[-1:], indirect=True)
def test_what_is_not_told_any_more_is_said(warehouse: Warehouse) -> None:
    """Connections, data status and reads are lost by hand; a column is deselected, and stays in its table."""
    said = warehouse.dbt("run", "--select", "+shop_health")
    assert ALL_FINE in said, said
    health = "select attention, fresh_data_sets, orders_synced_at from commerce.shop_health"
    assert {row["attention"] for row in warehouse.rows(health)} == {
        "What was read may not be here yet: the next run of the tap says so."
    }
    warehouse.night()
    warehouse.change(
        "delete from codat.connections",
        "delete from codat.data_status",
        'update codat.transactions set "type" = null'
        ' where "id" in (select "id" from codat.transactions order by "createdDate" desc limit 12)',
    )
    said = warehouse.dbt("build", *ALONE, "staging", "read_proof", "shop_data_sets", "columns_still_come", *PROOF)
    assert "ERROR=1" in said, said
    (lacking,) = warehouse.rows("select * from commerce_dbt_test__audit.columns_still_come")
    assert "rows of transactions lack type, since 20" in lacking["what_to_do"]
    warehouse.dbt("run", "--select", "shop_health")
    shops = warehouse.rows(health)
    assert [row["attention"] for row in shops] == ["The table of connections lacks it."] * 2
    assert all(int(row["fresh_data_sets"]) > 5 and row["orders_synced_at"] for row in shops)

    warehouse.change("delete from codat.reads")
    said = warehouse.dbt("build", *ALONE, "stg_codat__reads", "read_proof", "rows_have_their_read")
    assert "WARN=1 ERROR=0" in said, said
    assert "rows came in no proven read" in named(warehouse, "rows_have_their_read")[ORDERS]

    warehouse.change('alter table codat.orders rename column "orderNumber" to "customerRef__id"')
    said = warehouse.dbt("run", "--select", "stg_codat__orders")
    assert "orders has a column customerref__id: set flattening_enabled to false" in said, said


@pytest.mark.parametrize("warehouse", KINDS[-1:], indirect=True)
def test_a_build_ends_rather_than_add_up_what_is_not_there(warehouse: Warehouse) -> None:
    paid = 'alter table codat.orders rename column "{}" to "{}"'
    warehouse.change(paid.format("payments", "paid"), 'alter table codat.transactions rename column "type" to "kind"')
    said = warehouse.dbt("run", "--select", "+sales")
    assert "sales adds up what the loader has no columns for in orders: payments." in said, said
    warehouse.change(paid.format("paid", "payments"))
    said = warehouse.dbt("run", "--select", "+cash_flow")
    assert "cash_flow adds up what the loader has no columns for in transactions: type." in said, said
    said = warehouse.dbt("parse", "--vars", json.dumps({"codat_filtered_streams": ["custmers"]}))
    assert "codat_filtered_streams names custmers, which is none of company_info, customers" in said, said


def named(warehouse: Warehouse, test: str) -> dict[str, str]:
    """Return what a test says is to be done, by data type."""
    rows = warehouse.rows(f"select * from commerce_dbt_test__audit.{test}")
    return {row["data_type"]: row["what_to_do"] for row in rows}
