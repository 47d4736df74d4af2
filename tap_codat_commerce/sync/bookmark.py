"""What a bookmark is: how far one data set of one connection has been read. Where it is kept is for others to know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Checkpoint:
    """How far an unfinished read of many pages came.

    Attributes:
        sync_id: the sync that is being read.
        last_sync: as of the bookmark.
        since: the stamp that was asked from, None for all.
        order: the field by which the pages are ordered.
        page_size: records to a page.
        page: the last page that came whole.
        fingerprint: a hash of that page's ids.
        latest: the greatest stamp so far.
    """

    sync_id: str
    last_sync: str | None
    since: str | None
    order: str
    page_size: int
    page: int
    fingerprint: str
    latest: str | None


@dataclass(frozen=True)
class Bookmark:
    """How far one data set of one connection has been read.

    Attributes:
        stamp: greatest `modifiedDate` read, UTC with six digits of fraction; None if there was no record.
        sync_id: id of the sync that was read, None if Codat named none.
        last_sync: when the connection had last been synced then; None where the company has only that one.
        checkpoint: how far a read came that was not completed, None if there is none.
    """

    stamp: str | None = None
    sync_id: str | None = None
    last_sync: str | None = None
    checkpoint: Checkpoint | None = None
