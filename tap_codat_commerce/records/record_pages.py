"""Turns a page's results into records for the SDK or, if it has nothing more to do with them, finished messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.codat.clock import utc_now
from tap_codat_commerce.records import dates

if TYPE_CHECKING:
    from collections.abc import Mapping

    import msgspec

    from tap_codat_commerce.records.passthrough import Passthrough
    from tap_codat_commerce.records.shaping import RecordShaper

REPLICATION_KEY = "modifiedDate"
"""The field that tells when Codat's cache last changed a record."""

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class RecordPage(Generic[Content]):
    """The records of a page.

    Attributes:
        ids: the id of each record, None where it has none.
        latest: the latest stamp, in the form of bookmarks; None if there is none.
        unstamped: whether a record has no stamp.
        content: the records themselves.
    """

    ids: list[str | None]
    latest: str | None
    unstamped: bool
    content: Content


class PageAsRecords:
    """Makes a record of each result, with the ids of its company and connection."""

    def __init__(self, shaper: RecordShaper, context: Mapping[str, str]) -> None:
        """Prepare for one data set."""
        self._shaper, self._context = shaper, context

    def __call__(self, results: list[msgspec.Raw]) -> RecordPage[list[dict[str, Any]]]:
        """Return the page.

        Raises:
            ValueError: one of the results is no JSON object, or no UTF-8.
        """
        came = [lossless_json.decode_object(raw) for raw in results]
        stamps = [record.get(REPLICATION_KEY) for record in came]  # with all their digits, as shaping cuts the seventh
        records = [self._shaper(record) for record in came]
        ids = [record.get("id") for record in records]
        return RecordPage(ids, *_latest(stamps), [{**self._context, **record, **self._context} for record in records])


class PageAsMessages:
    """Makes a RECORD message of each result, on a line of its own.

    The SDK would make the same messages of `PageAsRecords`, but by way of a Python object for each value.
    """

    def __init__(
        self, stream: str, shaper: RecordShaper, passthrough: Passthrough | None, context: Mapping[str, str]
    ) -> None:
        """Prepare for one data set.

        Args:
            stream: the stream's name.
            shaper: for the records that have to be changed.
            passthrough: for those that have not; None if all have.
            context: the ids of company and connection.
        """
        self._shaper, self._passthrough, self._context = shaper, passthrough, context
        envelope = lossless_json.encode({"type": "RECORD", "stream": stream, "record": dict(context)})
        self._head = envelope.removesuffix(b"}}")

    def __call__(self, results: list[msgspec.Raw]) -> RecordPage[bytearray]:
        """Return the page.

        Raises:
            ValueError: one of the results is no JSON object, or no UTF-8.
        """
        head, tail = self._head, b',"time_extracted":"%s"}\n' % utc_now().isoformat().encode()
        passthrough, lines = self._passthrough, bytearray()
        ids: list[str | None] = []
        stamps: list[Any] = []
        for raw in results:
            passed = passthrough(raw) if passthrough else None
            if passed:
                text, decoded = passed
                ids.append(decoded.id)
                stamps.append(decoded.modifiedDate)
            else:
                text = self._shaped(raw, ids, stamps)
            lines += head
            lines += b"," if len(text) > len(b"{}") else b""
            lines += text[1:]
            lines += tail
        return RecordPage(ids, *_latest(stamps), lines)

    def _shaped(self, raw: msgspec.Raw, ids: list[str | None], stamps: list[str | None]) -> bytes:
        came = lossless_json.decode_object(raw)
        stamps.append(came.get(REPLICATION_KEY))
        record = self._shaper(came)
        ids.append(record.get("id"))
        for name in self._context:
            record.pop(name, None)
        text: bytes = lossless_json.encode(record)
        return text


def _latest(stamps: list[Any]) -> tuple[str | None, bool]:
    """Return the latest, in the form of bookmarks, and whether one is missing or no date."""
    found = {dates.stamp(stamp) for stamp in set(map(_text, stamps))}
    return max(filter(None, found), default=None), None in found


def _text(stamp: Any) -> str | None:
    return stamp if isinstance(stamp, str) else None
