"""What comes out is what Codat holds: every record of every readable connection, once, in the form of its schema."""

from __future__ import annotations

import json
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.faults import Fault
from codat_mock.merchants import COMMERCE_TYPES
from codat_mock.platforms import COMMERCE
from conftest import DATA_SETS, STREAMS
from validity import assert_unique, assert_valid, same_form

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage


@pytest.mark.parametrize("page_size", [1000, 7])
@pytest.mark.slow
def test_records_equal_those_of_the_shops(stage: Callable[..., Stage], page_size: int) -> None:
    shops = stage(companies=3, connections=2, records=23)
    run = shops.run(page_size=page_size).ok()

    assert set(run.records) == set(STREAMS)
    assert set(DATA_SETS.values()) == set(COMMERCE_TYPES)
    assert "has no place" not in run.log
    assert run.problems == []
    assert_valid(run)
    assert_unique(run)
    for stream, data_type in DATA_SETS.items():
        came = {(r.pop("companyId"), r.pop("connectionId"), r.get("id", "")): r for r in run.records[stream]}
        assert same_form(came) == same_form(shops.held(data_type)), stream
    statuses = Counter(c["status"] + c["sourceType"] for c in run.records["connections"])
    assert statuses == {"LinkedCommerce": 6, "LinkedAccounting": 1, "PendingAuthCommerce": 1}
    assert len(run.records["companies"]) == 3
    assert len(run.records["data_status"]) == 3 * len(DATA_SETS)


def test_in_which_order_rows_come(stage: Callable[..., Stage]) -> None:
    """A connection that is older than its company's row is gone: so both have one time, and no signal parts them."""
    shops = stage(companies=2, connections=2, records=3, extras=False)
    rows = [m for m in shops.run().ok().messages if m["type"] == "RECORD"]
    for company_id in shops.world.companies:
        own = [m for m in rows if company_id in {m["record"].get("companyId"), m["record"].get("id")}]
        streams = [stream for stream, _ in groupby(m["stream"] for m in own)]
        assert streams[:3] == ["data_status", "connections", "companies"]
        assert streams[-1] == "reads", "when all pages of the company are out"
        assert set(streams[3:-1]) == set(DATA_SETS)
        assert len({m["time_extracted"] for m in own if m["stream"] in {"companies", "connections"}}) == 1


def test_only_commerce_connections_with_data_are_asked_for(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=3, connections=2)
    shops.run().ok()
    readable = {c.id for c in shops.world.connections()}
    asked = shops.requests()
    assert {p.split("/")[4] for p in asked if "/connections/" in p} == readable
    assert len([p for p in asked if p.endswith("/dataStatus")]) == 3
    assert len([p for p in asked if p == "/companies"]) == 1
    assert not [p for p in asked if p.endswith("/connections")]


def test_a_company_without_shops_costs_no_request(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=3, connections=0)
    run = shops.run().ok()
    assert shops.requests() == ["/companies"]
    assert run.records["data_status"] == []
    assert len(run.records["connections"]) == 2


def test_a_connection_without_the_key_of_its_platform_is_read(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=2, extras=False)
    keyless, other = shops.world.connections()
    keyless.keyless = True
    run = shops.run().ok()
    assert {r["connectionId"] for r in run.records["orders"]} == {keyless.id, other.id}
    assert [r.get("integrationKey") for r in run.records["connections"]] == [None, other.platform.key]
    assert all(len(company["ownerUserIds"]) == 1 for company in run.records["companies"])


def test_deselected_parents_lead_to_selected_children(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=1)
    run = shops.run(catalog=shops.catalog("orders")).ok()
    assert set(run.records) == {"orders"}
    assert [m["stream"] for m in run.schemas] == ["orders"]
    assert len(run.records["orders"]) == 24


@pytest.mark.parametrize(
    "maps",
    [
        {"orders": {"id": "id", "companyId": "companyId", "connectionId": "connectionId"}, "__else__": None},
        {name: None for name in STREAMS if name != "orders"},
    ],
)
def test_parents_that_stream_maps_take_out_lead_to_children(stage: Callable[..., Stage], maps: dict[str, Any]) -> None:
    """The SDK alone would read nothing, and say nothing of it."""
    shops = stage(companies=2, connections=2)
    run = shops.run(stream_maps=maps).ok()
    assert run.records.keys() == {"orders"}
    assert [m["stream"] for m in run.schemas] == ["orders"]
    assert len(run.records["orders"]) == len(shops.held("commerce-orders"))
    assert not [path for path in shops.requests("/data/commerce-") if "orders" not in path], "nor costs one a request"


@pytest.mark.parametrize(("parent", "field"), [("companies", "id"), ("connections", "companyId")])
@pytest.mark.parametrize("selected", [True, False])
def test_what_a_filter_of_a_parent_leaves_out(
    stage: Callable[..., Stage], parent: str, field: str, *, selected: bool
) -> None:
    """As everywhere in the SDK: what is below, too; nor is it asked for ahead."""
    shops = stage(companies=3, connections=1)
    one = next(iter(shops.world.companies))
    catalog = shops.catalog("orders", *([parent] if selected else []))
    run = shops.run(catalog=catalog, stream_maps={parent: {"__filter__": f"{field} == '{one}'"}}).ok()
    assert {order["companyId"] for order in run.records["orders"]} == {one}
    assert all(path == "/companies" or one in path for path in shops.requests())


def test_parents_that_go_out_under_other_names(stage: Callable[..., Stage]) -> None:
    """What is below is read, but for what a filter leaves out of all that is made of them: and that is said."""
    shops = stage(companies=3, connections=1)
    one = next(iter(shops.world.companies))
    catalog = shops.catalog("companies", "connections", "orders")
    shop = {"shops": {"__source__": "connections", "linkUrl": None}, "connections": "__NULL__"}
    firms: dict[str, Any] = {"firms": {"__source__": "companies"}, "companies": None}
    run = shops.run(catalog=catalog, stream_maps={**firms, **shop}).ok()
    assert run.records.keys() == {"firms", "shops", "orders"}
    assert len(run.records["orders"]) == len(shops.held("commerce-orders"))
    firms["firms"]["__filter__"] = f"id == '{one}'"
    run = shops.run(catalog=catalog, stream_maps={**firms, **shop}).ok()
    assert {order["companyId"] for order in run.records["orders"]} == {one}
    assert "not read, as stream_maps filter them out: companies 2" in run.log
    copy = {"firms": {"__source__": "companies"}, "companies": {"__filter__": f"id == '{one}'"}}
    run = shops.run(catalog=catalog, stream_maps=copy).ok()
    assert len(run.records["orders"]) == len(shops.held("commerce-orders")), "each company is among the firms"


def test_reads_alone(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=1)
    run = shops.run(catalog=shops.catalog("reads")).ok()
    assert "No stream is selected but reads, which tells of the others: nothing was read." in run.log


@pytest.mark.parametrize("parent", ["companies", "connections"])
def test_what_a_filter_of_a_parent_sees_is_counted_once(stage: Callable[..., Stage], parent: str) -> None:
    shops = stage(companies=2, connections=1, records=1)
    shops.gate.faults.append(Fault("spoil", "/companies$", find='"id": ', body='"new": 1, "id": ', times=0))
    for maps in ({}, {parent: {"__filter__": "id != 'x'"}}):
        run = shops.run(stream_maps=maps).ok()
        assert "companies.new (1)" in run.log


def test_a_deselected_data_set_costs_no_request(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=1)
    shops.run(catalog=shops.catalog("companies", "orders", "customers")).ok()
    segments = {p.rpartition("/")[2] for p in shops.requests("/connections/")}
    assert segments == {"commerce-orders", "commerce-customers"}


def test_without_data_sets_or_status_only_companies_are_asked_for(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=1)
    run = shops.run(catalog=shops.catalog("companies", "connections")).ok()
    assert shops.requests() == ["/companies"]
    assert set(run.records) == {"companies", "connections"}


def test_deselected_properties_are_left_out(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1)
    catalog = shops.catalog("orders")
    orders = next(s for s in catalog["streams"] if s["stream"] == "orders")
    away = (["properties", "payments"], ["properties", "customerRef", "properties", "name"])
    for entry in orders["metadata"]:
        if entry["breadcrumb"] in away:
            entry["metadata"]["selected"] = False
    run = shops.run(catalog=catalog).ok()
    assert_valid(run)
    assert all("payments" not in r and r["customerRef"].keys() == {"id"} for r in run.records["orders"])
    assert "payments" not in run.schemas[0]["schema"]["properties"]


def test_the_catalog_that_was_given_decides_on_the_fields(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1)
    catalog = shops.catalog("orders")
    orders = next(s for s in catalog["streams"] if s["stream"] == "orders")
    del orders["schema"]["properties"]["currency"]
    run = shops.run(catalog=catalog, unknown_fields="keep").ok()
    assert_valid(run)
    assert "catalog: orders: left out, as its schema there has no longer: currency." in run.log
    assert all("currency" not in (r.get("unmapped") or {}) for r in run.records["orders"])


def test_ids_repeat_across_connections_but_keys_do_not(stage: Callable[..., Stage]) -> None:
    woo = tuple(p for p in COMMERCE if p.name == "WooCommerce")
    run = stage(companies=1, connections=2, platforms=woo).run().ok()
    assert max(Counter(r["id"] for r in run.records["orders"]).values()) == 2
    assert_unique(run)


@pytest.mark.parametrize("instead", ["null", '""', "{}", "[]"])
def test_a_record_without_an_id_costs_no_other(stage: Callable[..., Stage], instead: str) -> None:
    """It is named, and all are read again, until it can be read."""
    shops = stage(companies=1, connections=1, records=30)
    spoiled = Fault("spoil", "orders$", page=2, find=r'(?<="results": \[\{"id": )"[^"]*"', body=instead)
    shops.gate.faults.append(spoiled)
    run = shops.run(page_size=10, catalog=shops.catalog("orders"))
    assert run.code == 1
    assert len({r["id"] for r in run.records["orders"]}) == 29
    assert run.says("1 of its records can't be read: page 2, entry 1: ")
    run = shops.run(page_size=10, catalog=shops.catalog("orders"), state=run.state).ok()
    assert len(run.records["orders"]) == 30


def test_more_companies_than_a_page(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=7, connections=1, records=1)
    run = shops.run(page_size=3, catalog=shops.catalog("companies", page_size=3)).ok()
    assert {r["id"] for r in run.records["companies"]} == set(shops.world.companies)
    assert len(shops.requests()) == 3


def test_locations_are_read_by_their_links(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1)
    connection = shops.world.connections()[0]
    shops.world.sync(connection.company_id, None, ("commerce-locations",), add=248)
    run = shops.run(catalog=shops.catalog("locations")).ok()
    assert len(run.records["locations"]) == 250
    assert [a.query.get("page") for a in shops.gate.asked if "locations" in a.path] == [None, "2", "3"]


def test_discovery_needs_neither_network_nor_settings(stage: Callable[..., Stage]) -> None:
    shops = stage()
    run = shops.run("--discover", config={}).ok()
    assert [s["stream"] for s in json.loads(run.out)["streams"]] == sorted(STREAMS)
    assert shops.requests() == []


def test_dry_run_reads_one_record_of_each_stream(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=3, connections=2)
    run = shops.run("--test").ok()
    assert {s: len(r) for s, r in run.records.items()} == dict.fromkeys(STREAMS, 1)
