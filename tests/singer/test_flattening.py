"""Flattening by a plan makes the same columns as the SDK, but for null objects, whose columns the SDK leaves out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_sdk.helpers._flattening import FlatteningOptions, flatten_record

from conftest import DATA_SETS
from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.records import schemas
from tap_codat_commerce.singer.errors import SettingsError
from tap_codat_commerce.singer.flattening import Flattener

FREE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
COMPANIES = ("companies", "connections")


def of(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that fit a schema, and are no null objects."""
    kind = next(k for k in schema["type"] if k != "null") if isinstance(schema["type"], list) else schema["type"]
    if kind == "object" and "properties" not in schema:
        return st.dictionaries(st.text(max_size=3), FREE, max_size=2)
    if kind == "object":
        optional = {name: of(field) for name, field in schema["properties"].items()}
        return st.fixed_dictionaries({}, optional=optional).filter(bool)
    if kind == "array":
        return st.lists(of(schema["items"]), max_size=2)
    return {"string": st.text(max_size=5), "boolean": st.booleans()}.get(kind, st.integers()) | st.none()


def flattener(schema: dict[str, Any], options: FlatteningOptions) -> tuple[Flattener, dict[str, Any]]:
    found = Flattener("a stream", schema, options)
    return found, found.schema


def opened(texts: dict[str, str]) -> dict[str, Any]:
    """Return texts as what they stand for: the SDK escapes all letters but those of ASCII."""
    return {name: json.loads(text) for name, text in texts.items()}


@pytest.mark.parametrize("name", [*DATA_SETS, *COMPANIES])
@settings(max_examples=30)
@given(
    data=st.data(), depth=st.integers(1, 4), separator=st.sampled_from(["__", "."]), length=st.sampled_from([20, 255])
)
def test_columns_are_those_of_the_sdk(name: str, data: st.DataObject, depth: int, separator: str, length: int) -> None:
    schema = getattr(schemas, name.upper())
    options = FlatteningOptions(enabled=True, max_level=depth, separator=separator, max_key_length=length)
    try:
        flatten, flat = flattener(schema, options)
    except SettingsError:  # two columns of one name, as names are cut
        return
    record = data.draw(of(schema))
    wanted = flatten_record(record, flat, depth, separator, max_key_length=length)
    found = json.loads(flatten(lossless_json.encode(record)))
    texts = {k for k, v in wanted.items() if isinstance(v, str) and v != found[k]}
    assert opened({k: found[k] for k in texts}) == opened({k: wanted[k] for k in texts})
    assert {**found, **{k: wanted[k] for k in texts}} == wanted


def test_null_objects_have_null_columns() -> None:
    options = FlatteningOptions(enabled=True, max_level=2)
    flatten, _ = flattener(schemas.with_unmapped(schemas.ORDERS), options)
    record = b'{"customerRef":null,"locationRef":{},"supplementalData":null,"payments":null,"unmapped":{"a":1.50}}'
    assert json.loads(flatten(record)) == {
        "customerRef__id": None,
        "customerRef__name": None,
        "locationRef__id": None,
        "locationRef__name": None,
        "supplementalData__content": None,
        "payments": None,
        "unmapped": '{"a":1.50}',
    }
