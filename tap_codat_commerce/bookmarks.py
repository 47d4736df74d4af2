"""State: how far each data set of each connection has been read, and when that is written out.

The one place that knows the shape of state:

    {"bookmarks": {"orders": {"partitions": [
        {"context": {"companyId": "…", "connectionId": "…"},
         "replication_key": "modifiedDate", "replication_key_value": "2026-01-31T06:00:00.000000Z",
         "sync_id": "…"}]}}}

`replication_key_value` is the greatest `modifiedDate` of a read that was proven complete, `sync_id` the sync of
Codat's that was read then.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from singer_sdk.helpers._state import StateWriter
from singer_sdk.streams._state import StreamStateManager

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context, TapState
    from singer_sdk.singerlib.encoding.base import GenericSingerWriter

REPLICATION_KEY = "modifiedDate"
SECONDS_BETWEEN_STATES = 10.0


@dataclass(frozen=True)
class Bookmark:
    """How far one data set of one connection has been read.

    Attributes:
        stamp: greatest `modifiedDate` read, UTC with six digits of fraction; None if there was no record.
        sync_id: id of the sync that was read, None if Codat named none.
    """

    stamp: str | None = None
    sync_id: str | None = None


class Bookmarks(StreamStateManager):
    """One stream's bookmarks.

    The SDK advances a bookmark with each record and promotes it whenever a context ends, even one that was skipped or
    came out incomplete. Here a bookmark moves in one call, `move`, after a complete read; what the SDK would do on
    its own is left out. Bookmarks are found through an index, where the SDK walks through the list for each record.
    """

    _partitions: list[dict[str, Any]] | None = None
    _index: dict[frozenset[tuple[str, Any]], dict[str, Any]]

    def find(self, context: Context) -> Bookmark:
        """Return the context's bookmark, an empty one if it has none."""
        state = self._indexed().get(frozenset(context.items()), {})
        known = state.get("replication_key") == REPLICATION_KEY
        return Bookmark(state.get("replication_key_value") if known else None, state.get("sync_id"))

    def move(self, context: Context, bookmark: Bookmark) -> None:
        """Set the context's bookmark."""
        key = frozenset(context.items())
        state = self._indexed().get(key)
        if state is None:
            state = self._index[key] = {"context": dict(context)}
            self.stream_state.setdefault("partitions", []).append(state)
            self._partitions = self.stream_state["partitions"]
        if bookmark.stamp is not None:
            state["replication_key"] = REPLICATION_KEY
            state["replication_key_value"] = bookmark.stamp
        if bookmark.sync_id is None:
            state.pop("sync_id", None)
        else:
            state["sync_id"] = bookmark.sync_id
        self.is_flushed = False

    def get_context_state(self, context: Context | None) -> dict[str, Any]:
        """Return the context's state for the SDK; for one without a bookmark something that does not get into it."""
        if not self.get_state_partition_context(context):
            return self.stream_state
        return self._indexed().get(frozenset((context or {}).items()), {})

    def increment_state(self, *_: Any, **__: Any) -> None:
        """Do nothing: `move` sets the bookmark."""

    def write_starting_replication_value(self, *_: Any, **__: Any) -> None:
        """Do nothing: `find` tells where to begin."""

    def write_replication_key_signpost(self, *_: Any, **__: Any) -> None:
        """Do nothing: a bookmark is a stamp that Codat gave, this machine's clock has no say in it."""

    def _indexed(self) -> dict[frozenset[tuple[str, Any]], dict[str, Any]]:
        partitions = self.get_state_partitions() or []
        if self._partitions is not partitions:
            self._partitions = partitions
            self._index = {frozenset(p["context"].items()): p for p in partitions}
        return self._index


class PatientStateWriter(StateWriter):
    """Writes STATE at most every ten seconds, and when told to.

    The SDK writes the whole state at the end of every context; with thousands of connections that is gigabytes.
    """

    def __init__(self, message_writer: GenericSingerWriter[Any, Any]) -> None:
        """Begin with a state that may be written at once."""
        super().__init__(message_writer)
        self._due = 0.0

    def write_state(self, state: TapState) -> None:
        """Write the state if it is time and it has changed."""
        if time.monotonic() >= self._due:
            self.write_now(state)

    def write_now(self, state: TapState) -> None:
        """Write the state if it has changed."""
        super().write_state(state)
        self._due = time.monotonic() + SECONDS_BETWEEN_STATES
