"""The form of what comes out: digits, dates, unknown fields; and the SDK's own features still work."""

from __future__ import annotations

import json
import re
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.faults import Fault
from conftest import start
from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.codat.lossless_json import Number
from tap_codat_commerce.tap import TapCodatCommerce
from validity import assert_valid

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage


def one_order(shops: Stage, **fields: Any) -> dict[str, Any]:
    """Give the only order these fields."""
    orders = shops.world.connections()[0].data["commerce-orders"].records
    order = next(iter(orders.values()))
    order.update(fields)
    return order


@pytest.fixture
def shop(stage: Callable[..., Stage]) -> Stage:
    """Return a stand-in with one shop that has one order."""
    return stage(companies=1, connections=1, records=1, extras=False)


def test_numbers_keep_every_digit(shop: Stage) -> None:
    one_order(
        shop,
        totalAmount=Decimal("1234567890123456789.0123456789"),
        totalRefund=5e-07,
        totalTaxAmount=Decimal("0.90"),
        totalDiscount=-4.05,
        totalGratuity=123456789012345678901234567890,
    )
    out = shop.run().ok().out.replace(": ", ":")  # records that need no change keep Codat's own blanks
    for text in (
        '"totalAmount":1234567890123456789.0123456789,',
        '"totalRefund":5e-07,',
        '"totalTaxAmount":0.90,',
        '"totalDiscount":-4.05,',
        '"totalGratuity":123456789012345678901234567890,',
    ):
        assert text in out


def test_numbers_keep_every_digit_through_maps_and_flattening(shop: Stage) -> None:
    one_order(shop, totalAmount=Decimal("1234567890123456789.0123456789"), totalRefund=5e-07)
    maps = {"orders": {"total": "totalAmount", "refund": "totalRefund"}}
    out = shop.run(stream_maps=maps).ok().out
    assert '"total":1234567890123456789.0123456789' in out
    assert '"refund":5e-07' in out
    out = shop.run(flattening_enabled=True, flattening_max_depth=3).ok().out
    assert '"totalAmount":1234567890123456789.0123456789,' in out
    assert '"totalRefund":5e-07,' in out


@pytest.mark.parametrize(
    ("came", "goes"),
    [
        ("2020-10-08T22:40:50Z", "2020-10-08T22:40:50Z"),
        ("2021-01-01T00:00:00", "2021-01-01T00:00:00Z"),
        ("2021-05-04T15:28:09.2805505Z", "2021-05-04T15:28:09.280550Z"),
        ("2021-05-04T15:28:09.9999999Z", "2021-05-04T15:28:09.999999Z"),
        ("2021-05-04T01:28:09+02:00", "2021-05-03T23:28:09Z"),
        ("2021-05-04T23:28:09.5-05:30", "2021-05-05T04:58:09.500000Z"),
        ("2021-05-04", "2021-05-04T00:00:00Z"),
        ("0001-01-01T00:00:00", None),
        ("0001-01-02T00:00:00", None),
        ("0001-01-01T00:00:00+05:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
    ],
)
def test_dates_have_one_form(shop: Stage, came: str | None, goes: str | None) -> None:
    one_order(shop, closedDate=came)
    assert shop.run().ok().records["orders"][0]["closedDate"] == goes


def test_ids_are_text_and_values_of_another_type_are_reported(shop: Stage) -> None:
    fields: dict[str, Any] = {"closedDate": "0001-01-01 or so", "payments": "none"}
    order = one_order(shop, customerRef={"id": 7110701885, "name": None}, **fields)
    order["orderLineItems"][0]["taxes"] = [None, {"rate": "0.2"}]
    run = shop.run().ok()
    record = run.records["orders"][0]
    assert record["customerRef"] == {"id": "7110701885", "name": None}
    assert record["closedDate"] is None
    assert record["payments"] is None
    assert record["orderLineItems"][0]["taxes"] == [None, {"rate": "0.2"}]
    assert_valid(run)
    assert "orders.closedDate (1), orders.payments (1)" in run.log


def test_unknown_fields_are_dropped_counted_and_named_once(shop: Stage) -> None:
    order = one_order(shop, loyalty={"points": 1.50})
    order["orderLineItems"][0]["colour"] = "olive"
    run = shop.run().ok()
    assert_valid(run)
    assert "olive" not in run.out
    named = [p for p in run.problems if "loyalty" in p]
    assert len(named) == 1
    assert "dropped: orders.loyalty (1), orders.orderLineItems[].colour (1)" in named[0]


def test_unknown_fields_can_be_kept_as_they_came(shop: Stage) -> None:
    order = one_order(shop, loyalty={"points": Decimal("1.50"), "since": "0001-01-01"}, unmapped={"a": 1})
    order["orderLineItems"][0]["colour"] = ["olive", None]
    run = shop.run(unknown_fields="keep").ok()
    assert_valid(run)
    assert run.records["orders"][0]["unmapped"] == {
        "loyalty": {"points": "1.50", "since": "0001-01-01"},
        "orderLineItems[0].colour": ["olive", None],
        "unmapped": {"a": 1},
    }
    assert "unmapped" not in run.records["customers"][0]
    assert "kept in 'unmapped': orders.loyalty (1)" in run.log


def spoil(shop: Stage, fields: str) -> None:
    """Have the only order consist of these fields, given as JSON, and of what every order has."""
    order = one_order(shop, orderNumber="here")
    for name in order.keys() - {"id", "modifiedDate", "orderNumber"}:
        del order[name]
    shop.gate.faults.append(Fault("spoil", "-orders", find='"orderNumber": ?"here"', body=fields, times=0))


NINES = "9" * 5000
HUGE = "1e99999999999999999999"


@pytest.mark.parametrize(
    ("came", "kept"),
    [
        (
            '"orderLineItems[0].colour":"top","orderLineItems":[{"colour":"nested"}]',
            {'["orderLineItems[0].colour"]': "top", "orderLineItems[0].colour": "nested"},
        ),
        (
            '"customerRef":{"id":{"z":1},"":"nameless"},"customerRef.id":"top"',
            {"customerRef.id": {"z": 1}, 'customerRef[""]': "nameless", '["customerRef.id"]': "top"},
        ),
        ('"companyId":"theirs","connectionId":7', {"companyId": "theirs", "connectionId": 7}),
        ('"companyId":null', {}),
        (f'"totalAmount":{HUGE}', {"totalAmount": HUGE}),
        (f'"colour":[{HUGE}]', {"colour": [HUGE]}),
        (f'"totalAmount":{NINES},"totalRefund":"{NINES}"', {"totalAmount": NINES, "totalRefund": NINES}),
        (f'"supplementalData":{{"content":{{"a":[{NINES}]}}}}', {"supplementalData.content.a[0]": NINES}),
        ('"createdDate":"0001-01-01 is no date"', {"createdDate": "0001-01-01 is no date"}),
    ],
)
@pytest.mark.parametrize("odd", ["", ',"":0'], ids=["by type", "as a whole"])
@pytest.mark.parametrize("mapped", [False, True])
def test_nothing_is_lost_of_what_is_kept(
    shop: Stage,
    came: str,
    kept: dict[str, Any],
    odd: str,
    mapped: bool,  # noqa: FBT001
) -> None:
    """Every value has a path of its own, is counted, and can be read."""
    spoil(shop, came + odd)
    maps: dict[str, Any] = {"stream_maps": {"orders": {"copy": "id"}}} if mapped else {}
    run = shop.run(unknown_fields="keep", **maps).ok()
    assert_valid(run)
    (order,) = run.records["orders"]
    context = shop.world.connections()[0]
    assert (order["companyId"], order["connectionId"]) == (context.company_id, context.id)
    unmapped = order.get("unmapped", {})
    assert unmapped.pop('[""]', 0) == 0
    assert unmapped == kept
    for path in kept:
        assert ("orders" + "." * (path[0] != "[") + re.sub(r"\[\d+\]", "[]", path) + " (1)") in run.log
    dropped = shop.run(**maps).ok()
    assert "unmapped" not in dropped.records["orders"][0]
    assert NINES not in dropped.out


@pytest.mark.parametrize("odd", ["", ',"":0'], ids=["by type", "as a whole"])
@pytest.mark.parametrize("maps", [{}, {"orders": {"copy": "id"}}])
def test_whole_numbers_keep_their_spelling(shop: Stage, odd: str, maps: dict[str, Any]) -> None:
    came = '"totalAmount":-0,"totalRefund":-0e-0,"supplementalData":{"content":{"a":[-0,-01]}}'.replace("-01", "-0.10")
    spoil(shop, came + odd)
    out = shop.run(stream_maps=maps).ok().out
    for text in ('"totalAmount":-0,', '"totalRefund":-0e-0,', '"a":[-0,-0.10]'):
        assert text in out


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("length", [1, 500])
def test_names_without_end_take_one_line_that_can_be_read(stage: Callable[..., Stage], keep: bool, length: int) -> None:  # noqa: FBT001
    shops = stage(companies=1, connections=1, records=1500, extras=False)
    orders = shops.world.connections()[0].data["commerce-orders"].records
    for number, order in enumerate(orders.values()):
        order[f"{number:04}" + "x" * length] = order["colour"] = 1
    run = shops.run(unknown_fields="keep" if keep else "drop").ok()
    (line,) = [p for p in run.problems if "no place for" in p]
    assert "orders.colour (1500), orders.0000x" in line
    assert line.count("orders.") == 20
    assert ", and at least 980 more. Each field with the number of records" in line
    assert len(line) < 3000


def test_a_name_forges_no_line_of_the_log(shop: Stage) -> None:
    forged = "2026-11-27 03:00:00,000 | ERROR    | tap-codat-commerce | api_key is wrong"
    one_order(shop, **{f"a\n{forged}": 1, f"b\r{forged}": 1})
    run = shop.run().ok()
    assert " ".join(forged.split()) in run.log
    assert not [line for line in run.log.splitlines() if line.startswith(forged)]
    assert len(run.problems) == 1


def test_what_is_kept_and_deselected_is_dropped_and_the_log_says_so(shop: Stage) -> None:
    one_order(shop, colour="olive")
    next(iter(shop.world.connections()[0].data["commerce-customers"].records.values()))["colour"] = "olive"
    catalog = shop.catalog("orders", "customers", unknown_fields="keep")
    for stream in catalog["streams"]:
        for entry in stream["metadata"] if stream["stream"] == "orders" else ():
            if entry["breadcrumb"] == ["properties", "unmapped"]:
                entry["metadata"]["selected"] = False
    run = shop.run(catalog=catalog, unknown_fields="keep").ok()
    assert "unmapped" not in run.records["orders"][0]
    kept, dropped = run.problems
    assert "were kept in 'unmapped': customers.colour (1). " in kept
    assert "were dropped: orders.colour (1). " in dropped
    assert "or select 'unmapped'." in dropped


def test_no_type_is_open_and_no_value_constrained(shop: Stage) -> None:
    def walk(schema: dict[str, Any], path: str) -> None:
        assert schema.get("type"), path
        assert "enum" not in schema, path
        for name, field in schema.get("properties", {}).items():
            walk(field, f"{path}.{name}")
            assert "description" in field, f"{path}.{name}"
            assert "null" in field["type"] or name in schema["required"], f"{path}.{name}"
        if "items" in schema:
            walk(schema["items"], path + "[]")
            assert "null" in schema["items"]["type"], path

    for message in shop.run(unknown_fields="keep").ok().schemas:
        walk(message["schema"], message["stream"])


def test_stream_maps_rename_filter_and_alias(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=1, records=4)
    first = next(iter(shops.world.companies))
    maps = {
        "companies": {"__filter__": f"id == '{first}'"},
        "orders": {
            "__alias__": "sales",
            "number": "orderNumber",
            "__else__": None,
            "__key_properties__": ["number"],
        },
    }
    run = shops.run(stream_maps=maps).ok()
    assert [r["id"] for r in run.records["companies"]] == [first]
    assert sorted(r["number"] for r in run.records["sales"]) == ["1000", "1001", "1002", "1003"]
    assert len(run.records["customers"]) == 4, "a company that was filtered out is not read"


@pytest.mark.parametrize(
    "expression",
    [
        "str(totalAmount) + id",
        "str(record['totalAmount']) + _.id",
        "str(_.get('totalAmount')) + record.get('id', '')",
        "str([record[name] for name in ('totalAmount',)][0]) + id",
        "json.dumps(record, default=str)",
        "str(record)",
        "str([k for k in record.keys()])",
        "self + orderLineItems[0]['productRef']['id']",
        "str(customerRef.name) + str(payments[0].amount)",
        "str(self == record['orderNumber'])",
    ],
)
def test_what_no_expression_reads_passes_stream_maps_as_it_is(expression: str) -> None:
    """A map that reads nothing else, and one that reads all of each record, make the same of it."""
    record = {
        "companyId": "c0",
        "id": "o-1",
        "country": None,
        "orderNumber": "1000",
        "totalAmount": Decimal("12.50"),
        "totalTaxAmount": Decimal("-0.0"),
        "orderLineItems": [{"quantity": Number("1e2"), "productRef": {"id": "ü\n"}}],
        "payments": [{"amount": Decimal("12345678901234567890.10")}],
        "customerRef": {"id": "c", "name": None},
        "unmapped": {"colour": {"of": Number("5e-07")}, "orderNumber": "7", "loyalty[0].x": 1},
    }

    def made(**more: str) -> list[tuple[str, bytes | bytearray]]:
        maps = {"orders": {"orderNumber": expression, **more}}
        tap = TapCodatCommerce(config={"api_key": "k", "stream_maps": maps})
        orders: Any = tap.streams["orders"]
        return list(orders.finished([lossless_json.encode(record)]))

    assert made() == made(country="str(record) and None")


def test_flattening(shop: Stage) -> None:
    record = shop.run(flattening_enabled=True, flattening_max_depth=1).ok().records["orders"][0]
    assert "customerRef__id" in record
    assert json.loads(record["orderLineItems"])[0]["quantity"] > 0
    assert not any(isinstance(v, dict | list) for v in record.values())


@pytest.mark.parametrize(
    "mapped", [{"copy": "record['id']"}, {"customerRef": "record['locationRef']"}, {"locationRef": None}]
)
def test_null_objects_have_null_columns_after_a_stream_map(shop: Stage, mapped: dict[str, Any]) -> None:
    one_order(shop, customerRef=None, locationRef=None)
    run = shop.run(stream_maps={"orders": mapped}, flattening_enabled=True, flattening_max_depth=1).ok()
    assert_valid(run)
    columns = {"customerRef__id", "customerRef__name", "locationRef__id", "locationRef__name"}
    gone = {c for c in columns if c.startswith("locationRef")} if "locationRef" in mapped else set()
    (order,) = run.records["orders"]
    assert {c: order[c] for c in columns - gone} == dict.fromkeys(columns - gone)
    assert not gone & order.keys()


def test_a_length_of_names_that_makes_two_columns_one_is_refused(shop: Stage) -> None:
    run = shop.run(flattening_enabled=True, flattening_max_depth=2, flattening_max_key_length=6)
    assert run.code == 1
    (line,) = run.problems
    assert re.fullmatch(r"flattening_max_key_length: 6 makes one name, \w+, of two columns of \w+: raise it", line)
    assert "Traceback" not in run.log
    assert run.out == ""
    assert shop.requests() == []


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_flattening_leaves_no_field_out(stage: Callable[..., Stage], depth: int) -> None:
    run = stage(companies=2).run(flattening_enabled=True, flattening_max_depth=depth, unknown_fields="keep").ok()
    fields = {m["stream"]: m["schema"]["properties"].keys() for m in run.schemas}
    for stream, records in run.records.items():
        assert {name for r in records for name in r} <= fields[stream]
    assert json.loads(run.records["companies"][0]["tags"])["region"] == "uk"


@pytest.mark.parametrize("form", [(), ("--format", "json"), ("--format", "markdown")])
def test_about(form: tuple[str, ...]) -> None:
    run = start([sys.executable, "-m", "tap_codat_commerce", "--about", *form])
    assert run.code == 0, run.log


def test_each_schema_comes_once_and_before_its_records(stage: Callable[..., Stage]) -> None:
    run = stage(companies=4, connections=2, records=2).run().ok()
    names = [m["stream"] for m in run.schemas]
    assert len(names) == len(set(names)) == 15


def test_messages_are_whole_lines(shop: Stage) -> None:
    out = shop.run().ok().out
    assert out.endswith("\n")
    assert all(re.fullmatch(r"\{.*\}", line) for line in out.splitlines())
