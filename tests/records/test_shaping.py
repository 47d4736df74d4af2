"""Whatever comes, a record leaves in the form of its schema, and nothing is lost unseen. Over random records."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.records import dates, schemas
from tap_codat_commerce.records.shaping import RecordShaper, StrayFieldCounter, Strays, compile_schema, segment
from tap_codat_commerce.sync.distinct_ids import DistinctIds

SCHEMAS = {
    name.lower(): value
    for name, value in vars(schemas).items()
    if name.isupper() and isinstance(value, dict) and "properties" in value
}
FROM = datetime(1000, 1, 1)  # noqa: DTZ001 - zones are added as text
TEXTS = st.text(max_size=8)
DATES = st.one_of(
    st.datetimes(min_value=FROM).map(lambda d: d.isoformat()),
    st.datetimes(min_value=FROM).map(lambda d: d.isoformat() + "Z"),
    st.datetimes(min_value=FROM).map(lambda d: d.isoformat() + "+05:45"),
    st.datetimes(min_value=FROM).map(lambda d: d.strftime("%Y-%m-%dT%H:%M:%S.1234567Z")),
    st.sampled_from(["", "0001-01-01T00:00:00", "9999-12-31T23:59:59-12:00"]),
)
NUMBERS = st.one_of(st.integers(), st.decimals(allow_nan=False, allow_infinity=False), st.sampled_from(["0.2", "x"]))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that mostly fit a schema, with unknown fields and values of other types among them."""
    kind = next(k for k in schema["type"] if k != "null") if isinstance(schema["type"], list) else schema["type"]
    fitting: st.SearchStrategy[Any]
    if kind == "object" and "additionalProperties" not in schema:
        known = {name: values(field) for name, field in schema["properties"].items()}
        fitting = st.builds(
            lambda fields, others: {**others, **fields},
            st.fixed_dictionaries({}, optional=known),
            st.dictionaries(TEXTS, ANYTHING, max_size=1),
        )
    elif kind == "object":
        fitting = st.dictionaries(TEXTS, ANYTHING, max_size=2)
    elif kind == "array":
        fitting = st.lists(values(schema["items"]), max_size=2)
    else:
        dated = schema.get("format") == "date-time"
        fitting = (
            DATES if dated else {"string": TEXTS, "number": NUMBERS, "integer": NUMBERS, "boolean": st.booleans()}[kind]
        )
    return st.one_of(fitting, fitting, fitting, st.none(), ANYTHING)


def strays_of(schema: dict[str, Any], record: dict[str, Any]) -> Strays:
    """Return the strays of a record, two of one path included."""
    found = Strays(keep=True)
    compile_schema(schema)(record, found)
    return found


@pytest.mark.parametrize("name", ["orders", "products", "company_info", "companies", "connections", "transactions"])
@given(data=st.data())
@pytest.mark.slow
def test_every_record_leaves_in_the_form_of_its_schema(name: str, data: st.DataObject) -> None:
    schema = SCHEMAS[name]
    record = data.draw(values(schema).filter(lambda v: isinstance(v, dict)))
    record |= dict.fromkeys(schema["required"], "key")
    reporter = StrayFieldCounter()
    came = lossless_json.decode(lossless_json.encode(record))
    shape = RecordShaper(name, schema, reporter, left_out={}, keep=True)
    shaped = shape(lossless_json.decode(lossless_json.encode(record)))

    unmapped = shaped.pop("unmapped", {})
    Draft7Validator(schema, format_checker=FormatChecker()).validate(json.loads(lossless_json.encode(shaped)))
    assert shaped.keys() <= schema["properties"].keys()
    assert {segment(name) for name in came.keys() - shaped.keys()} <= unmapped.keys()
    assert len(unmapped) == len(strays_of(schema, came))
    assert bool(reporter.counts) == bool(unmapped)
    assert reporter.summary(kept=True).count(" (1)") == len(reporter.counts)


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_every_number_keeps_its_spelling(text: str) -> None:
    assert lossless_json.encode(lossless_json.decode(f'{{"n":{text}}}'.encode())) == f'{{"n":{text}}}'.encode()
    if any(c in text for c in ".eE"):
        assert lossless_json.number(text) == Decimal(text)


@given(DATES, DATES)
def test_dates_have_one_form_and_bookmarks_compare_as_text(one: str, other: str) -> None:
    try:
        first, second = dates.utc(one), dates.utc(other)
    except ValueError:
        assert one.startswith("9999") or other.startswith("9999") or "+05:45" in one + other
        return
    if first is None or second is None:
        return
    assert dates.utc(first) == first
    stamps = dates.stamp(one), dates.stamp(other)
    assert stamps[0] is not None
    assert stamps[1] is not None
    assert len(stamps[0]) == len(stamps[1])
    if datetime.fromisoformat(first) != datetime.fromisoformat(second):
        assert (stamps[0] < stamps[1]) == (datetime.fromisoformat(first) < datetime.fromisoformat(second))
    assert dates.stamp(stamps[0]) == stamps[0]


@given(st.lists(st.text(max_size=3), max_size=300))
def test_ids_are_counted(ids: list[str]) -> None:
    distinct = DistinctIds()
    for first in range(0, len(ids), 7):
        distinct.add(ids[first : first + 7])
    assert distinct.count() == len(set(ids))


@pytest.mark.parametrize(
    "given_", ["1\N{ARABIC-INDIC DIGIT ONE}", "1.\N{DEVANAGARI DIGIT TWO}", "1e9999999999999999999999"]
)
def test_a_text_is_no_number_by_digits_that_json_has_not(given_: str) -> None:
    counter = StrayFieldCounter()
    shaper = RecordShaper("orders", schemas.ORDERS, counter, left_out={}, keep=False)
    assert shaper({"id": "1", "totalAmount": given_}) == {"id": "1", "totalAmount": None}
    assert counter.summary(kept=False) == "orders.totalAmount (1)"
