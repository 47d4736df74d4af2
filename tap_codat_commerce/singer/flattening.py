"""Flattening of records, by a plan that is made once for a schema.

The SDK looks up each name of each record anew, and keeps a null object under its own name, which no column has: some
targets refuse such a record, and the object's columns are missing, where they should be null. So the SDK's stream maps
do not flatten here; what they have made is flattened after them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.helpers._flattening import flatten_key, flatten_schema

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.records.fields import alternatives
from tap_codat_commerce.singer.errors import SettingsError

if TYPE_CHECKING:
    from singer_sdk.helpers._flattening import FlatteningOptions

    from tap_codat_commerce.records.fields import Schema

decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
NULL = msgspec.Raw(b"null")

NESTED = {"object", "array"}

Plan = str | tuple[str, "dict[str, Plan] | None"]
"""The column of a field that is always a scalar; or that, and the plans of its fields if it is made columns of."""


class Flattener:
    """Makes columns of the fields of objects, down to a depth; objects below it, and arrays, become text."""

    def __init__(self, stream: str, schema: Schema, options: FlatteningOptions) -> None:
        """Make the plan, and the flattened schema.

        Args:
            stream: the stream's name.
            schema: of the records.
            options: depth, separator and length of names.

        Raises:
            SettingsError: two columns would have one name.
        """
        self.stream = stream
        depth, separator, length = options.max_level, options.separator, options.max_key_length
        try:
            self.schema: Schema = flatten_schema(schema, depth, separator, max_key_length=length)
        except ValueError as exc:
            name = str(exc).rpartition(" ")[2]
            line = f"flattening_max_key_length: {length} makes one name, {name}, of two columns of {stream}: raise it"
            raise SettingsError([line]) from exc
        self._columns, self._options = self.schema["properties"], options
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
            return column if kinds and not kinds & NESTED else (column, None)
        return column, {inner: self._plan(inner, schema, [*parents, name]) for inner, schema in fields}

    def _flatten(
        self, fields: dict[str, msgspec.Raw], plans: dict[str, Plan], parents: list[str], flat: dict[str, Any]
    ) -> None:
        for name, raw in fields.items():
            plan = plans.get(name) or self._plan(name, {}, parents)
            if isinstance(plan, str):
                flat[plan] = raw
                continue
            column, within = plan
            first = bytes(memoryview(raw)[:1])
            if within is not None and (first == b"{" or (within and first == b"n")):
                found = decode_fields(raw) if first == b"{" else {}
                self._flatten(found or dict.fromkeys(within, NULL), within, [*parents, name], flat)
            else:
                flat[column] = str(memoryview(raw), "utf-8") if first in b"{[" else raw
