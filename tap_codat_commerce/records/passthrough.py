"""Records that are in their form already keep Codat's own bytes: nothing is parsed into Python, nothing written anew.

Most records need no change but to their dates. Whether that is so is seen by decoding them into a type made of the
stream's schema, which refuses what `records.Shape` would change: fields that nobody knows, values of another type. What
is refused takes the slower way through `Shape`; both ways lead to the same record.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from tap_codat_commerce.records import dates

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_codat_commerce.records.fields import Schema

DATE_FIELD = re.compile(rb'Date"\s*:\s*"([^"]*)"')
"""The end of a date's name, and its value. In JSON, no text can hold this: its quotes would be escaped."""
FREE_FIELD = rb'"(?:%s)"\s*:\s*(\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}?)'
"""An object of free content, up to its end, or to the first object within it."""


class Seen(Protocol):
    """What a record is decoded into, as far as it matters here."""

    id: str
    modifiedDate: str | None  # noqa: N815 - Codat's name


class Passthrough:
    """What may be passed on of one stream's records."""

    def __init__(self, schema: Schema, *, without: frozenset[str]) -> None:
        """Make a type of the schema.

        Args:
            schema: the stream's.
            without: fields of the schema that are not Codat's: a record that has one is no record to pass on.
        """
        self._dates: set[str] = set()
        self._free: set[str] = set()
        self._others: set[str] = set()
        fields = {name: field for name, field in schema["properties"].items() if name not in without}
        kind = self._struct("Record", fields)
        self._decode: Callable[[msgspec.Raw], Any] = msgspec.json.Decoder(kind).decode
        names = "|".join(map(re.escape, sorted(self._free))).encode()
        self._free_field = re.compile(FREE_FIELD % names) if names else None
        self._told_by_name = all(n.endswith("Date") for n in self._dates) and not any(
            n.endswith("Date") for n in self._others | self._free
        )

    def __call__(self, raw: msgspec.Raw) -> tuple[bytes, Seen] | None:
        """Return the record's bytes, dates in their form, and what it is; None if more of it has to be changed."""
        try:
            seen, text = self._decode(raw), bytes(raw)
            if b"\n" in text or b"\r" in text or not self._told_by_name or self._has_free_dates(text):
                return None
            return DATE_FIELD.sub(_in_our_form, text), seen
        except ValueError:  # msgspec's errors, text that is no UTF-8, and dates that are none
            return None

    def _has_free_dates(self, text: bytes) -> bool:
        """Say whether a free object may hold what only looks like one of our dates."""
        found = self._free_field.findall(text) if self._free_field else ()
        return any(b'Date"' in one or not one.endswith(b"}") for one in found)

    def _struct(self, name: str, fields: dict[str, Schema]) -> type[msgspec.Struct]:
        members = [
            (field, self._type(field, schema), msgspec.NODEFAULT)
            if field == "id" and name == "Record"
            else (field, self._type(field, schema) | None, None)
            for field, schema in fields.items()
        ]
        return msgspec.defstruct(name, members, forbid_unknown_fields=True, gc=False, kw_only=True)

    def _type(self, name: str, schema: Schema) -> Any:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        kind = next(k for k in kinds if k != "null")
        if kind == "object" and schema.get("additionalProperties"):
            self._free.add(name)
            value = msgspec.Raw if schema["additionalProperties"] is True else str | None
            return dict[str, value]  # type: ignore[valid-type]
        if kind == "object":
            return self._struct(name, schema["properties"])
        if kind == "array":
            item = self._type(name, schema["items"]) | None
            return list[item]  # type: ignore[valid-type]
        is_date = kind == "string" and schema.get("format") == "date-time"
        (self._dates if is_date else self._others).add(name)
        return {"string": str, "number": float, "boolean": bool}[kind]


@lru_cache(maxsize=4096)
def _date_field(value: bytes) -> bytes:
    found = dates.utc(value.decode())
    return b'Date":null' if found is None else b'Date":"%s"' % found.encode()


def _in_our_form(found: re.Match[bytes]) -> bytes:
    return _date_field(found[1])
