"""Flattening of records, by a plan that is made once for a schema.

The SDK looks up each name of each record anew, and keeps a null object under its own name, which no column has: some
targets refuse such a record, and the object's columns are missing, where they should be null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.helpers._flattening import flatten_key

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.records.fields import alternatives

if TYPE_CHECKING:
    from collections.abc import Collection

    from singer_sdk.helpers._flattening import FlatteningOptions

    from tap_codat_commerce.records.fields import Schema

decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
NULL = msgspec.Raw(b"null")

NESTED = {"object", "array"}

Plan = tuple[str, "dict[str, Plan] | None", bool]
"""A field's column; the plans of its fields if, being an object, it becomes columns; whether it is always a scalar."""


class Flattener:
    """Makes columns of the fields of objects, down to a depth; objects below it, and arrays, become text."""

    def __init__(self, schema: Schema, columns: Collection[str], options: FlatteningOptions) -> None:
        """Make the plan.

        Args:
            schema: of the records.
            columns: names of the fields of the flattened schema, as the SDK has it.
            options: separator and length of names.
        """
        self._columns, self._options = columns, options
        self._plans = {name: self._plan(name, field, []) for name, field in schema["properties"].items()}

    def __call__(self, record: bytes | bytearray) -> bytes:
        """Return a record, as JSON, flattened."""
        flat: dict[str, Any] = {}
        self._flatten(decode_fields(record), self._plans, [], flat)
        text: bytes = lossless_json.encode(flat)
        return text

    def _plan(self, name: str, field: Schema, parents: list[str]) -> Plan:
        options, fields = self._options, field.get("properties", {}).items()
        column = flatten_key(name, parents, options.separator, max_key_length=options.max_key_length)
        if column in self._columns or len(parents) == options.max_level:
            kinds = {one["type"] for one in alternatives(field)}
            return column, None, bool(kinds) and not kinds & NESTED
        return column, {inner: self._plan(inner, schema, [*parents, name]) for inner, schema in fields}, False

    def _flatten(
        self, fields: dict[str, msgspec.Raw], plans: dict[str, Plan], parents: list[str], flat: dict[str, Any]
    ) -> None:
        for name, raw in fields.items():
            column, within, scalar = plans.get(name) or self._plan(name, {}, parents)
            if scalar:
                flat[column] = raw
                continue
            first = bytes(memoryview(raw)[:1])
            if within is not None and (first == b"{" or (within and first == b"n")):
                found = decode_fields(raw) if first == b"{" else {}
                self._flatten(found or dict.fromkeys(within, NULL), within, [*parents, name], flat)
            else:
                flat[column] = str(memoryview(raw), "utf-8") if first in b"{[" else raw
