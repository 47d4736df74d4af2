"""The catalog and the stream maps that a run is given: gone by, or refused before the first request."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.faults import Fault
from codat_mock.platforms import BY_KEY
from conftest import batches, in_files
from tap_codat_commerce.records import schemas
from validity import assert_valid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run, Stage

HASHED = {"emailAddress": "md5(emailAddress or '')"}


@pytest.fixture
def shop(stage: Callable[..., Stage]) -> Stage:
    """Return a stand-in with one shop that has three orders."""
    return stage(companies=1, connections=1, records=3, extras=False, platforms=(BY_KEY["fztf"],))


def entry_of(catalog: dict[str, Any], stream: str) -> dict[str, Any]:
    """Return a stream's entry in a catalog."""
    found: dict[str, Any] = next(s for s in catalog["streams"] if s["stream"] == stream)
    return found


def root_of(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of a stream itself."""
    found: dict[str, Any] = next(m["metadata"] for m in entry["metadata"] if not m["breadcrumb"])
    return found


def assert_refused(shop: Stage, run: Run, *parts: str) -> None:
    """Check that a run ended by one line that holds the parts, before the first request."""
    assert run.code == 1
    assert len(run.problems) == 1, run.log
    for part in parts:
        assert part in run.problems[0]
    assert "Traceback" not in run.log
    assert run.out == ""
    assert shop.requests() == []


def test_a_stream_that_is_listed_twice(shop: Stage) -> None:
    catalog = shop.catalog("orders")
    catalog["streams"].append(entry_of(catalog, "orders"))
    assert_refused(
        shop, shop.run(catalog=catalog), "catalog: orders: it is listed twice. --discover makes a new catalog."
    )


@pytest.mark.parametrize("in_metadata", [False, True])
def test_another_replication_key(shop: Stage, *, in_metadata: bool) -> None:
    """Where a stream has none, as it is read whole, none has an effect."""
    catalog = shop.catalog("orders", "reads")
    for stream in ("reads", "orders"):
        entry = entry_of(catalog, stream)
        if in_metadata:
            root_of(entry)["replication-key"] = "createdDate"
        else:
            entry["replication_key"] = "createdDate"
    why = "Codat can be asked for what is new by modifiedDate alone. Leave that out."
    assert_refused(
        shop, shop.run(catalog=catalog), f"catalog: orders: createdDate can't be its replication key, as {why}"
    )


def test_what_is_not_listed_is_not_selected(shop: Stage) -> None:
    full = shop.catalog("orders", "connections")
    run = shop.run(catalog={"streams": [entry_of(full, "connections"), entry_of(full, "orders")]}).ok()
    assert run.records.keys() == {"connections", "orders"}
    assert [m["stream"] for m in run.schemas] == ["connections", "orders"]


SCHEMAS: dict[str, Any] = {
    "an integer": {"totalAmount": {"type": ["integer", "null"]}},
    "anyOf": {"totalAmount": {"anyOf": [{"type": "number"}, {"type": "null"}]}},
    "oneOf with a date": {
        "closedDate": {"oneOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
    },
    "a type beside anyOf": {
        "closedDate": {"type": ["string", "null"], "anyOf": [{"format": "date-time"}]},
    },
    "anything": {"totalAmount": {}, "orderLineItems": {}, "customerRef": {}},
    "text of a number": {"totalAmount": {"type": ["string", "null"]}},
    "several types": {"totalAmount": {"type": ["string", "number", "null"]}},
    "nothing but null": {"totalAmount": {"type": "null"}},
    "an array without items": {"orderLineItems": {"type": ["array", "null"]}},
    "an array or an object": {
        "orderLineItems": {"anyOf": [{"type": "object", "properties": {}}, {"type": "array", "items": {}}]}
    },
    "an object without properties": {"customerRef": {"type": ["object", "null"]}},
    "an object with others": {
        "customerRef": {
            "type": ["object", "null"],
            "properties": {"id": {"type": "string"}},
            "additionalProperties": {"type": ["string", "null"]},
        }
    },
    "what may not be null": {
        "orderNumber": {"type": "string"},
        "country": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "closedDate": {"type": ["string"], "format": "date-time"},
        "customerRef": {
            "type": "object",
            "properties": {"id": {"type": "string"}, "name": {"oneOf": [{"type": "string"}, {"type": "number"}]}},
            "required": ["id", "name"],
        },
        "payments": {"type": "array", "items": {**schemas.ORDERS["properties"]["payments"]["items"], "type": "object"}},
    },
    "a closed object": {"customerRef": {"type": ["object", "null"], "additionalProperties": False}},
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_schema_that_was_edited(shop: Stage, schema: str) -> None:
    first, second, *_ = shop.world.connections()[0].data["commerce-orders"].records.values()
    first.update(orderNumber=None, country=None, closedDate="0001-01-01T00:00:00", customerRef=None, payments=None)
    second.update(customerRef={"id": None, "name": None}, payments=[None])
    catalog = shop.catalog("orders")
    entry_of(catalog, "orders")["schema"]["properties"].update(SCHEMAS[schema])
    entry_of(catalog, "orders")["schema"]["required"] += SCHEMAS[schema]
    run = shop.run(catalog=catalog).ok()
    assert_valid(run)
    wanted = shop.run(catalog=shop.catalog("orders")).ok().records["orders"]
    whole = {"an integer", "nothing but null", "a closed object"}  # these have no place for some of what comes
    for name in SCHEMAS[schema] if schema not in whole else ():
        assert [str(r[name]) for r in run.records["orders"]] == [str(r[name]) for r in wanted]
    assert ("no place for" in run.log) == (schema in whole)


def test_a_schema_without_the_stamp(shop: Stage) -> None:
    catalog = shop.catalog("orders")
    del entry_of(catalog, "orders")["schema"]["properties"]["modifiedDate"]
    run = shop.run(catalog=catalog).ok()
    assert len(run.records["orders"]) == 3
    assert "bookmark_properties" not in run.schemas[0]
    state = run.content[-1]
    assert state == shop.run(catalog=shop.catalog("orders")).ok().content[-1]


@pytest.mark.parametrize("field", ["key_properties", "replication_key", "replication_method", "metadata"])
def test_what_a_catalog_leaves_out_the_tap_knows(shop: Stage, field: str) -> None:
    catalog = {"streams": [entry_of(shop.catalog("orders"), "orders")]}
    del catalog["streams"][0][field]
    run = shop.run(catalog=catalog).ok()
    assert run.schemas[0]["key_properties"] == ["companyId", "connectionId", "id"]
    assert run.schemas[0]["bookmark_properties"] == ["modifiedDate"]
    assert len(run.records["orders"]) == 3


@pytest.mark.parametrize("form", ["messages", "mapped", "flattened", "parquet"])
def test_unknown_fields_are_kept_with_a_catalog_that_was_made_before(shop: Stage, tmp_path: Path, form: str) -> None:
    catalog = shop.catalog("orders")
    order = next(iter(shop.world.connections()[0].data["commerce-orders"].records.values()))
    order.update({"colour": {"name": "olive"}, "a.b": 5})
    forms: dict[str, dict[str, Any]] = {
        "messages": {},
        "mapped": {"stream_maps": {"orders": {"copy": "id"}}},
        "flattened": {"flattening_enabled": True, "flattening_max_depth": 1},
        "parquet": {"batch_config": batches(tmp_path, "parquet")},
    }
    run = shop.run(catalog=catalog, unknown_fields="keep", **forms[form]).ok()
    assert_valid(run)
    wanted: Any = {"colour": {"name": "olive"}, '["a.b"]': 5}
    found = in_files(run, "orders") if form == "parquet" else run.records["orders"]
    (unmapped,) = (r["unmapped"] for r in found if r.get("unmapped"))
    assert (json.loads(unmapped) if form in {"flattened", "parquet"} else unmapped) == wanted


def test_what_is_deselected_leaves_nothing_behind(shop: Stage) -> None:
    """Not even what the schema does not know of it."""
    for order in shop.world.connections()[0].data["commerce-orders"].records.values():
        order.update(customerRef={"id": "7", "colour": "olive"}, country=["olive"])
    catalog = shop.catalog("orders", unknown_fields="keep")
    for field in ("customerRef", "country"):
        breadcrumb = ["properties", field]
        metadata = entry_of(catalog, "orders")["metadata"]
        metadata[:] = [m for m in metadata if m["breadcrumb"][:2] != breadcrumb]
        metadata.append({"breadcrumb": breadcrumb, "metadata": {"selected": False}})
    run = shop.run(catalog=catalog, unknown_fields="keep").ok()
    assert len(run.records["orders"]) == 3
    assert not any("olive" in text or "customerRef" in text for text in run.out.splitlines() if "RECORD" in text)
    assert "no place for" not in run.log


NO_CATALOGS: list[tuple[Any, str]] = [
    ({}, "catalog: streams is missing."),
    ({"streams": {}}, "catalog: streams: must be a list, not an object."),
    ({"streams": ["orders"]}, "catalog: a stream: must be an object, not a text."),
    ({"streams": [{"stream": "orders"}]}, "catalog: a stream: tap_stream_id is missing."),
    (
        {"streams": [{"tap_stream_id": "orders", "stream": ["x"], "schema": {"properties": {}}}]},
        "catalog: orders: stream: must be",
    ),
    ({"streams": [{"tap_stream_id": "orders", "schema": {}}]}, "catalog: orders: schema: properties is missing."),
    (
        {"streams": [{"tap_stream_id": "ordrs", "schema": {"properties": {}}}]},
        "catalog: there is no stream 'ordrs' (did you mean orders?); there are companies, company_info, ",
    ),
]


@pytest.mark.parametrize(("catalog", "line"), NO_CATALOGS, ids=[line for _, line in NO_CATALOGS])
def test_what_is_no_catalog_is_refused(shop: Stage, catalog: Any, line: str) -> None:
    assert_refused(shop, shop.run(catalog=catalog), line, "--discover makes a new catalog.")


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"totalAmount": True}, "schema.properties.totalAmount: is true or false"),
    ({"totalAmount": {"type": "strnig"}}, "schema.properties.totalAmount.type: is not of a form"),
    ({"totalAmount": {"type": 5}}, "schema.properties.totalAmount.type: is not of a form"),
    ({"customerRef": {"$ref": "#/$defs/reference"}}, "schema.properties.customerRef: has $ref"),
    ({"payments": {"items": [{"type": "object"}]}}, "schema.properties.payments.items: must be an object"),
    ({"payments": {"items": {"allOf": [{}]}}}, "schema.properties.payments.items: has allOf"),
    ({"country": {"enum": ["GB"]}}, "schema.properties.country: has enum"),
    ({"country": {"type": "string", "maxLength": 2}}, "schema.properties.country: has maxLength"),
    ({"totalAmount": {"type": "number", "minimum": 0}}, "schema.properties.totalAmount: has minimum"),
    ({"createdDate": {"type": "string", "format": "date"}}, "schema.properties.createdDate: has format date"),
    ({"id": {"type": "integer"}}, "id is a key: it has to be in schema.properties, of the type string"),
    ({"companyId": {}}, "companyId is a key"),
]


@pytest.mark.parametrize(("fields", "line"), BAD_FIELDS, ids=[line for _, line in BAD_FIELDS])
def test_a_schema_that_is_none_is_refused(shop: Stage, fields: dict[str, Any], line: str) -> None:
    catalog = shop.catalog("orders")
    entry_of(catalog, "orders")["schema"]["properties"].update(fields)
    shop.requests()
    assert_refused(shop, shop.run(catalog=catalog), f"catalog: orders: {line}")


def test_another_name_of_a_stream_is_refused(shop: Stage) -> None:
    catalog = shop.catalog("orders")
    entry_of(catalog, "orders")["stream"] = "my_orders"
    shop.requests()
    assert_refused(shop, shop.run(catalog=catalog), "catalog: orders: 'stream' gives it no other name: __alias__ in")


@pytest.mark.parametrize(
    ("maps", "said"),
    [
        ({"orders": {"country": "__NULL__"}}, ["orders"]),
        ({"copy": {"__source__": "orders"}, "orders": {"orderNumber": "__NULL__"}}, ["copy", "orders"]),
        ({"orders": None, "custom*": {"shop": "connectionId"}}, []),
        ({"connections": {"__filter__": "platformName == 'Shopify'"}}, []),
    ],
)
def test_a_stream_map_that_is_not_used_is_said(shop: Stage, maps: dict[str, Any], said: list[str]) -> None:
    run = shop.run(catalog=shop.catalog("customers"), stream_maps=maps).ok()
    words = "stream_maps: {} is not used, as the stream orders is not selected."
    assert [line for line in run.problems if "is not used" in line] == [words.format(name) for name in said]


@pytest.mark.parametrize("how", ["no field", "not selected", "of the catalog"])
def test_a_key_that_is_missing_is_refused(shop: Stage, how: str) -> None:
    catalog = shop.catalog("orders")
    entry = entry_of(catalog, "orders")
    if how == "no field":
        del entry["schema"]["properties"]["id"]
    elif how == "not selected":
        entry["metadata"] = [{"breadcrumb": ["properties", "id"], "metadata": {"selected": False}}]
    else:
        entry["key_properties"] = ["id", "number"]
    line = f"catalog: orders: {'number' if how == 'of the catalog' else 'id'} is a key"
    assert_refused(shop, shop.run(catalog=catalog), line)


@pytest.mark.parametrize("streams", ["none listed", "none selected", "all taken out"])
def test_nothing_selected_is_said(shop: Stage, streams: str) -> None:
    catalog = {"streams": []} if streams == "none listed" else shop.catalog(*["orders"] * (streams == "all taken out"))
    run = shop.run(catalog=catalog, stream_maps={"orders": None}).ok()
    (line,) = run.problems
    assert line.startswith("No stream is selected: nothing was read.")
    assert "`meltano select tap-codat-commerce orders '*'`" in line
    assert shop.requests() == []


@pytest.mark.parametrize("place", ["replication-method", "forced-replication-method", "replication_method"])
def test_full_table_counts_wherever_it_stands(shop: Stage, place: str) -> None:
    catalog = shop.catalog("orders")
    entry = entry_of(catalog, "orders")
    shop.world.stamp(7200)
    state = shop.run(catalog=catalog).ok().state
    shop.world.sync(shop.world.connections()[0].company_id, None, restamp=1)
    shop.world.stamp(7200)
    again = shop.run(catalog=catalog, state=state).ok()
    shop.world.sync(shop.world.connections()[0].company_id, None, restamp=1)
    assert len(shop.run(catalog=catalog, state=again.state).ok().records["orders"]) < 3
    (entry if place == "replication_method" else root_of(entry))[place] = "FULL_TABLE"
    assert len(shop.run(catalog=catalog, state=again.state).ok().records["orders"]) == 3


@pytest.mark.parametrize("given", ["listed", "not listed"])
def test_a_stream_map_of_a_deselected_stream_is_harmless(shop: Stage, given: str) -> None:
    catalog = shop.catalog("orders")
    if given == "not listed":
        catalog["streams"] = [entry_of(catalog, "orders")]
    maps = {"customers": HASHED, "companies": {"__filter__": "False"}}
    assert shop.run(catalog=catalog, stream_maps={"customers": HASHED}).ok().records.keys() == {"orders"}
    assert not shop.run(catalog=catalog, stream_maps=maps).ok().records, "the filter of a deselected parent holds"


TWICE = "2 streams would have the name '{}'; give each one of its own"


@pytest.mark.parametrize(
    ("maps", "line"),
    [
        ({"custmers": HASHED}, "there is no stream 'custmers' (did you mean customers?); there are companies, "),
        ({"copies": {"__source__": "custmers"}}, "there is no stream 'custmers' (did you mean customers?)"),
        (
            {"a": {"__source__": "orders", "__alias__": "b"}},
            "a: beside __source__, the entry's own name is the stream's",
        ),
        ({"orders": {"__alias__": "'customers'"}}, TWICE.format("customers")),
        ({"payment_*": {"__alias__": "payments"}}, TWICE.format("payments")),
        ({"copy": {"__source__": "payment*"}}, TWICE.format("copy")),
        ({"customers": {"__source__": "orders"}}, TWICE.format("customers")),
        ({"zz*": HASHED}, "there is no stream 'zz*'; there are companies, "),
        ({"customers": {"emialAddress": None}}, "customers: there is no field 'emialAddress' to take out (did you"),
        (
            {"c*": {"mail": "md5(emialAddress)"}},
            "c*: mail: there is no field 'emialAddress' to go by (did you mean email",
        ),
        ({"orders": {"id": "md5(record['idd'])"}}, "orders: id: there is no field 'idd' to go by (did you mean id?)"),
        (
            {"c*": {"mail": "md5(emailAddress)"}},
            "c*: mail: there is no field 'emailAddress' to go by in companies, company_info, connections",
        ),
        (
            {"orders": {"__filter__": "md6(id)"}},
            "orders: __filter__: there is no field 'md6' to go by (did you mean md5?)",
        ),
        ({"orders": {"more": "md5(record.idd)"}}, "orders: more: there is no field 'idd' to go by (did you mean id?)"),
        (
            {"orders": {"more": "md5(_.get('idd'))"}},
            "orders: more: there is no field 'idd' to go by (did you mean id?)",
        ),
        ({"orders": {"more": ""}}, "orders: more: '' is no expression: invalid syntax"),
        ({"orders": {"more": "a = 1"}}, "orders: more: 'a = 1' is no expression: "),
        ({"orders": {"__filtr__": "False"}}, "orders: there is no option '__filtr__' (did you mean __filter__?)"),
        (
            {"customers": HASHED, "cust*": {"phone": None}},
            "'customers' and 'cust*' are both of customers; put them into",
        ),
        ({"orders": {"more": "str(self)"}}, "orders: more: there is no field 'self' to go by"),
        (
            {"orders": {"more": "fake.name()"}},
            "orders: more: fake is of the library Faker, which is not there: install",
        ),
    ],
)
def test_a_stream_map_that_is_misspelt_is_refused(shop: Stage, maps: dict[str, Any], line: str) -> None:
    assert_refused(shop, shop.run(stream_maps=maps), f"stream_maps: {line}")


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("1 / 0", "1 / 0 fails: ZeroDivisionError: division by zero"),
        ("int(customerName)", "int(customerName) fails: ValueError"),
        ("id.nothing", "id.nothing fails: AttributeDoesNotExist: Attribute 'nothing' does not exist in expression 'id"),
        ("lambda: 1", "lambda: 1 fails: FeatureNotAvailable: Sorry, Lambda is not available in this evaluator"),
        ("id + 1", 'id + 1 fails: TypeError: can only concatenate str (not "int") to str'),
        (
            "md5(record['emailAddress'])",
            "md5(record['emailAddress']) fails: AttributeError: 'NoneType' object has no attribute 'encode'",
        ),
        ("record.items()", "what it makes of emailAddress is no JSON: TypeError"),
        ("float(1) ** 0.5 * (0 - 1) ** 0.5", "what it makes of emailAddress is no JSON: TypeError"),
    ],
)
@pytest.mark.parametrize("form", ["messages", "flattened", "jsonl"])
def test_an_expression_that_fails_costs_its_data_set(
    stage: Callable[..., Stage], tmp_path: Path, expression: str, reason: str, form: str
) -> None:
    """It is said without the data, and no record goes out as it came."""
    shops = stage(companies=2, connections=1, records=3, extras=False, platforms=(BY_KEY["fztf"],))
    first, second = (c.data["commerce-customers"].records for c in shops.world.connections())
    for number, customer in enumerate(first.values()):
        customer.update(emailAddress=None if number == 1 else "zoe@example.com", customerName="Zoe")
    second.clear()
    forms: dict[str, dict[str, Any]] = {
        "messages": {},
        "flattened": {"flattening_enabled": True, "flattening_max_depth": 1},
        "jsonl": {"batch_config": batches(tmp_path, "jsonl")},
    }
    run = shops.run(stream_maps={"customers": {"emailAddress": expression}}, **forms[form])
    assert run.code == 1
    failed, last = run.problems
    assert re.match(rf"customers of .*{shops.world.connections()[0].company_id}", failed)
    assert failed.split(": ")[2] == f"customers, record {list(first)['md5' in expression]}"
    assert f": {reason}" in failed
    assert failed.endswith(". Mend it; all fields but the keys may be null. The rest is read.")
    assert last.startswith("1 data set failed (see above).")
    assert "Traceback" not in run.log
    assert "Zoe" not in run.log
    assert "zoe@" not in run.out + run.log
    assert len(run.state["bookmarks"]["orders"]["partitions"]) == 2
    assert len(run.state["bookmarks"]["customers"]["partitions"]) == 1, "that of the shop without customers"
    assert len(run.records["reads"]) == 21
    assert re.search(r"read 21 +unchanged 0 +not ready 0 +failed 1\b", run.log)


def test_an_expression_finds_each_field_of_the_schema(stage: Callable[..., Stage]) -> None:
    """What Codat leaves out is null, at every depth, and stays out of the record; so is what is not selected."""
    shops = stage(companies=1, connections=1, records=10, extras=False, platforms=(BY_KEY["fztf"],))
    customers = shops.world.connections()[0].data["commerce-customers"].records
    for number, customer in enumerate(customers.values()):
        customer.update(emailAddress="zoe@example.com", phone="5150", addresses=[{"type": "Billing"}])
        if number % 2:
            del customer["emailAddress"], customer["phone"]
    maps = {
        "emailAddress": "md5(self) if self else None",
        "again": "md5(emailAddress) if emailAddress else None",
        "phones": "record['phone'] or _['phone'] or phone or record.phone",
        "cities": "str([one.city for one in addresses] + [one['city'] for one in addresses])",
    }
    catalog = shops.catalog("customers")
    phone = next(m for m in entry_of(catalog, "customers")["metadata"] if m["breadcrumb"] == ["properties", "phone"])
    phone["metadata"]["selected"] = False
    run = shops.run(stream_maps={"customers": maps, "companies": {"__filter__": "not record.description"}}).ok()
    first, second, *_ = records = run.records["customers"]
    assert len(records) == 10
    assert (first["phones"], second["phones"], second["emailAddress"]) == ("5150", None, None)
    assert first["emailAddress"] == first["again"] == hashlib.md5(b"zoe@example.com").hexdigest()  # noqa: S324
    assert {one["cities"] for one in records} == {"[None, None]"}
    assert ("phone" in first, "phone" in second) == (True, False)
    run = shops.run(catalog=catalog, stream_maps={"customers": maps}).ok()
    assert [one["phones"] for one in run.records["customers"]] == [None] * 10
    assert "5150" not in run.out
    assert run.problems[0] == (
        "stream_maps: customers: expressions find phone null, as it is not selected. To use it and not to write it, "
        "select it, and take it out: phone: __NULL__."
    )


def test_an_expression_with_an_amount_and_a_float_says_what_to_do(shop: Stage) -> None:
    run = shop.run(stream_maps={"orders": {"half": "totalAmount * 0.5"}})
    assert run.code == 1
    assert (
        "TypeError: unsupported operand type(s) for *: 'decimal.Decimal' and 'float'. Mend it; amounts are Decimal: "
        in (run.problems[0])
    )
    assert shop.run(stream_maps={"orders": {"half": "float(totalAmount or 0) * 0.5"}}).ok().records["orders"][0]["half"]


@pytest.mark.parametrize("stream", ["companies", "connections", "data_status", "reads"])
def test_an_expression_that_fails_for_one_row(stage: Callable[..., Stage], stream: str) -> None:
    shops = stage(companies=2, connections=1, records=3, extras=False, platforms=(BY_KEY["fztf"],))
    key = {"companies": "id", "connections": "companyId"}.get(stream, "dataType")
    bad = "commerce-orders" if key == "dataType" else next(iter(shops.world.companies))
    run = shops.run(stream_maps={stream: {"more": f"1 / (0 if {key} == '{bad}' else 1)"}})
    assert run.code == 1
    assert f"stream_maps: {stream}, record " in run.problems[0]
    assert "Traceback" not in run.log
    wanted = shops.run().ok().records
    assert {s: len(r) for s, r in run.records.items()} == {
        s: len(r) - (s == stream) * (2 if key == "dataType" else 1) for s, r in wanted.items()
    }


def test_stream_maps_may_name_many(shop: Stage) -> None:
    run = shop.run(stream_maps={"c*": {"emailAddress": None}, "__else__": None}).ok()
    assert run.records["customers"]
    assert "emailAddress" not in json.dumps(run.records["customers"])


LIST = '"emailAddress": ["zoe@example.com"]'


@pytest.mark.parametrize("expression", ["__NULL__", "sha256(str(emailAddress))"], ids=["taken out", "changed"])
def test_what_a_stream_map_changes_does_not_come_as_an_unknown_field(shop: Stage, expression: str) -> None:
    """A value of another type has no place in its column; nor has it another one, then."""
    shop.gate.faults.append(Fault("spoil", "commerce-customers", find='"emailAddress": "[^"]*"', body=LIST, times=0))
    kept = shop.run(unknown_fields="keep").ok().records["customers"]
    assert [r["unmapped"] for r in kept if r.get("unmapped")] == [{"emailAddress": ["zoe@example.com"]}]
    run = shop.run(unknown_fields="keep", stream_maps={"customers": {"emailAddress": expression}}).ok()
    assert run.records["customers"]
    assert "zoe@" not in run.out


def test_what_a_schema_has_no_more_is_no_unknown_field(shop: Stage) -> None:
    """At any depth."""
    catalog = shop.catalog("customers")
    fields = entry_of(catalog, "customers")["schema"]["properties"]
    del fields["emailAddress"], fields["addresses"]["items"]["properties"]["line1"]
    shop.gate.faults.append(Fault("spoil", "commerce-customers", find='"line1":', body='"colour": "red", "line1":'))
    run = shop.run(catalog=catalog, unknown_fields="keep").ok()
    assert {r.get("emailAddress", "none") for r in run.records["customers"]} == {"none"}
    assert "line1" not in run.out.partition('"RECORD"')[2]
    assert "@" not in run.out.partition('"RECORD"')[2]
    assert [r["unmapped"] for r in run.records["customers"] if r.get("unmapped")] == [{"addresses[0].colour": "red"}]


PHONE = {"breadcrumb": ["properties", "phone"], "metadata": {"selected": False}}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda e: e["metadata"].append(PHONE), "two entries of its metadata are of phone"),
        (lambda e: e.update(selected=False), "'selected' counts in its metadata alone, not in the stream"),
        (
            lambda e: e["schema"]["properties"]["phone"].update(selected=False),
            "'selected' counts in its metadata alone, not in its schema",
        ),
        (
            lambda e: e["metadata"].append({**PHONE, "breadcrumb": ["properties", "phne"]}),
            "no field can be left out at ['properties', 'phne'] (did you mean phone?)",
        ),
        (
            lambda e: e["metadata"].append({**PHONE, "breadcrumb": ["phone"]}),
            "no field can be left out at ['phone'] (did you mean phone?)",
        ),
        (
            lambda e: e["metadata"].append(
                {**PHONE, "breadcrumb": ["properties", "addresses", "items", "properties", "line1"]}
            ),
            "no field can be left out at ['properties', 'addresses', 'items', 'properties', 'line1']",
        ),
    ],
)
def test_what_is_meant_to_leave_something_out_and_does_not_is_refused(
    shop: Stage, change: Callable[[dict[str, Any]], object], line: str
) -> None:
    catalog = shop.catalog("customers")
    shop.requests()
    change(entry_of(catalog, "customers"))
    assert_refused(shop, shop.run(catalog=catalog), f"catalog: customers: {line}")


@pytest.mark.parametrize(
    "maps",
    [
        {"companies": {"__filter__": "tags['region'] == 'uk'"}},
        {"connections": {"__filter__": "connectionInfo['shop'] != 'x'"}},
    ],
)
@pytest.mark.parametrize("selected", [True, False])
def test_a_filter_of_a_parent_that_fails_costs_what_is_below_it(
    stage: Callable[..., Stage], maps: dict[str, Any], *, selected: bool
) -> None:
    shops = stage(companies=2, connections=1, records=3, extras=False, platforms=(BY_KEY["fztf"],))
    first, second = shops.world.companies.values()
    first.tags, second.tags = {}, {"region": "uk"}
    shops.gate.faults.append(
        Fault("spoil", "/companies$", find='"connectionInfo": {[^}]*}', body='"connectionInfo": null', times=0)
    )
    catalog = shops.catalog("orders", *(list(maps) if selected else []))
    run = shops.run(catalog=catalog, stream_maps=maps)
    assert run.code == 1
    assert len(run.records["orders"]) == 3
    assert sum("stream_maps: " in line and " fails: " in line for line in run.problems) == 1
    assert "defect" not in run.log
