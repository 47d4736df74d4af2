"""What a page of a data set becomes: records for the SDK, or, where nothing more is done to them, finished messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.records import dates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import msgspec

    from tap_codat_commerce.records.passthrough import Passthrough
    from tap_codat_commerce.records.shaping import RecordShaper

REPLICATION_KEY = "modifiedDate"
"""The field by which Codat tells when its cache last changed a record."""

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class RecordPage(Generic[Content]):
    """The records of a page.

    Attributes:
        ids: of each, None where it has none.
        first: the first record's stamp, in the form of bookmarks, as are the others; None if it has none.
        last: the last record's.
        latest: the greatest.
        content: the records themselves.
    """

    ids: list[str | None]
    first: str | None
    last: str | None
    latest: str | None
    content: Content


class PageAsRecords:
    """Makes records of what came, each with the ids of its context."""

    def __init__(self, shaper: RecordShaper, context: Mapping[str, str]) -> None:
        """Prepare for one data set."""
        self._shaper, self._context = shaper, context

    def __call__(self, results: list[msgspec.Raw]) -> RecordPage[list[dict[str, Any]]]:
        """Return the page.

        Raises:
            ValueError: one of them is no object, or no UTF-8.
        """
        records = [self._shaper(lossless_json.decode_object(raw)) for raw in results]
        ids, stamps = [r.get("id") for r in records], [r.get(REPLICATION_KEY) for r in records]
        return RecordPage(
            ids, *_of_stamps(stamps), [{**self._context, **record, **self._context} for record in records]
        )


class PageAsMessages:
    """Makes RECORD messages of what came, a line for each.

    They are the same as the SDK would make of `PageAsRecords`, without a Python object for each value.
    """

    def __init__(
        self, stream: str, shaper: RecordShaper, passthrough: Passthrough | None, context: Mapping[str, str]
    ) -> None:
        """Prepare for one data set.

        Args:
            stream: its stream's name.
            shaper: for the records that have to be changed.
            passthrough: tells those that have not; None where all have.
            context: the ids of company and connection.
        """
        self._shaper, self._passthrough, self._context = shaper, passthrough, context
        envelope = lossless_json.encode({"type": "RECORD", "stream": stream, "record": dict(context)})
        self._head = envelope.removesuffix(b"}}")

    def __call__(self, results: list[msgspec.Raw]) -> RecordPage[bytearray]:
        """Return the page.

        Raises:
            ValueError: one of them is no object, or no UTF-8.
        """
        head, tail = self._head, b',"time_extracted":"%s"}\n' % datetime.now(UTC).isoformat().encode()
        passthrough, lines = self._passthrough, bytearray()
        ids: list[str | None] = []
        stamps: list[str | None] = []
        for raw in results:
            passed = passthrough(raw) if passthrough else None
            if passed:
                text, seen = passed
                ids.append(seen.id)
                stamps.append(seen.modifiedDate)
            else:
                text = self._changed(raw, ids, stamps)
            lines += head
            lines += b"," if len(text) > len(b"{}") else b""
            lines += text[1:]
            lines += tail
        return RecordPage(ids, *_of_stamps(stamps), lines)

    def _changed(self, raw: msgspec.Raw, ids: list[str | None], stamps: list[str | None]) -> bytes:
        record = self._shaper(lossless_json.decode_object(raw))
        ids.append(record.get("id"))
        stamps.append(record.get(REPLICATION_KEY))
        for name in self._context:
            record.pop(name, None)
        text: bytes = lossless_json.encode(record)
        return text


def _of_stamps(stamps: list[str | None]) -> tuple[str | None, str | None, str | None]:
    """Return the first, the last and the greatest."""
    if not stamps:
        return None, None, None
    known: Iterable[str] = filter(None, map(_bookmark, {s for s in stamps if s is not None}))
    return _bookmark(stamps[0]), _bookmark(stamps[-1]), max(known, default=None)


def _bookmark(stamp: str | None) -> str | None:
    found = dates.utc(stamp) if stamp else None
    return dates.bookmark(found) if found else None
