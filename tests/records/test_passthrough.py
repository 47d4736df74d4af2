"""Records that are passed on as they came are the same, message by message, as those that go the SDK's own way."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import API_KEY, DATA_SETS
from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.records import record_pages, schemas
from tap_codat_commerce.tap import TapCodatCommerce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_codat_commerce.singer.data_set_stream import DataSetStream

CONTEXT = {"companyId": "c0", "connectionId": "c1"}
DATES = [
    "2020-10-08T22:40:50Z",
    "2021-01-01T00:00:00",
    "2021-05-04T15:28:09.2805505Z",
    "2021-05-04T15:28:09.28",
    "2021-05-04T23:28:09.5-05:30",
    "2021-05-04",
    "0001-01-01T00:00:00",
    "",
    "no date",
    "2021-13-45T00:00:00Z",
    "2021-05-04T15:28:09\\u005a",
]


class Text(str):
    """A piece of JSON that is written as it is."""

    __slots__ = ()


numbers = st.sampled_from(
    [Text(t) for t in ("0", "-1", "12", "0.90", "-4.05", "5e-07", "1E5", "1e400", "12345678901234567890.0123456789")]
)
dates = st.sampled_from(DATES)
texts = st.one_of(st.text(max_size=8), st.sampled_from(['Date":"2020-01-01', "a\nb", "ü\u2028", "}", '"']))
odd = st.one_of(
    st.none(), st.booleans(), numbers, texts, st.just("12.50"), st.just([]), st.just({}), st.just({"createdDate": "x"})
)
free = st.dictionaries(st.sampled_from(["a", "shipDate", "Date", "b}"]), st.one_of(dates, texts), max_size=2)


def of(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that mostly fit a schema."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = next(k for k in kinds if k != "null")
    if kind == "object" and schema.get("additionalProperties"):
        fit: st.SearchStrategy[Any] = free
    elif kind == "object":
        fit = members(schema["properties"])
    elif kind == "array":
        fit = st.lists(of(schema["items"]), max_size=2)
    elif kind == "string":
        fit = dates if schema.get("format") == "date-time" else texts
    else:
        fit = {"number": numbers, "boolean": st.booleans()}[kind]
    return st.integers(0, 30).flatmap(lambda n: odd if n == 0 else st.none() if n == 1 else fit)


def members(properties: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with some of the properties, in any order, and seldom one that is unknown."""
    names = st.lists(st.sampled_from(sorted(properties)), unique=True, max_size=6)
    known = names.flatmap(lambda some: st.fixed_dictionaries({n: of(properties[n]) for n in some}))
    return st.builds(lambda k, u: {**k, **u}, known, st.sampled_from([{}] * 8 + [{"colour": "red"}, {"shipDate": ""}]))


def written(value: Any, blank: str) -> str:
    """Return JSON, with blanks (or line ends) wherever there may be some."""
    if isinstance(value, Text):
        return str(value)
    if isinstance(value, dict):
        inner = f",{blank}".join(f'"{k}"{blank}:{blank}{written(v, blank)}' for k, v in value.items())
        return f"{{{blank}{inner}}}"
    if isinstance(value, list):
        return "[" + f",{blank}".join(written(v, blank) for v in value) + "]"
    text = json.dumps(value, ensure_ascii=len(blank) > 0)
    return text.replace("\\\\u005a", "\\u005a")


@lru_cache
def streams(unknown_fields: str) -> dict[str, DataSetStream]:
    """Return the streams of a tap that is not run."""
    tap = TapCodatCommerce(config={"api_key": API_KEY, "unknown_fields": unknown_fields})
    return {name: tap.streams[name] for name in DATA_SETS}  # type: ignore[misc]


def by_the_sdk(stream: DataSetStream, results: list[msgspec.Raw]) -> Iterator[Any]:
    """Yield the messages that the SDK makes."""
    for record in record_pages.PageAsRecords(stream.shaper, CONTEXT)(results).content:
        for message in stream._generate_record_messages(record):  # noqa: SLF001 - that is what is compared with
            yield json.loads(lossless_json.encode(message.to_dict()), parse_float=str, parse_int=str)


def without_time(message: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in message.items() if k != "time_extracted"}


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(sorted(DATA_SETS)),
    unknown_fields=st.sampled_from(["drop", "keep"]),
    blank=st.sampled_from(["", " ", "\n", "\r", "\t"]),
    data=st.data(),
)
def test_both_ways_lead_to_the_same_messages(name: str, unknown_fields: str, blank: str, data: st.DataObject) -> None:
    stream = streams(unknown_fields)[name]
    properties = {n: s for n, s in stream.fields["properties"].items() if n not in CONTEXT}
    records = data.draw(st.lists(members(properties), max_size=3))
    results = [msgspec.Raw(written({"id": f"r{n}", **record}, blank).encode()) for n, record in enumerate(records)]

    stream.tap.run.stray_fields.counts.clear()
    quick = stream.page_of(CONTEXT)
    assert isinstance(quick, record_pages.PageAsMessages)
    found = quick(results)
    lines = bytes(found.content).splitlines()
    counted = dict(stream.tap.run.stray_fields.counts)

    stream.tap.run.stray_fields.counts.clear()
    wanted = list(by_the_sdk(stream, results))
    assert [without_time(json.loads(line, parse_float=str, parse_int=str)) for line in lines] == list(
        map(without_time, wanted)
    )
    assert dict(stream.tap.run.stray_fields.counts) == counted, "and the same fields are reported as unknown"
    slow = record_pages.PageAsRecords(stream.shaper, CONTEXT)(results)
    assert (found.ids, found.latest, found.unstamped) == (slow.ids, slow.latest, slow.unstamped)


def test_every_data_set_with_ids_has_its_quick_way() -> None:
    record = b'{"id":"1","modifiedDate":"2021-05-04T15:28:09.2805505Z","sourceModifiedDate":null}'
    for stream in streams("drop").values():
        if "id" in stream.primary_keys and "sourceModifiedDate" in stream.fields["properties"]:
            assert stream.passthrough
            passed = stream.passthrough(msgspec.Raw(record))
            assert passed, stream.name
            assert passed[0] == record.replace(b"2805505", b"280550")


@pytest.mark.parametrize(
    ("name", "fields", "passed"),
    [
        ("products", '"supplementalData":{"content":{"a":1,"b":"}"}}', True),
        ("products", '"supplementalData":{"content":{"a":"}","shipDate":"2021-05-04"}}', False),
        ("products", '"supplementalData":{"content":["a"]}', False),
        ("orders", '"supplementalData":{"content":{"dueDate":"2021-05-04"}}', False),
        ("orders", '"supplementalData":{"content":{"a":{"b":"2021","dueDate":"2021-05-04"}}}', False),
        ("orders", '"totalAmount":12.50', True),
        ("orders", '"totalAmount":"12.50"', False),
        ("orders", '"orderNumber":12', False),
        ("orders", '"closedDate" : "2021-05-04"', True),
        ("orders", '"closedDate":"soon"', False),
        ("orders", '"payments":[{"colour":"red"}]', False),
        ("orders", '"country":"Date\\":\\"2021-05-04"', True),
        ("orders", '"companyId":"other"', False),
        ("orders", '\n"country":"GB"', False),
    ],
)
def test_what_is_passed_on(name: str, fields: str, passed: bool) -> None:  # noqa: FBT001
    stream = streams("drop")[name]
    results = [msgspec.Raw(f'{{"id":"1",{fields}}}'.encode())]
    assert stream.passthrough
    assert (stream.passthrough(results[0]) is not None) is passed
    lines = record_pages.PageAsMessages(stream.name, stream.shaper, stream.passthrough, CONTEXT)(
        results
    ).content.splitlines()
    found = [without_time(json.loads(line, parse_float=str, parse_int=str)) for line in lines]
    assert found == list(map(without_time, by_the_sdk(stream, results)))


@pytest.mark.parametrize("name", sorted(DATA_SETS))
def test_dates_are_told_by_their_names(name: str) -> None:
    """What the quick way relies on: all dates, and nothing else, have names that end so."""

    def walk(fields: dict[str, Any]) -> Iterator[tuple[str, bool]]:
        for field, schema in fields.items():
            inner = schema.get("items", schema)
            yield field, inner.get("format") == "date-time"
            yield from walk(inner.get("properties", {}))

    fields: dict[str, Any] = getattr(schemas, name.upper())["properties"]
    assert all(field.endswith("Date") == is_date for field, is_date in walk(fields))
