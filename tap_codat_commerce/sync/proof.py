"""Why a bookmark may move, and whether an old one may still be trusted: the tap's promise, as rules over values.

A read is proven if the status of its data set was the same after it as before, and as many different records came as
every page said there are. Then the bookmark moves, but never past the end of the good sync that was known before the
read. Nothing here asks Codat: what a rule needs to know is fetched by others, and handed over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tap_codat_commerce.records import dates
from tap_codat_commerce.sync.bookmark import Bookmark
from tap_codat_commerce.sync.data_status import Kind

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from tap_codat_commerce.sync.bookmark import Checkpoint
    from tap_codat_commerce.sync.data_status import SyncStatus

OVERLAP = 300.0
"""Seconds. So far behind may the clocks be by which Codat stamps records."""
APPEARS_WITHIN = 6 * 3600.0
"""Seconds. So long after a good sync, Codat's word that there is no data is not taken for good."""
SETTLES_WITHIN = 3600.0
"""Seconds. Once a good sync ended so long after a bookmark, no more records can have exactly the bookmark's stamp."""
LAG = 60.0
"""Seconds. A sync that ended less than that after a read of many pages may have been under way, unseen, during it."""
OF_SEVERAL = "several "
"""What `seen` begins with in a company with several shops."""
QUERY_FINDS_NOTHING = "a query brings not even what was modified last"


@dataclass(frozen=True)
class Read:
    """What came of one read of a data set.

    Attributes:
        query: what was asked for, None for all.
        several_pages: whether it took more than one page.
        records: how many records came, those of an interrupted read included that it went on from.
        distinct: how many different ones.
        totals: how many records there are, by each page; empty if the answer does not tell.
        duplicates: how many ids stood twice on one page.
        unreadable: which records could not be read, and why, a text for each.
        no_data: whether nothing came but Codat's word that there is no data.
        latest: the greatest stamp, None if there is none.
        unstamped: whether a record had no stamp.
        started_at: when it began, by this machine's clock, as a stamp; of one that was interrupted, the first time.
    """

    query: str | None
    several_pages: bool
    records: int
    distinct: int
    totals: frozenset[int]
    duplicates: int
    unreadable: tuple[str, ...]
    no_data: bool
    latest: str | None
    unstamped: bool
    started_at: str

    @property
    def miscounted(self) -> str | None:
        """How the number of records differs from what the answers spoke of, None if it does not."""
        if not self.totals - {self.distinct}:
            return None
        totals = " and ".join(map(str, sorted(self.totals)))
        return f"{self.distinct} different records came, but the answers spoke of {totals}"


@dataclass(frozen=True)
class ProvenRead:
    """What is told of a read that was proven complete: a row of the stream `reads`.

    Attributes:
        data_type: of the data set.
        started_at: when it began, by this machine's clock, as a stamp; of one that was interrupted, the first time.
        ended_at: when it was proven, likewise.
        sync_id: id of the good sync that was read; None if it is not known for the connection.
        synced_at: when that ended, by Codat.
        full: whether all was asked for, not only what was modified since the bookmark.
        records: how many different records came.
        total: how many the data set has; None if only a part was asked for.
    """

    data_type: str
    started_at: str
    ended_at: str
    sync_id: str | None
    synced_at: str | None
    full: bool
    records: int
    total: int | None


@dataclass(frozen=True)
class Seen:
    """What is known once a read was proven.

    Attributes:
        status: how the data set stood, before the read and after it.
        asked_at: when that was asked for before the read, by Codat's clock, as a stamp.
        now: the time at Codat, as a stamp.
        mark: what a later run may know the data set by, None if nothing is sure.
    """

    status: SyncStatus
    asked_at: str
    now: str
    mark: str | None


# Is the read complete?


def needs_second_look(read: Read, old: Bookmark, *, marks_what_is_gone: bool) -> bool:
    """Say whether the status has to be asked for again after a read that shows nothing wrong by itself.

    One page is made of one state of the cache: it can't be torn. But a page that a sync has emptied would make rows of
    before count as gone.

    Args:
        read: what came.
        old: the bookmark that was read from.
        marks_what_is_gone: whether rows that a full read did not bring count as gone.
    """
    return read.several_pages or (marks_what_is_gone and read.query is None and old.sync_id is not None)


def doubt(read: Read, before: SyncStatus, after: SyncStatus, *, query_finds_nothing: bool = False) -> str | None:
    """Return why a read may be incomplete, None if it is proven.

    Args:
        read: what came.
        before: the status before the read.
        after: the status after it; the one before, if a second look is not needed.
        query_finds_nothing: whether a query brought not even what the bookmark was made of.
    """
    if after.kind is Kind.UNDER_WAY:
        return f"its status became {after.current} meanwhile"
    if after.mark != before.mark:
        return "a sync began or ended meanwhile"
    return read.miscounted or (QUERY_FINDS_NOTHING if query_finds_nothing else None)


# What follows?


def may_still_arrive(read: Read, seen: Seen) -> bool:
    """Say whether Codat says that there is no data, so soon after a good sync that it may not be there yet."""
    end = dates.stamp(seen.status.last_good_sync)
    return read.no_data and (end is None or end > dates.moved(seen.asked_at, -APPEARS_WITHIN))


def next_bookmark(read: Read, seen: Seen, old: Bookmark, *, start: str | None, keeps_full_reads: bool) -> Bookmark:
    """Return the bookmark after a read that was proven.

    It never passes the end of the good sync that was known before the read, nor the time at which that was asked for:
    a page may hold the first records of a sync that has just begun, stamped later than others that will follow. Long
    after that time, no more can come with stamps of before; until then, clocks may differ.

    Args:
        read: what came.
        seen: how the data set stood.
        old: the bookmark that was read from.
        start: since when records are wanted, as a date; None for ever.
        keeps_full_reads: whether it has to be known when the data set was last read whole.
    """
    status, asked_at = seen.status, seen.asked_at
    settled, end = dates.moved(asked_at, -SETTLES_WITHIN), dates.stamp(status.last_good_sync)
    end = min(end, asked_at) if end and status.certain else None
    end = dates.moved(end, -OVERLAP) if end and end > settled else end
    reached = min(read.latest, end) if read.latest and end else None
    stamp = max(filter(None, (old.stamp or dates.stamp(start), reached)), default=None)
    stamp = min(stamp, end) if stamp and end else stamp
    stamp = None if read.unstamped else stamp
    exclusive = bool(stamp and end) and (stamp or "") < settled and (stamp or "") <= (end or "")
    full_read = old.full_read if read.query else read.started_at
    return Bookmark(
        stamp,
        exclusive or (old.exclusive and stamp == old.stamp),
        status.good_sync_id if status.certain else None,
        seen.mark,
        asked_at if read.several_pages else None,
        seen.now if read.several_pages else None,
        full_read if keeps_full_reads else None,
    )


def as_proven_read(read: Read, status: SyncStatus, data_type: str, ended_at: str) -> ProvenRead:
    """Return what is told of a proven read; `ended_at` is by this machine's clock, as a stamp."""
    full, records = read.query is None, read.distinct if read.totals else read.records
    return ProvenRead(
        data_type,
        read.started_at,
        ended_at,
        status.good_sync_id if status.certain else None,
        status.last_good_sync if status.certain else None,
        full,
        records,
        records if full else None,
    )


# May the bookmark be trusted?


def is_what_was_read(old: Bookmark, status: SyncStatus) -> bool:
    """Say whether the data set is what a proven read brought before: no sync ended, nor failed, since."""
    if old.sync_id is None or not status.certain:
        return False
    only_good = status.kind is Kind.GOOD and status.sync_id in {None, status.good_sync_id}
    by_id = old.seen is None or old.seen.startswith(OF_SEVERAL)
    return (by_id and only_good and old.sync_id == status.good_sync_id) or old.seen == status.mark


def is_after_its_sync(old: Bookmark, status: SyncStatus, asked_at: str) -> bool:
    """Say whether the stamp of a bookmark is after the end of the good sync: no read yields one."""
    return (old.stamp or "") > dates.moved(dates.stamp(status.last_good_sync) or asked_at, LAG)


def last_read(old: Bookmark) -> tuple[str, str] | None:
    """Return the time within which no other sync may have been under way, for the last read not to be torn."""
    return (old.read_from, dates.moved(old.read_until, LAG)) if old.read_from and old.read_until else None


def may_be_torn(old: Bookmark, status: SyncStatus, meanwhile: AbstractSet[str] | None) -> bool:
    """Say whether a sync may have been under way, unseen, during the last read: the status was behind, then.

    Args:
        old: the bookmark of that read.
        status: how the data set stands now.
        meanwhile: ids of the syncs that were under way then, None if that is not known.
    """
    within = last_read(old)
    if within is None:
        return False
    if meanwhile is not None:
        return not meanwhile <= {old.sync_id}
    begin, end = within
    ended = dates.stamp(status.last_good_sync)
    return ended is not None and begin < ended < end


def anew(old: Bookmark) -> Bookmark:
    """Return a bookmark that is not trusted any more: all is asked for again."""
    return replace(old, stamp=None, exclusive=False)


def may_go_on(after: Checkpoint | None, status: SyncStatus, query: str | None, page_size: int) -> bool:
    """Say whether an interrupted read may be gone on from: nothing has moved since, and the same is asked for."""
    if after is None or not status.certain:
        return False
    now = (status.good_sync_id, status.sync_id, query, page_size)
    return (after.sync_id, after.latest_sync_id, after.query, after.page_size) == now
