"""Why a bookmark may move, and whether an old one may still be trusted: the tap's promise, as rules over values.

A read is proven if the status of its data set was the same after it as before, in every word, with no sync under way
and the good sync settled; and if as many different records came as every page said there are. Then the bookmark moves,
but never past the end of the good sync that was known before the read. Nothing here asks Codat: what a rule needs to
know is fetched by others, and handed over.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from tap_codat_commerce.records import dates
from tap_codat_commerce.sync.bookmark import Bookmark, LastRead
from tap_codat_commerce.sync.data_status import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_codat_commerce.sync.bookmark import Checkpoint
    from tap_codat_commerce.sync.data_status import SyncStatus

SETTLES_WITHIN = 60.0
"""Seconds. So long after the end of a sync, a machine of Codat's that hands out pages may not have got it yet."""
ANSWERED_WITHIN = 900.0
"""Seconds. So late may an answer come after it was asked for, ahead or again and again; no zone is so near to UTC."""
OVERLAP = 300.0
"""Seconds. So far behind may the clocks be by which Codat stamps records."""
STAMPS_CLOSE_WITHIN = 3600.0
"""Seconds. Once a good sync ended so long after a bookmark, no more records can have exactly the bookmark's stamp."""
APPEARS_WITHIN = 6 * 3600.0
"""Seconds. So long after a good sync, Codat's word that there is no data is not taken for good."""
LONGEST_SYNC = 7 * 86_400.0
"""Seconds. Where nothing tells whether a sync of the connection is under way, one may have begun so long ago."""
LAG = 60.0
"""Seconds. A status may be so far behind: a sync that began before a read ended shows by then."""
CLOCKS_DIFFER = 5.0
"""Seconds between Codat's clock as this machine knows it, by answers, and that of the syncs."""
LISTS_AGREE_AFTER = 3600.0
"""Seconds. A list of connections may be behind, so that it lacks one which is there; for less than this."""
OF_SEVERAL = "several "
"""What `seen` begins with in a company with several shops."""
JUST_FAILED = "failed "
"""What `seen` begins with after a sync that failed, nobody knows how long ago."""
QUERY_FINDS_NOTHING = "a query brings not even what was modified last"


@dataclass(frozen=True)
class Read:
    """What came of one read of a data set.

    Attributes:
        query: what was asked for, None for all.
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
class Seen:
    """What was seen of a data set's syncs before a read, and when.

    Attributes:
        status: how it stood.
        asked_at: when that was asked for, by Codat's clock, as a stamp; of an interrupted read, the first time.
        mark: what a later run may know it by, None if nothing is sure.
    """

    status: SyncStatus
    asked_at: str
    mark: str | None


# Is the read complete?


def is_settled(status: SyncStatus, asked_at: str) -> bool:
    """Say whether the good sync ended so long ago that every machine of Codat's hands it out.

    An end that is missing, or later than Codat's clock, tells nothing, and counts as settled: else a bookmark might
    never move. If it is only a little later, the sync ended between the question and its answer.

    Args:
        status: how the data set stands.
        asked_at: when that was asked for, by Codat's clock, as a stamp: before the first page.
    """
    end = dates.stamp(status.last_good_sync)
    if end is None or end > dates.moved(asked_at, ANSWERED_WITHIN):
        return True
    return dates.moved(end, SETTLES_WITHIN) <= asked_at


def settles_in(status: SyncStatus, now: str) -> float:
    """Return in how many seconds at most a good sync will have settled; `now` is a stamp by Codat's clock.

    One second more, as the clock is known by whole seconds.
    """
    end = dates.stamp(status.last_good_sync) or now
    return SETTLES_WITHIN + 1 - max(0.0, dates.seconds_between(end, now))


def doubt(read: Read, before: SyncStatus, after: SyncStatus, *, query_finds_nothing: bool = False) -> str | None:
    """Return why a read may be incomplete, None if it is proven.

    Args:
        read: what came.
        before: the status before the read.
        after: the status after it.
        query_finds_nothing: whether a query brought not even what the bookmark was made of.
    """
    if after.kind is Kind.UNDER_WAY:
        return f"its status became {after.current} meanwhile"
    if after != before:
        return "a sync began or ended meanwhile"
    return read.miscounted or (QUERY_FINDS_NOTHING if query_finds_nothing else None)


# What follows?


def had_data(old: Bookmark, start_date: str | None) -> bool:
    """Say whether there was data: Codat's word that there is none, or no such data set, is not believed then."""
    stamped = old.stamp is not None and old.stamp != dates.stamp(start_date)
    return stamped or (old.read is not None and (old.read.records > 0 or old.read.had_data))


def may_still_arrive(read: Read, seen: Seen) -> bool:
    """Say whether Codat says that there is no data, where its latest sync failed or a good one ended just before."""
    end = dates.stamp(seen.status.last_good_sync)
    recent = end is None or end > dates.moved(seen.asked_at, -APPEARS_WITHIN)
    return read.no_data and (recent or seen.status.kind is not Kind.GOOD)


def last_read(read: Read, seen: Seen, *, ended_at: str, looked_at: str) -> LastRead:
    """Return what is told of a proven read.

    Args:
        read: what came.
        seen: how the data set stood.
        ended_at: when it was proven, by this machine's clock, as a stamp.
        looked_at: when the status after it was asked for, by Codat's clock, as a stamp.
    """
    return LastRead(
        read.started_at,
        ended_at,
        seen.asked_at,
        looked_at,
        dates.stamp(seen.status.last_good_sync) if seen.status.certain else None,
        full=read.query is None,
        records=read.distinct - read.duplicates if read.totals else read.records,
    )


def reaches(seen: Seen) -> str | None:
    """Return the stamp that a bookmark may not pass, None if it may not move.

    That is the end of the good sync that was known before the read, or the time at which that was asked for, if that is
    earlier: a page may hold the first records of a sync that has just begun, stamped later than others that will
    follow. Until long after that end, clocks may differ. Where nothing is sure, a sync may have begun long ago.
    """
    status, asked_at = seen.status, seen.asked_at
    if not status.certain:
        return dates.moved(asked_at, -LONGEST_SYNC)
    end = dates.stamp(status.last_good_sync)
    if end is None:
        return None
    end = min(end, asked_at)
    return dates.moved(end, -OVERLAP) if end > dates.moved(asked_at, -STAMPS_CLOSE_WITHIN) else end


def next_bookmark(  # noqa: PLR0913 - all that decides on it
    read: Read, seen: Seen, old: Bookmark, told: LastRead, *, start: str | None, keeps_full_reads: bool
) -> Bookmark:
    """Return the bookmark after a read that was proven.

    Args:
        read: what came.
        seen: how the data set stood.
        old: the bookmark that was read from.
        told: what is told of the read.
        start: since when records are wanted of a data set that was never read, as a date; None for ever.
        keeps_full_reads: whether it has to be known when the data set was last read whole.
    """
    end = reaches(seen)
    reached = min(read.latest, end) if read.latest and end else None
    begin = old.stamp or (dates.stamp(start) if old.is_new else None)
    stamp = max(filter(None, (begin, reached)), default=None)
    stamp = min(stamp, end) if stamp and end and seen.status.certain else stamp
    stamp = None if read.unstamped else stamp
    closed = dates.moved(seen.asked_at, -STAMPS_CLOSE_WITHIN)
    exclusive = seen.status.certain and bool(stamp and end) and (stamp or "") < closed
    new = Bookmark(
        stamp,
        exclusive or (old.exclusive and stamp == old.stamp),
        seen.status.good_sync_id if seen.status.certain else None,
        read=told,
        full_read=(told.started_at if told.full else old.full_read) if keeps_full_reads else None,
        is_new=False,
    )
    return bound(new, seen.mark)


def bound(bookmark: Bookmark, mark: str | None) -> Bookmark:
    """Return a bookmark with a mark that holds only together with its stamp, its sync and the time of its read."""
    return replace(bookmark, seen=mark and mark + _seal(bookmark))


def of_what_is_gone(old: Bookmark, now: str, listed_at: str, start: str | None) -> Bookmark | None:
    """Return the bookmark of a data set whose connection is not in its company's list any more; None if all is told.

    It is told as a full read of nothing: what is older is gone. If the connection comes back, it is read whole. That it
    has arrived is told by a later run in which the connection is not in the list either: the list may have been behind.

    Args:
        old: the bookmark so far.
        now: when the company was listed, by this machine's clock, as a stamp.
        listed_at: the same by Codat's clock.
        start: since when records are wanted of a data set that was never read, as a date; None for ever.
    """
    if old.is_new:
        return None
    if old.read and old.read.is_gone:
        is_sure = old.read.asked_at <= dates.moved(listed_at, -LISTS_AGREE_AFTER)
        return replace(old, read=replace(old.read, arrived=True)) if is_sure and not old.read.arrived else None
    had = had_data(old, start)
    told = LastRead(now, now, listed_at, listed_at, None, full=True, records=0, is_gone=True, had_data=had)
    return Bookmark(read=told, full_read=old.full_read, is_new=False)


def of_what_is_back(old: Bookmark) -> Bookmark | None:
    """Return the bookmark of a data set whose connection is in the list again; None if it was not gone.

    What was told as gone is not told as arrived; should the list lack the connection again, that counts anew.
    """
    if old.read is None or not old.read.is_gone:
        return None
    return replace(old, read=replace(old.read, is_gone=False, arrived=True))


# May the bookmark be trusted?


def is_intact(old: Bookmark) -> bool:
    """Say whether nobody has changed stamp, sync or time of a bookmark since it was proven."""
    return old.seen is None or old.seen.endswith(_seal(old))


def mark_of(old: Bookmark) -> str | None:
    """Return the mark of a bookmark, without what binds it to the rest."""
    return old.seen and old.seen.removesuffix(_seal(old))


def mark_of_failed(old: Bookmark, status: SyncStatus, asked_at: str) -> str:
    """Return the mark of a data set whose latest sync failed: one that no status has, if that was not known before.

    Nothing tells when it failed: a machine may not have got yet what it showed. So the next run reads it again.
    """
    known = mark_of(old) in {status.mark, JUST_FAILED + status.mark}
    has_settled = old.read is not None and dates.moved(old.read.asked_at, SETTLES_WITHIN) <= asked_at
    return status.mark if known and has_settled else JUST_FAILED + status.mark


def is_what_was_read(old: Bookmark, status: SyncStatus) -> bool:
    """Say whether the data set is what a proven read brought before: no sync ended, nor failed, since."""
    if not (old.sync_id or old.not_supported) or not status.certain or not is_intact(old):
        return False
    mark, only_good = mark_of(old), status.kind is Kind.GOOD and status.sync_id in {None, status.good_sync_id}
    by_id = mark is None or mark.startswith(OF_SEVERAL)
    return (by_id and only_good and old.sync_id == status.good_sync_id) or mark == status.mark


def tells_of_each(company: SyncStatus) -> bool:
    """Say whether a company's status is another one after each sync of each shop.

    One without ids is after good ones only: by their end.
    """
    return company.sync_id is not None or company.kind is Kind.GOOD


def is_after_its_sync(old: Bookmark, status: SyncStatus, asked_at: str) -> bool:
    """Say whether the stamp of a bookmark is after the end of the good sync: no read yields one."""
    return (old.stamp or "") > dates.moved(dates.stamp(status.last_good_sync) or asked_at, LAG)


def within(read: LastRead) -> tuple[str, str]:
    """Return the time within which no other sync may have been under way, for the read not to be torn."""
    return read.asked_at, dates.moved(read.looked_at, LAG)


def may_be_torn(old: Bookmark, meanwhile: Mapping[str, str] | None) -> bool:
    """Say whether a sync may have been under way, unseen, during the last read: the status was behind, then.

    The one that the run itself queued after the read was not, if it was requested after it, by clocks that may differ.

    Args:
        old: the bookmark of that read.
        meanwhile: the syncs that were under way then, by id, and when they were requested; None if that is not known.
    """
    if old.read is None:
        return False
    if meanwhile is None:
        return True
    over = dates.moved(old.read.looked_at, -CLOCKS_DIFFER)
    return any(
        sync_id != old.sync_id and not (sync_id == old.queued and requested >= over)
        for sync_id, requested in meanwhile.items()
    )


def trusted(
    old: Bookmark, status: SyncStatus, asked_at: str, *, meanwhile: Mapping[str, str] | None, own: bool
) -> Bookmark:
    """Return a bookmark as far as it is trusted: without a stamp, all is asked for again.

    Args:
        old: the bookmark.
        status: how the data set stands now.
        asked_at: when that was asked for, by Codat's clock, as a stamp.
        meanwhile: as for `may_be_torn`; not looked at where nothing has changed since.
        own: whether the sync that it was made of is surely one of the connection.
    """
    if is_after_its_sync(old, status, asked_at):
        return replace(old, stamp=None, exclusive=False)
    if not is_intact(old):
        return replace(old, exclusive=False)
    if is_what_was_read(old, status) or (own and not may_be_torn(old, meanwhile)):
        return old
    return replace(old, stamp=None, exclusive=False)


def may_go_on(after: Checkpoint | None, status: SyncStatus, query: str | None, page_size: int) -> bool:
    """Say whether an interrupted read may be gone on from: nothing has moved since, and the same is asked for.

    A read that began before the good sync had settled is begun anew: its first pages may be of an older state. So is
    one that began after a failed sync: nothing tells when that failed.
    """
    if after is None or not status.certain or status.kind is not Kind.GOOD or not is_settled(status, after.asked_at):
        return False
    now = (status.good_sync_id, status.sync_id, query, page_size)
    return (after.sync_id, after.latest_sync_id, after.query, after.page_size) == now


def _seal(bookmark: Bookmark) -> str:
    """Return what changes with stamp, sync and time of a bookmark; nothing for those of older versions of the tap."""
    if bookmark.read is None:
        return ""
    return _sealed(bookmark.stamp or "", bookmark.sync_id or "", bookmark.read.started_at)


@lru_cache(maxsize=256)  # of one company after another; each is asked for several times
def _sealed(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=2).hexdigest()
