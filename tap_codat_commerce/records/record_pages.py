"""Turns a page's results into records in the form of their schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from tap_codat_commerce.codat import answers, lossless_json
from tap_codat_commerce.codat.errors import UnexpectedAnswer
from tap_codat_commerce.codat.lossless_json import MOST_DIGITS
from tap_codat_commerce.records import dates, record_types
from tap_codat_commerce.records.shaping import UNMAPPED, Strays

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_codat_commerce.records.fields import Schema
    from tap_codat_commerce.records.record_types import Path
    from tap_codat_commerce.records.shaping import RecordShaper

REPLICATION_KEY = "modifiedDate"
"""The field that tells when Codat's cache last changed a record."""
IDS = ("companyId", "connectionId")
"""The fields with the ids of a record's company and connection: ours, whatever Codat may send under these names."""
MOST_LEARNED = 100
"""How many fields are learned at most: a platform may make up names without end."""
LF, CR = b"\n\r"
"""Line ends, which free content may hold; as numbers, which `in` looks for faster than for bytes."""

encode_into = msgspec.json.Encoder().encode_into
Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class RecordPage(Generic[Content]):
    """The records of a page.

    Attributes:
        ids: the id of each record, None where records of the stream have none.
        latest: the latest stamp, in the form of bookmarks; None if there is none.
        unstamped: whether a record has no stamp.
        content: the records themselves.
        unreadable: which results are no records of the stream, and why, a text for each.
    """

    ids: list[str | None]
    latest: str | None
    unstamped: bool
    content: Content
    unreadable: list[str] = field(default_factory=list)


class RecordMaker:
    """Makes a record of each result of one stream: decodes it by a type, puts it right in place, and encodes it.

    A field that the type refuses (its value is of another type, or the schema lacks its name) is learned: from then on
    it is taken as it is, and shaped or set aside alone. A result is shaped as a whole only if nothing can be learned.
    """

    def __init__(self, schema: Schema, shaper: RecordShaper) -> None:
        """Make the type of the stream's schema; the shaper is by the same schema."""
        self._fields, self._left_out = ({**fields} for fields in (schema["properties"], shaper.left_out))
        for fields in (self._fields, self._left_out):
            fields.pop(UNMAPPED, None)
        self._fields.update({name: {"type": "null"} for name in IDS})
        self._shaper, self._strays = shaper, Strays(keep=shaper.keep)
        self._learned: dict[Path, None] = {(UNMAPPED,): None}  # Codat's own, which is not ours
        self._make_type()

    def page(
        self, results: list[msgspec.Raw], context: Mapping[str, str], around: tuple[bytes, bytes] = (b"", b"\n")
    ) -> RecordPage[bytearray]:
        """Return a page of records, as JSON on a line each, with the ids of their company and connection.

        Args:
            results: of an answer, not parsed yet.
            context: these ids.
            around: what comes before each record, and after it.
        """
        lines, line = bytearray(), bytearray()
        ids: list[str | None] = []
        stamps: set[str | None] = set()
        unreadable = []
        for number, raw in enumerate(results, 1):
            try:
                record_id, stamp = self._make(line, raw, context)
                if self._id and not record_id:
                    answers.id_of(raw)
            except (ValueError, RecursionError, UnexpectedAnswer) as exc:
                unreadable.append(f"entry {number}{_id_of(raw)}: {getattr(exc, 'what', exc)}")
                continue
            lines += around[0]
            lines += msgspec.json.format(line, indent=-1) if LF in line or CR in line else line
            lines += around[1]
            ids.append(record_id)
            stamps.add(stamp)
        normalized = {dates.stamp(stamp) for stamp in stamps}
        return RecordPage(ids, max(filter(None, normalized), default=None), None in normalized, lines, unreadable)

    def _make_type(self) -> None:
        place = None if self._strays.keep else ""
        kind = record_types.of_object(self._fields, self._left_out, self._learned, place=place)
        self._names = dict(zip(kind.type.__struct_encode_fields__, kind.type.__struct_fields__, strict=True))
        self._id, self._stamp = self._names.get("id", ""), self._names.get(REPLICATION_KEY, "")
        self._decode = msgspec.json.Decoder(kind.type).decode
        self._check_numbers = msgspec.json.Decoder(kind.numbers or msgspec.Raw).decode
        self._shape: Any = kind.shape

    def _make(self, line: bytearray, raw: msgspec.Raw, context: Mapping[str, str]) -> tuple[str | None, str | None]:
        """Make a record; return its id, and its stamp with all the digits that Codat sent."""
        if len(raw) > MOST_DIGITS and lossless_json.has_long_number(raw):
            return self._make_whole(line, raw, context)
        try:
            self._check_numbers(raw)
            record = self._decode(raw)
        except ValueError as exc:
            learned = self._learns(record_types.refused(str(exc)))
            return (self._make if learned else self._make_whole)(line, raw, context)
        stamp = _text(getattr(record, self._stamp, None))
        strays = self._strays
        strays.clear()
        strays.dropped.clear()
        self._shape(record, strays)
        if strays:
            strays[:] = [stray for stray in strays if stray not in context.items()]
        if (strays or strays.dropped) and (kept := self._shaper.unmapped(strays)):
            unmapped = {path: record_types.as_raw(value) for path, value in kept[UNMAPPED].items()}
            setattr(record, self._names[UNMAPPED], unmapped)
        for name, value in context.items():
            setattr(record, self._names[name], value)
        encode_into(record, line)
        return _text(getattr(record, self._id, None)), stamp

    def _make_whole(
        self, line: bytearray, raw: msgspec.Raw, context: Mapping[str, str]
    ) -> tuple[str | None, str | None]:
        """Make a record of a result that no type takes."""
        record = lossless_json.decode_object(raw)
        stamp = _text(record.get(REPLICATION_KEY))
        shaped = self._shaper(record, context)
        line[:] = lossless_json.encode(shaped)
        return shaped.get("id"), stamp

    def _learns(self, path: Path) -> bool:
        """Learn the field of that path; say whether that was new."""
        if not path or path in self._learned or len(self._learned) == MOST_LEARNED:
            return False
        self._learned[path] = None
        self._make_type()
        return True


def _text(value: Any) -> str | None:
    """Return a text, decoded or raw; None if it is another value."""
    if isinstance(value, str):
        return value
    return _text(lossless_json.decode(value)) if isinstance(value, msgspec.Raw) else None


def _id_of(raw: msgspec.Raw) -> str:
    """Return the id of a result for people, if it has one."""
    try:
        return f" (id {answers.id_of(raw)})"
    except UnexpectedAnswer:
        return ""
