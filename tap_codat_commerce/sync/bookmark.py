"""What a bookmark is: how far one data set of one connection has been read. Where it is kept is for others to know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tap_codat_commerce.codat import query
from tap_codat_commerce.codat.clock import utc_now
from tap_codat_commerce.records import dates
from tap_codat_commerce.records.record_pages import REPLICATION_KEY


@dataclass(frozen=True)
class Checkpoint:
    """How far an unfinished read of many pages came, in the order of ids.

    Attributes:
        sync_id: the good sync that is being read.
        latest_sync_id: the latest sync, good or not.
        query: what was asked for, None for all.
        page_size: records to a page.
        page: the last page that came whole.
        total: how many records there are, by each page so far.
        fingerprint: a hash of that page's ids.
        latest: the greatest stamp so far.
        unstamped: whether a record so far had no stamp.
        started_at: when the read began, by this machine's clock, as a stamp.
        asked_at: when the status before it was asked for, by Codat's clock, as a stamp.
    """

    sync_id: str
    latest_sync_id: str | None
    query: str | None
    page_size: int
    page: int
    total: int
    fingerprint: str
    latest: str | None
    unstamped: bool
    started_at: str
    asked_at: str


@dataclass(frozen=True)
class LastRead:
    """The read that a bookmark rests on: what is told of it, and when it was.

    Attributes:
        started_at: when it began, by this machine's clock, as a stamp; of one that was interrupted, the first time.
        ended_at: when it was proven, likewise.
        asked_at: when the status before it was asked for, by Codat's clock, as a stamp.
        looked_at: when the status after it was asked for, likewise.
        synced_at: when the good sync ended that was read, as a stamp; None if it is not known for the connection.
        full: whether all was asked for, not only what was modified since the bookmark.
        records: how many different records came; one that Codat holds twice is one.
        arrived: whether the target has kept all of them.
        is_gone: whether it tells that the connection is not in its company's list any more, and nothing was read.
        had_data: whether there was any before that.
    """

    started_at: str
    ended_at: str
    asked_at: str
    looked_at: str
    synced_at: str | None
    full: bool
    records: int
    arrived: bool = False
    is_gone: bool = False
    had_data: bool = False


@dataclass(frozen=True)
class Bookmark:
    """How far one data set of one connection has been read.

    Attributes:
        stamp: what was modified up to here has come: UTC with seven digits of fraction, never after the end of the
            good sync that was read; None if everything has to be asked for.
        exclusive: whether nothing more can come with that very stamp.
        sync_id: id of the good sync that was read; None to read the data set again in any case.
        seen: what was seen of Codat's syncs when nothing was under way, bound to stamp, sync and time of the read; None
            where nothing was sure.
        read: the read that it rests on; None if there was none, or it is one of an older version of the tap.
        full_read: when the last read of the whole data set began, by this machine's clock, as a stamp; None if there
            was none, or nobody asks.
        queued: id of the sync that the run has queued after the read, if it has.
        checkpoint: how far a read came that was not completed, None if there is none.
        not_supported: whether the data set itself has answered that its platform does not offer it.
        is_new: whether the data set was never read to its end.
    """

    stamp: str | None = None
    exclusive: bool = False
    sync_id: str | None = None
    seen: str | None = None
    read: LastRead | None = None
    full_read: str | None = None
    queued: str | None = None
    checkpoint: Checkpoint | None = None
    not_supported: bool = False
    is_new: bool = True

    def query(self, start_date: str | None) -> str | None:
        """Return what asks for all that was modified since, None if that is everything.

        Args:
            start_date: since when records are wanted of a data set that was never read, None for ever.
        """
        if self.stamp and self.exclusive:
            return query.after(REPLICATION_KEY, self.stamp)
        since = self.stamp or (start_date if self.is_new else None)
        return query.since(REPLICATION_KEY, since) if since else None

    def full_read_is_due(self, every_days: float | None) -> bool:
        """Say whether the whole data set is to be read anew, which nobody asks for if `every_days` is None."""
        if every_days is None or self.full_read is None:
            return every_days is not None
        age = dates.seconds_between(self.full_read, dates.written(utc_now()))
        return not 0 <= age < timedelta(days=every_days).total_seconds()
