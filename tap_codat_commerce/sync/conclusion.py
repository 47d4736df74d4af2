"""What a read of a data set leads to that was proven complete: its bookmark, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat.clock import utc_now
from tap_codat_commerce.records import dates
from tap_codat_commerce.sync.bookmark import Bookmark
from tap_codat_commerce.sync.data_set import ProvenRead

if TYPE_CHECKING:
    from tap_codat_commerce.sync.data_status import SyncStatus
    from tap_codat_commerce.sync.options import SyncOptions
    from tap_codat_commerce.sync.paged_read import PagedRead

OVERLAP = 300.0
"""Seconds. So far behind may the clocks be by which Codat stamps records."""
APPEARS_WITHIN = 6 * 3600.0
"""Seconds. So long after a good sync, Codat's word that there is no data is not taken for good."""
SETTLES_WITHIN = 3600.0
"""Seconds. Once a good sync ended so long after a bookmark, nothing more can come with the bookmark's very stamp."""


@dataclass(frozen=True)
class Conclusion:
    """A proven read.

    Attributes:
        read: what came.
        status: how the data set stood, before the read and after it.
        asked_at: when that was asked for, by Codat's clock, as a stamp.
        old: the bookmark that was read from.
    """

    read: PagedRead[Any]
    status: SyncStatus
    asked_at: str
    old: Bookmark

    @property
    def may_come_yet(self) -> bool:
        """Whether Codat says that there is no data, so soon after a good sync that it may not be there yet."""
        end = dates.stamp(self.status.last_good_sync)
        return self.read.no_data and (end is None or end > dates.moved(self.asked_at, -APPEARS_WITHIN))

    def bookmark(self, options: SyncOptions, seen: str | None, now: str, *, incremental: bool) -> Bookmark:
        """Return the bookmark.

        It never passes the end of the good sync that was known before the read, nor the time at which that was asked
        for: a page may hold the first records of a sync that has just begun, stamped later than others that will
        follow. Long after that time, no more can come with stamps of before; until then, clocks may differ.

        Args:
            options: what the user has a say in.
            seen: what a later run may know the data set by.
            now: the time at Codat, as a stamp.
            incremental: whether only what was modified since the bookmark is wanted.
        """
        read, status, asked_at, old = self.read, self.status, self.asked_at, self.old
        settled, end = dates.moved(asked_at, -SETTLES_WITHIN), dates.stamp(status.last_good_sync)
        end = min(end, asked_at) if end and status.certain else None
        end = dates.moved(end, -OVERLAP) if end and end > settled else end
        reached = min(read.latest, end) if read.latest and end else None
        begin = dates.stamp(options.start_date) if incremental else None
        stamp = max(filter(None, (old.stamp or begin, reached)), default=None)
        stamp = min(stamp, end) if stamp and end else stamp
        stamp = None if read.unstamped else stamp
        exclusive = bool(stamp and end) and (stamp or "") < settled and (stamp or "") <= (end or "")
        full_read = old.full_read if read.request.query else read.started_at
        return Bookmark(
            stamp,
            exclusive or (old.exclusive and stamp == old.stamp),
            status.good_sync_id if status.certain else None,
            seen,
            asked_at if read.long else None,
            now if read.long else None,
            full_read if options.full_read_every_days else None,
        )

    def described(self) -> ProvenRead:
        """Return what is told of the read."""
        read, status = self.read, self.status
        full = read.request.query is None
        records = read.came if read.totals else read.records
        return ProvenRead(
            read.request.data_set.data_type,
            started_at=read.started_at,
            ended_at=dates.written(utc_now()),
            sync_id=status.good_sync_id if status.certain else None,
            synced_at=status.last_good_sync if status.certain else None,
            full=full,
            records=records,
            total=records if full else None,
        )
