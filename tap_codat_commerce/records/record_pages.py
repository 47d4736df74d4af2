"""Turns a page's results into records in the form of their schema."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from tap_codat_commerce.codat import answers, lossless_json, nesting
from tap_codat_commerce.codat.errors import UnexpectedAnswer
from tap_codat_commerce.codat.lossless_json import MOST_DIGITS
from tap_codat_commerce.codat.redaction import quoted
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
AT_ONCE = 32
"""So many records are decoded, then put right, then encoded: a processor does the same many times faster."""
LF, CR = b"\n\r"
"""Line ends, which free content may hold; as numbers, which `in` looks for faster than for bytes."""

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


@dataclass(slots=True)
class _Made:
    """What has been made of a page so far.

    Attributes:
        context: the ids of company and connection.
        around: what comes before each record, and after it.
        line: the record that is made next.
    """

    context: Mapping[str, str]
    around: tuple[bytes, bytes]
    line: bytearray = field(default_factory=bytearray)
    lines: bytearray = field(default_factory=bytearray)
    ids: list[str | None] = field(default_factory=list)
    stamps: set[str | None] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)

    def add(self, records: list[Any]) -> None:
        """Add records, each on a line of its own, and take them out of the list: one may be large."""
        lines, line, (head, tail) = self.lines, self.line, self.around
        records.reverse()
        while records:
            lossless_json.encode_into(records.pop(), line)
            lines += head
            lines += msgspec.json.format(line, indent=-1) if LF in line or CR in line else line
            lines += tail


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
        self._shaper = shaper
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
        made = _Made(context, around)
        for first in range(0, len(results), AT_ONCE):
            self._add(made, results[first : first + AT_ONCE])
        stamps = {dates.stamp(stamp) for stamp in made.stamps}
        latest = max(filter(None, stamps), default=None)
        return RecordPage(made.ids, latest, None in stamps, made.lines, made.unreadable)

    def _make_type(self) -> None:
        place = None if self._shaper.keep else ""
        kind = record_types.of_object(self._fields, self._left_out, self._learned, place=place)
        self._names = dict(zip(kind.type.__struct_encode_fields__, kind.type.__struct_fields__, strict=True))
        self._id = (
            self._names["id"] if "id" in self._fields.keys() - self._left_out.keys() else ""
        )  # not if an unknown one has been learned
        self._stamp = self._names.get(REPLICATION_KEY, "")
        self._decode = msgspec.json.Decoder(kind.type).decode
        self._check_numbers = msgspec.json.Decoder(kind.numbers or msgspec.Raw).decode
        self._shape: Any = kind.shape

    def _add(self, made: _Made, results: list[msgspec.Raw]) -> None:
        """Add records of some results: all at once or, if one of them is refused, one by one."""
        try:
            self._add_by_type(made, results)
        except (ValueError, RecursionError) as exc:
            if len(results) > 1:
                for result in results:
                    self._add(made, [result])
            elif self._learns(record_types.refused(str(exc))):
                self._add(made, results)
            else:
                self._add_by_shape(made, *results)

    def _add_by_type(self, made: _Made, results: list[msgspec.Raw]) -> None:
        """Add records; none of them if one is refused.

        Raises:
            ValueError: one is refused.
            RecursionError: one is nested too deeply.
        """
        if max(map(len, results)) > MOST_DIGITS and any(map(lossless_json.has_long_number, results)):
            raise ValueError
        for raw in results:
            self._check_numbers(raw)
        records = [self._decode(raw) for raw in results]
        stamps = self._texts(records, self._stamp)
        aside, dropped = self._shaped(records, made.context)
        ids = self._texts(records, self._id)
        if self._id and not all(ids):
            raise ValueError
        for record, strays in aside:
            if kept := self._shaper.unmapped(strays):
                unmapped = {path: record_types.as_raw(value) for path, value in kept[UNMAPPED].items()}
                setattr(record, self._names[UNMAPPED], unmapped)
        for places, times in dropped.items():
            self._shaper.count_dropped(places, times)
        self._set_ids(records, made.context)
        made.add(records)
        made.ids += ids
        made.stamps.update(stamps)

    def _set_ids(self, records: list[Any], context: Mapping[str, str]) -> None:
        for name, value in context.items():
            attribute = self._names[name]
            for record in records:
                setattr(record, attribute, value)

    @staticmethod
    def _texts(records: list[Any], attribute: str) -> list[str | None]:
        """Return an attribute of each record where it is a text, else None; likewise if there is none of that name."""
        values = map(attrgetter(attribute), records) if attribute else [None] * len(records)
        return [value if type(value) is str else _text(value) for value in values]

    def _shaped(
        self, records: list[Any], context: Mapping[str, str]
    ) -> tuple[list[tuple[Any, Strays]], Counter[frozenset[str]]]:
        """Put records right in place; return those that have strays, with them, and how often which were dropped."""
        aside: list[tuple[Any, Strays]] = []
        dropped: Counter[frozenset[str]] = Counter()
        strays = Strays(keep=self._shaper.keep)
        for record in records:
            self._shape(record, strays)
            if strays.dropped:
                dropped[frozenset(strays.dropped)] += 1
                strays.dropped.clear()
            if strays:
                aside.append((record, strays))
                strays = Strays(keep=self._shaper.keep)
        for _, some in aside:
            some[:] = [stray for stray in some if stray not in context.items()]
        return [(record, some) for record, some in aside if some], dropped

    def _add_by_shape(self, made: _Made, raw: msgspec.Raw) -> None:
        """Add the record of a result that no type takes."""
        try:
            nesting.check(raw, around=1)  # `unmapped`
            record = lossless_json.decode_object(raw)
            stamp = _text(record.get(REPLICATION_KEY))
            shaped = self._shaper(record, made.context)
            why = "" if shaped.get("id") or not self._id else _why_no_id(raw)
        except (ValueError, RecursionError) as exc:
            why = str(exc)
        if why:
            made.unreadable.append(f"entry {len(made.ids) + len(made.unreadable) + 1}{_id_of(raw)}: {why}")
            return
        made.add([shaped])
        made.ids.append(shaped.get("id"))
        made.stamps.add(stamp)

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
        return f" (id {quoted(answers.id_of(raw))})"
    except UnexpectedAnswer:
        return ""


def _why_no_id(raw: msgspec.Raw) -> str:
    try:
        answers.id_of(raw)
    except UnexpectedAnswer as exc:
        return exc.what
    return "the schema in the catalog has no place for such an id"
