"""Passes on Codat's own bytes of records that need no change but to their dates, as most do.

Each record is decoded into a type made of the stream's schema. That refuses what `RecordShaper` would change: unknown
fields, and values of another type. Refused records take the slower way through `RecordShaper`; both ways lead to the
same record.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from tap_codat_commerce.records import dates
from tap_codat_commerce.records.fields import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_codat_commerce.records.fields import Schema

DATE_FIELD = re.compile(rb'Date"\s*:\s*"([^"]*)"')
"""The end of a date field's name, and its value. Text in JSON can't look like this: its quotes are escaped."""
FREE_FIELD = rb'"(?:%s)"\s*:\s*(\{(?:[^"{}]++|"(?:[^"\\]++|\\.)*+")*+\}?)'
"""A field of free content, up to the end of its object, or to the first object within it. `++` lets go of what it has
matched: a text of 10 MB would take more than a gigabyte else."""


class NotPassable(Exception):
    """Records of a schema can't be passed on: it has no id or stamp, or leaves the type of a field open."""


class Seen(Protocol):
    """A decoded record: the fields that are used here."""

    id: str
    modifiedDate: str | None  # noqa: N815 - Codat's name


class Passthrough:
    """Passes on the records of one stream."""

    def __init__(self, schema: Schema, *, without: frozenset[str]) -> None:
        """Make a type of the schema.

        Args:
            schema: the stream's.
            without: fields of the schema that are not Codat's; a record that has one is refused.

        Raises:
            NotPassable: no record of this schema can be passed on.
        """
        self._date_fields: set[str] = set()
        self._free_fields: set[str] = set()
        self._other_fields: set[str] = set()
        fields = {name: field for name, field in schema["properties"].items() if name not in without}
        if not fields.keys() >= {"id", "modifiedDate"}:
            raise NotPassable
        kind = self._struct("Record", fields)
        self._decode: Callable[[msgspec.Raw], Any] = msgspec.json.Decoder(kind).decode
        names = "|".join(map(re.escape, sorted(self._free_fields))).encode()
        self._free_field = re.compile(FREE_FIELD % names) if names else None
        self._names_tell_dates = all(n.endswith("Date") for n in self._date_fields) and not any(
            n.endswith("Date") for n in self._other_fields | self._free_fields
        )

    def __call__(self, raw: msgspec.Raw) -> tuple[bytes, Seen] | None:
        """Return the record's bytes, dates in our form, and the decoded record; None if more has to be changed."""
        try:
            decoded, text = self._decode(raw), bytes(raw)
            if b"\n" in text or b"\r" in text or not self._names_tell_dates or self._has_free_dates(text):
                return None
            return DATE_FIELD.sub(_in_our_form, text), decoded
        except ValueError:  # msgspec's errors, text that is no UTF-8, and dates that are none
            return None

    def _has_free_dates(self, text: bytes) -> bool:
        """Say whether free content may hold something that `DATE_FIELD` would take for a date of the schema."""
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
        match plain(schema):
            case {"type": "object", "properties": fields, **more} if not more.get("additionalProperties"):
                return self._struct(name, fields)
            case {"type": "object", "additionalProperties": values, **more} if values and "properties" not in more:
                self._free_fields.add(name)
                value = msgspec.Raw if values is True else self._type(name, values) | None
                return dict[str, value]  # type: ignore[valid-type]
            case {"type": "array", "items": items}:
                item = self._type(name, items) | None
                return list[item]  # type: ignore[valid-type]
            case {"type": "string", "format": "date-time"}:
                self._date_fields.add(name)
                return str
            case {"type": "string" | "number" | "boolean" as kind}:
                self._other_fields.add(name)
                return {"string": str, "number": float, "boolean": bool}[kind]
        raise NotPassable


@lru_cache(maxsize=4096)
def _date_field(value: bytes) -> bytes:
    found = dates.utc(value.decode())
    return b'Date":null' if found is None else b'Date":"%s"' % found.encode()


def _in_our_form(found: re.Match[bytes]) -> bytes:
    return _date_field(found[1])
