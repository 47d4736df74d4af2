"""Records that fit their schema, and those that do not, are made by one type, which learns; nothing else shows."""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import DATA_SETS
from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.codat.nesting import MOST_LEVELS
from tap_codat_commerce.records import dates as our_dates
from tap_codat_commerce.records import record_types, schemas
from tap_codat_commerce.records.record_pages import AT_ONCE, MOST_LEARNED, RecordMaker
from tap_codat_commerce.records.record_types import MOST_AROUND
from tap_codat_commerce.records.shaping import RecordShaper, StrayFieldCounter, Tree

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        fit = {"number": numbers, "integer": numbers, "boolean": st.booleans()}[kind]
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


class CountingShaper(RecordShaper):
    """Counts the records that it is given: those that no type took."""

    shaped = 0

    def __call__(self, record: dict[str, Any], ids: Mapping[str, str] | None = None) -> dict[str, Any]:
        self.shaped += 1
        return super().__call__(record, ids)


def shaper_of(name: str, left_out: Tree | None = None, *, keep: bool = False) -> CountingShaper:
    schema = getattr(schemas, name.upper())
    return CountingShaper(name, schema, StrayFieldCounter(), left_out=left_out or {}, keep=keep)


def maker_of(name: str, left_out: Tree | None = None, *, keep: bool = False) -> tuple[RecordMaker, CountingShaper]:
    shaper = shaper_of(name, left_out, keep=keep)
    return RecordMaker(getattr(schemas, name.upper()), shaper), shaper


def read(text: bytes | bytearray) -> Any:
    """Return JSON with numbers as the text that they came as."""
    return json.loads(text, parse_float=str, parse_int=str)


def made(maker: RecordMaker, *records: str) -> list[dict[str, Any]]:
    """Return the records of a page, without the ids of company and connection."""
    page = maker.page([msgspec.Raw(record.encode()) for record in records], CONTEXT)
    found = [read(line) for line in page.content.splitlines()]
    assert len(found) == len(records)
    return [{k: v for k, v in record.items() if k not in CONTEXT} for record in found]


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(sorted(DATA_SETS)),
    keep=st.booleans(),
    blank=st.sampled_from(["", " ", "\n", "\r", "\t"]),
    data=st.data(),
)
@pytest.mark.slow
def test_what_is_learned_changes_no_record(name: str, keep: bool, blank: str, data: st.DataObject) -> None:  # noqa: FBT001
    properties = {n: s for n, s in getattr(schemas, name.upper())["properties"].items() if n not in CONTEXT}
    records = data.draw(st.lists(members(properties), max_size=3))
    results = [msgspec.Raw(written({**record, "id": f"r{n}"}, blank).encode()) for n, record in enumerate(records)]
    alone = shaper_of(name, keep=keep)
    wanted = [alone(lossless_json.decode_object(raw)) for raw in results]
    stamps = [our_dates.stamp(text) if isinstance(text, str) else None for text in map(stamp_of, results)]
    maker, shaper = maker_of(name, keep=keep)
    for _ in range(2):
        shaper._counter.counts.clear()  # noqa: SLF001 - of this round alone
        page = maker.page(results, CONTEXT)
        assert [read(line) for line in page.content.splitlines()] == [
            read(lossless_json.encode({**record, **CONTEXT})) for record in wanted
        ]
        assert page.ids == [record.get("id") for record in wanted]
        assert page.latest == max(filter(None, stamps), default=None)
        assert page.unstamped == (None in stamps)
        assert shaper._counter.counts == alone._counter.counts  # noqa: SLF001


def stamp_of(raw: msgspec.Raw) -> Any:
    return lossless_json.decode_object(raw).get("modifiedDate")


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("orders", '"totalAmount":12.50'),
        ("orders", '"closedDate" : "2021-05-04"'),
        ("orders", '"closedDate":"soon"'),
        ("orders", '"country":"Date\\":\\"2021-05-04"'),
        ("orders", '\n"country":"GB"'),
        ("orders", '"supplementalData":{"content":{"a":{"b":[1, {}],"dueDate":"2021-05-04"}}}'),
        ("products", '"supplementalData":{"content":["a"]}'),
        ("orders", '"totalAmount":"12.50"'),
        ("orders", '"totalAmount":1e400'),
        ("orders", '"orderNumber":12'),
        ("orders", '"closedDate":5'),
        ("orders", '"payments":"none"'),
        ("orders", '"payments":["none"]'),
        ("orders", '"payments":[{"amount":true},{"amount":null}]'),
        ("orders", '"orderLineItems":[{"taxes":[{"colour":"red"}]}]'),
        ("orders", '"loyalty":{"points":1.50}'),
        ("orders", '"a.b":1,"c d":2,"class":3'),
        ("orders", '"unmapped":{"a":1}'),
        ("orders", '"companyId":7'),
        ("orders", '"companyId":"theirs","connectionId":{"a":1}'),
        ("orders", '"companyId":"c0","connectionId":null'),
        ("orders", '"companyId":"c0","colour":1'),
        ("orders", '"orderLineItems[0].colour":1,"orderLineItems":[{"colour":2}],"customerRef":{"":3,"id":[4]}'),
        ("orders", '"customerRef.id":1,"customerRef":{"id":[2],"a[0]":3}'),
        ("orders", '"totalAmount":-0,"supplementalData":{"content":{"a":[-0,-0.0]}}'),
        ("orders", '"totalAmount":1e99999999999999999999,"colour":[1e99999999999999999999]'),
        ("orders", '"supplementalData":{"content":{"a":1e99999999999999999999,"b.c":{"d":[1e99999999999999999999]}}}'),
    ],
)
@pytest.mark.parametrize("keep", [False, True])
def test_a_field_is_learned(name: str, fields: str, keep: bool) -> None:  # noqa: FBT001
    maker, shaper = maker_of(name, keep=keep)
    record = f'{{"id":"1",{fields}}}'
    wanted = shaper_of(name, keep=keep)(lossless_json.decode_object(record.encode()), CONTEXT)
    wanted = {k: v for k, v in wanted.items() if k not in CONTEXT}
    assert made(maker, *[record] * 20) == [read(lossless_json.encode(wanted))] * 20
    assert shaper.shaped == 0


def test_numbers_as_ids_are_learned() -> None:
    maker, shaper = maker_of("orders")
    page = maker.page([msgspec.Raw(b'{"id":%d}' % n) for n in range(10)], CONTEXT)
    assert page.ids == [str(n) for n in range(10)]
    assert shaper.shaped == 0


def test_fields_of_ever_new_names_are_counted_and_not_all_learned() -> None:
    maker, shaper = maker_of("orders", keep=True)
    records = [f'{{"id":"{n}","colour {n}":{n}}}' for n in range(2 * MOST_LEARNED)]
    wanted = [{"id": str(n), "unmapped": {f"colour {n}": str(n)}} for n in range(2 * MOST_LEARNED)]
    assert made(maker, *records) == wanted
    assert len(shaper._counter.counts) == 2 * MOST_LEARNED  # noqa: SLF001
    assert shaper.shaped == MOST_LEARNED + 1, "it knows `unmapped` from the start"


WHOLE = {"type": ["integer", "null"]}

KINDS: dict[str, dict[str, Any]] = {
    "text": {"type": ["string", "null"]},
    "date": {"type": ["string", "null"], "format": "date-time"},
    "another format": {"type": "string", "format": "uuid"},
    "number": {"type": ["number", "null"]},
    "whole": WHOLE,
    "flag": {"type": ["boolean", "null"]},
    "nothing": {"type": "null"},
    "anything": {},
    "wholes": {"type": ["array", "null"], "items": WHOLE},
    "rows": {"type": "array", "items": {"type": "object", "properties": {"n": WHOLE}}},
    "a list of anything": {"type": "array"},
    "object": {"properties": {"n": WHOLE}},
    "closed object": {"type": "object", "properties": {"n": WHOLE}, "additionalProperties": False},
    "object without fields": {"type": "object", "additionalProperties": False},
    "object of any names": {"type": "object"},
    "wholes by name": {"type": "object", "additionalProperties": WHOLE},
    "texts by name": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
    "one choice": {"anyOf": [{"type": "null"}, WHOLE]},
}
"""What a catalog may say of a field, where all values can be decoded by one type."""
NO_FAST_WAY: dict[str, dict[str, Any]] = {
    "several types": {"type": ["string", "number"]},
    "a choice": {"anyOf": [WHOLE, {"type": "string"}]},
    "object of known and other names": {"type": "object", "properties": {"n": WHOLE}, "additionalProperties": True},
}
numbers_of_all_kinds = st.one_of(
    st.integers().map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(
        ["5.0", "1e3", "12345678901234567890", "9007199254740993.0", "-0", "-0.0", "1e400", "0.5e1", "5.5"]
    ),
    st.sampled_from(
        ["1e1001", "1e99999999999999999999", "9" * 5000, '"7"', '"7.0"', '"x"', "true", "null", "[]", "{}"]
    ),
)


def record_schema(fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"id": {"type": "string"}, **fields}}


def assert_alike(schema: dict[str, Any], record: str) -> None:
    """Check that a record is made as its shaper shapes it, at once and after all was learned."""
    for keep in (False, True):
        alone, beside = (CountingShaper("x", schema, StrayFieldCounter(), left_out={}, keep=keep) for _ in range(2))
        wanted = read(lossless_json.encode(alone(lossless_json.decode_object(record.encode()))))
        assert made(RecordMaker(schema, beside), record, record) == [wanted] * 2
        assert beside._counter.counts == {path: 2 * n for path, n in alone._counter.counts.items()}  # noqa: SLF001


@settings(max_examples=300, deadline=None)
@given(st.lists(numbers_of_all_kinds, min_size=1, max_size=3))
def test_whole_numbers(values: list[str]) -> None:
    one, several = values[0], ",".join(values)
    by_name = ",".join(f'"k{n}":{value}' for n, value in enumerate(values))
    fields = {n: KINDS[n] for n in ("whole", "wholes", "rows", "object", "wholes by name")}
    assert_alike(
        record_schema(fields),
        f'{{"id":"1","whole":{one},"wholes":[{several}],"rows":[{{"n":{one}}}],"object":{{"n":{one}}},'
        f'"wholes by name":{{{by_name}}}}}',
    )


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([*KINDS, *NO_FAST_WAY]),
    st.recursive(
        numbers_of_all_kinds,
        lambda inner: (
            st.lists(inner, max_size=2).map(lambda some: f"[{','.join(some)}]")
            | inner.map(lambda one: f'{{"n":{one},"a.b":{one}}}')
        ),
        max_leaves=3,
    ),
)
def test_values_of_any_kind(kind: str, value: str) -> None:
    assert_alike(record_schema({kind: {**KINDS, **NO_FAST_WAY}[kind]}), f'{{"id":"1","{kind}":{value}}}')


@pytest.mark.parametrize("name", [*KINDS, *NO_FAST_WAY, *DATA_SETS])
def test_what_cannot_be_decoded_by_one_type_is_known(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    slow: list[Any] = []
    monkeypatch.setattr(record_types, "_by_schema", lambda schema, _: slow.append(schema))
    schema = record_schema({name: {**KINDS, **NO_FAST_WAY}[name]}) if name not in DATA_SETS else None
    schema = schema or schemas.with_unmapped(getattr(schemas, name.upper()))
    RecordMaker(schema, CountingShaper("x", schema, StrayFieldCounter(), left_out={}, keep=True))
    assert slow == ([NO_FAST_WAY[name]] if name in NO_FAST_WAY else [])


@pytest.mark.parametrize("name", ['\\"', "\\\\", "\\n", "a b", "class", "__slots__", ""])
def test_names_of_all_kinds(name: str) -> None:
    maker, shaper = maker_of("orders", keep=True)
    path = json.loads(f'"{name}"') or '[""]'
    assert made(maker, f'{{"id":"1","{name}":0}}') == [{"id": "1", "unmapped": {path: "0"}}]
    schema = {
        **schemas.ORDERS,
        "properties": {**schemas.ORDERS["properties"], json.loads(f'"{name}"'): {"type": "number"}},
    }
    shaper = CountingShaper("orders", schema, StrayFieldCounter(), left_out={}, keep=True)
    assert made(RecordMaker(schema, shaper), f'{{"id":"1","{name}":0}}') == [{"id": "1", json.loads(f'"{name}"'): "0"}]


@pytest.mark.parametrize("colour", ['"red"', "null", '{"b": "red"}'])
def test_what_is_left_out_is_not_looked_at(colour: str) -> None:
    left_out: Tree = {"country": {}, "customerRef": {"name": {}}, "locationRef": {}, "modifiedDate": {}, "colour": {}}
    maker, shaper = maker_of("orders", left_out, keep=True)
    record = (
        f'{{"id":"1","country":{{"a":1}},"colour":{colour},"modifiedDate":"2021-05-04T15:28:09.2805505Z",'
        f'"customerRef":{{"id":"7","name":"Zoë"}},"locationRef":{{"id":"8","colour":{colour}}}}}'
    )
    wanted = {"id": "1", "customerRef": {"id": "7"}}
    assert made(maker, record, record.replace('"id":"7"', '"id":7,"colour":0'), record) == [
        wanted,
        {**wanted, "unmapped": {"customerRef.colour": "0"}},
        wanted,
    ]
    assert shaper.shaped == 0
    assert maker.page([msgspec.Raw(record.encode())], CONTEXT).latest == "2021-05-04T15:28:09.2805505Z"


@pytest.mark.parametrize("field", ["supplementalData", "loyalty", "country"])
@pytest.mark.parametrize("keep", [False, True])
def test_a_long_text_takes_little_memory(field: str, keep: bool) -> None:  # noqa: FBT001
    text = b'"%b"' % (b"x" * 10_000_000)
    value = b'{"content":{"a":%b}}' % text if field == "supplementalData" else text
    maker, _ = maker_of("orders", keep=keep)
    result = msgspec.Raw(b'{"id":"1","%b":%b}' % (field.encode(), value))
    tracemalloc.start()
    maker.page([result], CONTEXT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(text)


def test_a_result_that_is_no_record_costs_no_other() -> None:
    maker, _ = maker_of("orders")
    results = [b'{"id":"1"}', b"null", b"[]", b'"a"', b"{}", b'{"id":null}', b'{"id":"2"}']
    page = maker.page([msgspec.Raw(raw) for raw in results], CONTEXT)
    assert page.ids == ["1", "2"]
    assert len(page.content.splitlines()) == 2
    assert [text[:8] for text in page.unreadable] == [f"entry {n}:" for n in (2, 3, 4, 5, 6)]


@pytest.mark.parametrize("field", ["unknown", "currency", "supplementalData", "orderLineItems"])
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("learned", [0, MOST_LEARNED])
def test_how_deep_a_record_may_be_depends_on_nothing_else(field: str, keep: bool, learned: int) -> None:  # noqa: FBT001
    maker, _ = maker_of("orders", keep=keep)
    maker.page([msgspec.Raw(b'{"id":"%d","u%d":1}' % (n, n)) for n in range(learned)], CONTEXT)
    around = {"supplementalData": ('{"content":{"a":', "}}"), "orderLineItems": ('[{"a":', "}]")}.get(field, ("", ""))
    for levels in (MOST_LEVELS - MOST_AROUND - 1, MOST_LEVELS - 1, MOST_LEVELS, MOST_LEVELS + 1, 960, 980):
        inner = levels - 1 - 2 * bool(around[0])
        value = around[0] + "[" * inner + "]" * inner + around[1]
        page = maker.page([msgspec.Raw(f'{{"id":"1","{field}":{value}}}'.encode())], CONTEXT)
        assert page.ids == ["1"] * (levels < MOST_LEVELS)
        assert [text.rpartition(": ")[2] for text in page.unreadable] == ["it is nested too deeply"] * (not page.ids)
        assert not page.content or lossless_json.decode_object(page.content)["id"] == "1"


@pytest.mark.parametrize("given", ['"x"', "17", "null", "{}"])
def test_a_field_that_is_unknown_is_no_id(given: str) -> None:
    maker, _ = maker_of("company_info")
    for fields in (f'"id":{given},', ""):
        page = maker.page([msgspec.Raw(f'{{{fields}"companyName":"A"}}'.encode())], CONTEXT)
        assert (page.ids, page.unreadable) == ([None], [])


def test_ids_and_names_are_shown_as_somebody_elses_words() -> None:
    maker, shaper = maker_of("orders")
    link = "https://link.example/company/1?otp=5544"
    page = maker.page([msgspec.Raw(b'{"id":"%b","a":%b}' % (link.encode(), b"[" * 300 + b"]" * 300))], CONTEXT)
    assert page.unreadable == ["entry 1: it is nested too deeply"]
    maker.page([msgspec.Raw(b'{"id":"1","%b":1}' % link.encode())], CONTEXT)
    assert shaper._counter.summary(kept=False) == "(link) (1)"  # noqa: SLF001


@pytest.mark.parametrize("place", [0, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE])
@pytest.mark.parametrize(
    "odd", [b"null", b'{"id":"%d","a":1e5000}', b'{"id":"%d","a":' + b"[" * 300 + b"]" * 300 + b"}"]
)
def test_an_odd_result_changes_no_other_that_is_made_with_it(place: int, odd: bytes) -> None:
    results = [b'{"id":"%d","unknown":%d}' % (n, n) for n in range(2 * AT_ONCE + 1)]
    results[place] = odd % place if b"%d" in odd else odd
    maker, shaper = maker_of("orders", keep=True)
    page = maker.page([msgspec.Raw(raw) for raw in results], CONTEXT)
    lines = {record["id"]: record["unmapped"] for record in map(read, page.content.splitlines())}
    assert list(lines) == page.ids
    others = {str(n): {"unknown": str(n)} for n in range(len(results)) if n != place}
    assert {i: unmapped for i, unmapped in lines.items() if i != str(place)} == others
    assert [text.partition(":")[0].split()[1] for text in page.unreadable] == [str(place + 1)] * (
        str(place) not in lines
    )
    assert shaper._counter.counts["orders", "unknown"] == len(others)  # noqa: SLF001


@pytest.mark.parametrize(("item", "times"), [(b"1", 20), (b'{"x":1}', 30)])
@pytest.mark.slow
def test_items_without_a_place_take_little_memory(item: bytes, times: int) -> None:
    items = b",".join([item] * (2_000_000 // len(item)))
    maker, shaper = maker_of("orders")
    result = msgspec.Raw(b'{"id":"1","orderLineItems":[%b,{"y":1}]}' % items)
    tracemalloc.start()
    maker.page([result], CONTEXT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < times * len(items)
    assert {path for _, path in shaper._counter.counts} == {  # noqa: SLF001
        "orderLineItems[]" + (".x" if b"x" in item else ""),
        "orderLineItems[].y",
    }
