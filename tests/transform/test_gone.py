"""What is gone, by the staging views, on both databases: whatever Codat, the tap and the loader went through."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.platforms import BY_KEY
from conftest import DATA_SETS, aged
from warehouses import FULL_READS, KINDS, Warehouse, warehouse_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from codat_mock.holdings import Company, Connection
    from conftest import Stage

pytestmark = pytest.mark.slow
ORDERS = DATA_SETS["orders"]
SHOPIFY = BY_KEY["fztf"]


def held(warehouse: Warehouse) -> set[str]:
    """Return the ids of the orders that Codat has."""
    return {key[2] for key in warehouse.shops.held(ORDERS)}


@pytest.fixture(params=KINDS)
def warehouse(request: pytest.FixtureRequest, stage: Callable[..., Stage]) -> Iterator[Warehouse]:
    """Return one with the orders of a shop, after the first run, and the views."""
    shops = stage(companies=1, connections=1, records=20, extras=False, platforms=(SHOPIFY,))
    with warehouse_of(request.param, shops, "companies", "connections", "orders", "reads", batch=5) as found:
        found.night()
        found.make_views()
        assert found.current == held(found)
        yield found


@pytest.mark.parametrize("odd", ["an id that is held twice", "a filter"])
def test_what_was_deleted_is_gone_after_a_full_read_has_arrived(warehouse: Warehouse, odd: str) -> None:
    world, before = warehouse.shops.world, sorted(held(warehouse))
    settings: dict[str, Any] = {}
    connection = world.connections()[0]
    if odd == "an id that is held twice":
        world.twice = {before[9]}
    elif odd == "a filter":
        settings = {"stream_maps": {"orders": {"__filter__": f"id != '{before[9]}'"}}}
    deleted = set(before[:2])
    world.remove(connection, ORDERS, deleted)
    world.sync(connection.company_id, connection.id, (ORDERS,), add=1)
    warehouse.night(**settings)
    assert warehouse.current - held(warehouse) == deleted, "nobody can know yet"
    warehouse.night(days=8, **settings)
    assert warehouse.current - held(warehouse) == deleted, "the full read may not have arrived"
    warehouse.night(**settings)
    filtered = {before[9]} if odd == "a filter" else set()
    assert warehouse.current == held(warehouse) - filtered


def test_a_loader_that_dies_makes_nothing_look_gone(warehouse: Warehouse) -> None:
    """It has taken the row of `reads` of a full refresh, and 5 of 20 orders, and no state."""
    world = warehouse.shops.world
    lines = warehouse.shops.run(catalog=warehouse.catalog, **FULL_READS).ok().out.splitlines(keepends=True)
    messages = [(line, json.loads(line)) for line in lines]
    orders = [line for line, m in messages if m["type"] == "RECORD" and m["stream"] == "orders"]
    warehouse.load([line for line, m in messages if m["type"] != "STATE" and line not in orders[5:]])
    connection = world.connections()[0]
    for _ in range(2):
        world.sync(connection.company_id, connection.id, (ORDERS,), add=3)
        warehouse.night()
        assert warehouse.current == held(warehouse)


def test_a_loader_that_dies_between_tables_makes_no_company_vanish(warehouse: Warehouse) -> None:
    """It has taken the company's row anew, and not its connections'; another job has loaded another company since."""
    later = """{} + interval '{} hours'""".format
    warehouse.change(
        f"""update codat.companies set "_sdc_extracted_at" = {later('"_sdc_extracted_at"', 1)}""",
        f"""insert into codat.connections ("companyId", "id", "_sdc_extracted_at")
        select 'other', 'its', {later('max("_sdc_extracted_at")', 2)} from codat.connections""",
    )
    assert warehouse.current == held(warehouse)


def test_no_data_after_a_failed_sync_makes_nothing_look_gone(warehouse: Warehouse) -> None:
    world, before = warehouse.shops.world, held(warehouse)
    connection = world.connections()[0]
    (failed,) = world.begin(connection.company_id, connection.id, ORDERS, "Fetching")
    world.fail(failed)
    world.no_data = {ORDERS}
    run = warehouse.night(days=8)
    assert "Codat says that it has no data, though it had some" in run.log
    world.no_data = set()
    for _ in range(2):
        warehouse.night()
        assert warehouse.current == before


def test_a_shop_that_was_connected_again_is_there_once(warehouse: Warehouse) -> None:
    world = warehouse.shops.world
    (old,) = world.connections()
    company = world.companies[old.company_id]
    new = world.connect(company.id, SHOPIFY.key, status="Linked")
    new.merchant = old.merchant
    world.sync(company.id, new.id, (ORDERS,), add=20)
    assert {*new.data[ORDERS].records} == warehouse.current, "the same orders, under another connection"
    del company.connections[old.id]
    for _ in range(2):
        warehouse.night()
        world.stamp(86400)
    assert warehouse.loaded("orders") == 40
    (shop,) = warehouse.rows("select connection_id from commerce.stg_codat__connections")
    assert shop["connection_id"] == new.id
    assert warehouse.current == {*new.data[ORDERS].records}


def with_another_shop(warehouse: Warehouse) -> tuple[Company, list[Connection]]:
    """Connect a second shop, and load it; return the company and its two connections."""
    world = warehouse.shops.world
    (company,) = world.companies.values()
    other = world.connect(company.id, SHOPIFY.key, status="Linked")
    world.sync(company.id, other.id, (ORDERS,), add=5)
    warehouse.night()
    return company, [*company.connections.values()]


def test_a_list_that_lacks_a_shop_once_makes_nothing_vanish(warehouse: Warehouse) -> None:
    company, (shop, other) = with_another_shop(warehouse)
    everything = {*shop.data[ORDERS].records, *other.data[ORDERS].records}
    assert warehouse.current == everything
    behind = company.connections.pop(shop.id)
    warehouse.night()
    assert warehouse.current == everything
    company.connections[shop.id] = behind
    warehouse.shops.world.stamp(86400)
    for _ in range(2):
        warehouse.night()
        assert warehouse.current == everything
    assert len(warehouse.rows("select connection_id from commerce.stg_codat__connections")) == 2


def test_a_shop_that_left_before_a_run_without_state_is_gone_from_the_second_night_on(warehouse: Warehouse) -> None:
    """Nothing tells of it: the rows of the other night are made two days old by hand."""
    company, (shop, other) = with_another_shop(warehouse)
    del company.connections[shop.id]
    warehouse.state = {}
    warehouse.night()
    left = {*other.data[ORDERS].records}
    assert warehouse.current > left
    warehouse.change(
        'update codat.connections set "_sdc_extracted_at" = "_sdc_extracted_at" - interval \'48 hours\''
        f""" where "id" = '{shop.id}'"""
    )
    assert warehouse.current == left


EVERY = 80
"""Messages between two places at which the loader is killed."""


def test_what_has_arrived_is_there_wherever_the_loader_was_killed(warehouse: Warehouse) -> None:
    assert killed_everywhere(warehouse, EVERY) > 1


def killed_everywhere(warehouse: Warehouse, every: int) -> int:
    """Kill the loader after so many messages, twice as many and so on; each time let two whole nights follow."""
    shops = warehouse.shops
    connection = shops.world.connections()[0]
    warehouse.catalog = shops.catalog("companies", "connections", "reads", *DATA_SETS)
    kills = 0
    while True:
        shops.world.sync(connection.company_id, connection.id, restamp=5, add=1)
        run = shops.run(state=aged(warehouse.state, days=8), catalog=warehouse.catalog, **FULL_READS).ok()
        lines = run.out.splitlines(keepends=True)
        if (kills + 1) * every > len(lines):
            return kills
        kills += 1
        warehouse.load_and_kill(lines[: kills * every])
        for _ in range(2):
            warehouse.night()
            early = warehouse.rows(" union all ".join(map(warehouse.early, DATA_SETS)))
            assert not early, f"killed after {kills * every}"
        assert warehouse.current == held(warehouse)
