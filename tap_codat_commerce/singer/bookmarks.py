"""State: how far each data set of each connection has been read.

The one place that knows the shape of state:

    {"bookmarks": {"orders": {"partitions": [
        {"context": {"companyId": "…", "connectionId": "…"},
         "replication_key": "modifiedDate", "replication_key_value": "2026-01-31T06:00:00.0000000Z",
         "sync_id": "…", "seen": "…", "not_supported": true, "full_read": "…", "queued": "…",
         "read": [1769839200123, 4567, -1, 0, 1769835600, 30, 7], "untold": [{"sync_id": "…", "read": […]}],
         "reading": {"sync_id": "…", "query": "…", "page_size": 1000, "page": 7, …}}]}}}

What the fields mean: `sync.bookmark`. All but `context` are there only where they say something. `reading` is there
while a read of many pages is not complete: where to go on. `read` is kept short, as there may be a hundred thousand:
when the read began, in milliseconds, and how many it took; the seconds from its begin, and from its end, to the times
at Codat; when the sync ended, in seconds, or in microseconds if they are not whole; how many records came; and flags:
1 full, 2 arrived, 4 exclusive, 8 of a connection that is gone, 16 and that had data. `untold` are the reads that
another one has followed in the same run: the next one has to tell that they have arrived.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import lru_cache
from math import ceil, floor
from types import NoneType
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.records import dates
from tap_codat_commerce.records.record_pages import REPLICATION_KEY
from tap_codat_commerce.singer.errors import StateError
from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint, LastRead

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from singer_sdk.helpers.types import Context

CONTEXT_KEYS = {"companyId", "connectionId"}
FIELDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("sync_id", "fingerprint", "started_at", "asked_at"), (str,)),
    **dict.fromkeys(("latest_sync_id", "query", "latest"), (str, NoneType)),
    **dict.fromkeys(("page_size", "page", "total"), (int,)),
    "unstamped": (bool,),
}
"""What `reading` holds."""
FULL, ARRIVED, EXCLUSIVE, GONE, HAD_DATA = 1, 2, 4, 8, 16
MICROSECONDS = 10**6
MOST_SECONDS = 10**12
STAMPS = ("replication_key_value", "full_read")
TEXTS = {"sync_id", "seen", "queued", "replication_key", *STAMPS}


Key = tuple[str | None, str | None]
"""A company's and a connection's id."""


class Bookmarks:
    """One stream's bookmarks, in the state of the tap; found through an index, as there may be thousands.

    The SDK's own state manager advances a bookmark with each record. Here it moves in one call, after a proven read.
    """

    def __init__(self, stream: str, state: Any) -> None:
        """Take the bookmarks of a stream from the state, and keep them there."""
        self._bookmarks: dict[str, Any] = state.setdefault("bookmarks", {}).setdefault(stream, {})
        self._index = {_key(p["context"]): p for p in self._bookmarks.get("partitions", ())}
        self._known: dict[str | None, list[Context]] = {}
        self._read: set[Key] = set()
        for partition in self._bookmarks.get("partitions", ()):
            self._known.setdefault(_key(partition["context"])[0], []).append(partition["context"])

    def is_new(self, context: Context) -> bool:
        """Say whether nothing is known of the context."""
        return _key(context) not in self._index

    def find(self, context: Context) -> Bookmark:
        """Return the context's bookmark, an empty one if it has none."""
        return self._found(self._index.get(_key(context), {}))

    @staticmethod
    def _found(entry: Mapping[str, Any]) -> Bookmark:
        stamp = entry.get("replication_key_value") if entry.get("replication_key") == REPLICATION_KEY else None
        numbers = _numbers(entry)
        read = _read(numbers)
        return Bookmark(
            dates.stamp(stamp),
            entry.get("exclusive") is True or bool(read and _flags(numbers) & EXCLUSIVE),
            entry.get("sync_id"),
            entry.get("seen"),
            read,
            dates.stamp(entry.get("full_read")),
            entry.get("queued"),
            _checkpoint(entry.get("reading")),
            not_supported=entry.get("not_supported") is True,
            is_new=_is_new(entry),
        )

    def newly_arrived(self) -> Iterator[tuple[Context, Bookmark]]:
        """Yield the bookmarks that the last run wrote, of whose reads the target has kept all records by now.

        The state says so once each has been taken. Reads that another one followed in their run come before it. Those
        that tell what is gone wait for the list of connections: what is listed again is not gone.
        """
        for entry in [*self._index.values()]:
            if _flags(_numbers(entry)) & ARRIVED:
                continue
            context, bookmark = entry["context"], _arrived(self._found(entry))
            if bookmark.read and bookmark.read.is_gone:
                continue
            for untold in entry.get("untold") or ():
                yield context, _arrived(self._found(untold))
            entry.pop("untold", None)
            if bookmark.read:
                yield context, bookmark
                self.move(context, bookmark)

    def known(self, company_id: str) -> list[Context]:
        """Return the contexts of a company's connections that had a bookmark when the run began."""
        return self._known.get(company_id, [])

    def move(self, context: Context, bookmark: Bookmark) -> None:
        """Set the context's bookmark, so that a signal may come at any time: the stamp and its sync in one step."""
        entry = self._entry(context)
        known = {
            "sync_id": bookmark.sync_id,
            "seen": bookmark.seen,
            "not_supported": bookmark.not_supported or None,
            "read": bookmark.read and _short(bookmark.read, exclusive=bookmark.exclusive),
            "untold": bookmark.read and self._untold(entry, bookmark.read),
            "exclusive": (bookmark.exclusive and not bookmark.read) or None,
            "full_read": bookmark.full_read,
            "queued": bookmark.queued,
            "replication_key": bookmark.stamp and REPLICATION_KEY,
            "replication_key_value": bookmark.stamp,
        }
        known = {name: value for name, value in known.items() if value is not None}
        gone = entry.keys() - known.keys() - {"context"}
        entry.update({**known, **dict.fromkeys(gone)})
        for name in gone:
            del entry[name]

    def note(self, context: Context, checkpoint: Checkpoint | None) -> None:
        """Note how far an unfinished read came, None to forget it; the bookmark stays."""
        if checkpoint:
            self._entry(context)["reading"] = asdict(checkpoint)
        elif (entry := self._index.get(_key(context))) and entry.pop("reading", None) and entry.keys() == {"context"}:
            del self._index[_key(context)]  # it has never been read to its end
            self._bookmarks["partitions"].remove(entry)

    def _untold(self, entry: dict[str, Any], read: LastRead) -> list[Any] | None:
        """Return what the state holds of reads that this one follows in the same run."""
        if read.arrived:
            return None
        numbers, again = _numbers(entry), _key(entry["context"]) in self._read
        if numbers and numbers[0] == _milliseconds(read.started_at):
            return entry.get("untold")
        self._read.add(_key(entry["context"]))
        if not numbers or not again or _flags(numbers) & ARRIVED:
            return None
        return [*(entry.get("untold") or ()), {name: entry[name] for name in ("sync_id", "read") if name in entry}]

    def _entry(self, context: Context) -> dict[str, Any]:
        key = _key(context)
        state = self._index.get(key)
        if state is None:
            state = self._index[key] = {"context": context}
            self._bookmarks.setdefault("partitions", []).append(state)
        return state


def check_state(state: object, streams: Collection[str]) -> None:
    """Check that a state is one of this tap's, whole, or one of plain SDK bookmarks.

    Raises:
        StateError: it is not.
    """
    remedy = "Give the state that this tap wrote last, or none to read everything"
    if not isinstance(state, dict) or not isinstance(state.get("bookmarks", None if state else {}), dict):
        msg = f"state: it is no state of this tap, as it has no object 'bookmarks'. {remedy}."
        raise StateError(msg)
    for stream, bookmarks in state.get("bookmarks", {}).items():
        if stream not in streams:
            msg = f"state: it has a bookmark of {stream!r}, which is no stream of this tap. {remedy}."
            raise StateError(msg)
        try:
            _check_bookmarks(bookmarks)
        except (AttributeError, TypeError, ValueError) as exc:
            msg = f"state: the bookmarks of {stream!r} are damaged ({exc}). {remedy}."
            raise StateError(msg) from exc


def _check_bookmarks(bookmarks: Any) -> None:
    seen = set()
    if not isinstance(bookmarks.get("partitions", []), list):
        msg = "'partitions' is no list"
        raise TypeError(msg)
    for partition in bookmarks.get("partitions", []):
        context = partition.get("context")
        if not isinstance(context, dict) or context.keys() != CONTEXT_KEYS:
            msg = f"a partition's context is not of {' and '.join(sorted(CONTEXT_KEYS))}"
            raise ValueError(msg)
        _check_texts(context, CONTEXT_KEYS)
        if (key := _key(context)) in seen:
            msg = f"two partitions are of connection {context['connectionId']}"
            raise ValueError(msg)
        seen.add(key)
        for entry in (partition, *(partition.get("untold") or ())):
            _check_texts(entry, TEXTS & entry.keys())
        for stamp in filter(None, map(partition.get, STAMPS)):
            dates.utc(stamp)


def _is_new(entry: Mapping[str, Any]) -> bool:
    """Say whether a data set was never read to its end: an older version left the context alone of some that were."""
    if entry.get("not_supported") is True:
        return entry.keys() <= {"context", "not_supported", "sync_id", "seen"}
    return not entry or entry.keys() == {"context", "reading"}


def _short(read: LastRead, *, exclusive: bool) -> list[int | None]:
    """Return a read as the state holds it."""
    started, ended = map(_milliseconds, (read.started_at, read.ended_at))
    before = floor(dates.seconds(read.asked_at) - started / 1000)
    after = ceil(dates.seconds(read.looked_at) - ended / 1000)
    synced = round(dates.seconds(read.synced_at) * MICROSECONDS) if read.synced_at else None
    synced = synced if synced is None or synced % MICROSECONDS else synced // MICROSECONDS
    flags = (
        FULL * read.full
        | ARRIVED * read.arrived
        | EXCLUSIVE * exclusive
        | GONE * read.is_gone
        | HAD_DATA * read.had_data
    )
    return [started, ended - started, before, after, synced, read.records, flags]


def _milliseconds(moment: str) -> int:
    return round(1000 * dates.seconds(moment))


def _arrived(bookmark: Bookmark) -> Bookmark:
    return replace(bookmark, read=bookmark.read and replace(bookmark.read, arrived=True))


def _flags(numbers: list[int | None]) -> int:
    """Return the flags of a read; none if there is no read."""
    return (numbers and numbers[-1]) or 0


def _read(numbers: list[int | None]) -> LastRead | None:
    """Return a read; None if there is none, or it is not in its form."""
    try:
        return _spelled_out(*numbers)
    except (TypeError, ValueError, OverflowError):
        return None


def _numbers(entry: Mapping[str, Any]) -> list[int | None]:
    """Return what an entry's read is made of, none if it is not in its form; some stores make floats of them."""
    try:
        return [number if number is None else int(number) for number in entry.get("read") or ()]
    except (TypeError, ValueError, OverflowError):
        return []


@lru_cache(maxsize=256)  # of one company after another; each is looked at several times
def _spelled_out(  # noqa: PLR0913, PLR0917 - as `_short` returns them
    started: int, took: int, before: int, after: int, synced: int | None, records: int, flags: int
) -> LastRead:
    ended = started + took
    return LastRead(
        started_at=dates.of_seconds(started / 1000),
        ended_at=dates.of_seconds(ended / 1000),
        asked_at=dates.of_seconds(started / 1000 + before),
        looked_at=dates.of_seconds(ended / 1000 + after),
        synced_at=None if synced is None else dates.of_seconds(synced / (MICROSECONDS if synced > MOST_SECONDS else 1)),
        full=bool(flags & FULL),
        records=int(records),
        arrived=bool(flags & ARRIVED),
        is_gone=bool(flags & GONE),
        had_data=bool(flags & HAD_DATA),
    )


def _checkpoint(reading: object) -> Checkpoint | None:
    """Return how far an unfinished read came; None for what another version wrote: it is then begun anew."""
    if not isinstance(reading, dict) or reading.keys() != FIELDS.keys():
        return None
    fits = all(type(reading[name]) in kinds for name, kinds in FIELDS.items())
    fits = fits and min(reading["page"], reading["page_size"]) > 0
    return Checkpoint(**reading) if fits and all(dates.stamp(reading[n]) for n in ("started_at", "asked_at")) else None


def _check_texts(of: Mapping[str, Any], names: Collection[str]) -> None:
    for name in names:
        if not isinstance(of[name], str | None):
            msg = f"{name!r} is no text"
            raise TypeError(msg)


def _key(context: Mapping[str, Any]) -> Key:
    return context.get("companyId"), context.get("connectionId")
