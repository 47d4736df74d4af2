"""State: how far each data set of each connection has been read.

The one place that knows the shape of state:

    {"bookmarks": {"orders": {"partitions": [
        {"context": {"companyId": "…", "connectionId": "…"},
         "replication_key": "modifiedDate", "replication_key_value": "2026-01-31T06:00:00.0000000Z", "exclusive": true,
         "sync_id": "…", "seen": "…", "not_supported": true, "read_from": "…", "read_until": "…", "full_read": "…",
         "reading": {"sync_id": "…", "query": "…", "page_size": 1000, "page": 7, …}}]}}}

What the fields mean: `sync.bookmark`. All but `context` are there only where they say something. `reading` is
there while a read of many pages is not complete: where to go on.
"""

from __future__ import annotations

from dataclasses import asdict
from types import NoneType
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.records import dates
from tap_codat_commerce.records.record_pages import REPLICATION_KEY
from tap_codat_commerce.singer.errors import StateError
from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from singer_sdk.helpers.types import Context

CONTEXT_KEYS = {"companyId", "connectionId"}
FIELDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("sync_id", "fingerprint", "started_at"), (str,)),
    **dict.fromkeys(("latest_sync_id", "query", "latest"), (str, NoneType)),
    **dict.fromkeys(("page_size", "page", "total"), (int,)),
    "unstamped": (bool,),
}
"""What `reading` holds."""
STAMPS = ("replication_key_value", "read_from", "read_until", "full_read")
TEXTS = {"sync_id", "seen", "replication_key", *STAMPS}


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

    def is_new(self, context: Context) -> bool:
        """Say whether nothing is known of the context."""
        return _key(context) not in self._index

    def find(self, context: Context) -> Bookmark:
        """Return the context's bookmark, an empty one if it has none."""
        state = self._index.get(_key(context), {})
        stamp = state.get("replication_key_value") if state.get("replication_key") == REPLICATION_KEY else None
        return Bookmark(
            dates.stamp(stamp),
            state.get("exclusive") is True,
            state.get("sync_id"),
            state.get("seen"),
            dates.stamp(state.get("read_from")),
            dates.stamp(state.get("read_until")),
            dates.stamp(state.get("full_read")),
            _checkpoint(state.get("reading")),
            state.get("not_supported") is True,
        )

    def move(self, context: Context, bookmark: Bookmark) -> None:
        """Set the context's bookmark, so that a signal may come at any time: the stamp and its sync in one step."""
        known = {"sync_id": bookmark.sync_id, "seen": bookmark.seen, "exclusive": bookmark.exclusive or None}
        known |= {"not_supported": bookmark.not_supported or None}
        known |= {"read_from": bookmark.read_from, "read_until": bookmark.read_until, "full_read": bookmark.full_read}
        known |= {"replication_key": bookmark.stamp and REPLICATION_KEY, "replication_key_value": bookmark.stamp}
        known = {name: value for name, value in known.items() if value is not None}
        entry = self._entry(context)
        gone = entry.keys() - known.keys() - {"context"}
        entry.update({**known, **dict.fromkeys(gone)})
        for name in gone:
            del entry[name]

    def note(self, context: Context, checkpoint: Checkpoint | None) -> None:
        """Note how far an unfinished read came, None to forget it; the bookmark stays."""
        if checkpoint:
            self._entry(context)["reading"] = asdict(checkpoint)
        else:
            self._index.get(_key(context), {}).pop("reading", None)

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
        _check_texts(partition, TEXTS & partition.keys())
        for stamp in filter(None, map(partition.get, STAMPS)):
            dates.utc(stamp)


def _checkpoint(reading: object) -> Checkpoint | None:
    """Return how far an unfinished read came; None for what another version wrote: it is then begun anew."""
    if not isinstance(reading, dict) or reading.keys() != FIELDS.keys():
        return None
    fits = all(isinstance(reading[name], kinds) for name, kinds in FIELDS.items())
    return Checkpoint(**reading) if fits and min(reading["page"], reading["page_size"]) > 0 else None


def _check_texts(of: Mapping[str, Any], names: Collection[str]) -> None:
    for name in names:
        if not isinstance(of[name], str | None):
            msg = f"{name!r} is no text"
            raise TypeError(msg)


def _key(context: Mapping[str, Any]) -> Key:
    return context.get("companyId"), context.get("connectionId")
