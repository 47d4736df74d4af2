"""The pre-sync check of one data set of one connection: how it stands, and what is to be done with it.

A company's data status speaks for all of its connections. Where there are several shops, each one's status is made of
its own pull operations; they are asked for only where something can have moved.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from tap_codat_commerce.codat.clock import utc_now
from tap_codat_commerce.records import dates
from tap_codat_commerce.sync import data_status
from tap_codat_commerce.sync.data_status import Kind, SyncStatus

if TYPE_CHECKING:
    from tap_codat_commerce.sync.bookmark import Bookmark
    from tap_codat_commerce.sync.company_selection import ConnectionRef
    from tap_codat_commerce.sync.data_set import Sink
    from tap_codat_commerce.sync.data_status import Verdict
    from tap_codat_commerce.sync.run import Run

SETTLED = (Kind.GOOD, Kind.FAILED)
OF_SEVERAL = "several "
"""What `seen` begins with in a company with several shops."""
LAG = 60.0
"""Seconds. A sync that ended less than that after a read of many pages may have been under way, unseen, during it."""


class PreSyncCheck:
    """What is known of a data set before it is read, and between two reads."""

    def __init__(self, run: Run, sink: Sink, connection: ConnectionRef) -> None:
        """Prepare, without a request."""
        self._run, self._sink, self._connection = run, sink, connection
        self._data_type = sink.data_set.data_type
        self._company = SyncStatus()

    @cached_property
    def bookmark(self) -> Bookmark:
        """The bookmark. It moves only when the check has nothing more to say: so it is looked up once."""
        return self._sink.bookmark(self._connection.context)

    def trusted(self, status: SyncStatus) -> Bookmark:
        """Return the bookmark; one without a stamp where the read behind it may have been proven wrongly.

        So it may if another sync was under way during the read: the status was behind, then. Or if the connection stood
        alone, and its company's status was already that of another one that has come since. Nor can a stamp be right
        that is later than the end of the good sync: no read leads there.

        Raises:
            CodatError: the history of operations can't be asked for.
        """
        if (self.bookmark.stamp or "") > dates.moved(dates.stamp(status.last_good_sync) or self.asked_at, LAG):
            return replace(self.bookmark, stamp=None, exclusive=False)
        if self._is_what_was_read(status) or not (self._may_be_torn(status) or self._may_be_of_another()):
            return self.bookmark
        return replace(self.bookmark, stamp=None, exclusive=False)

    @property
    def is_plain(self) -> bool:
        """Whether `trusted` needs no request."""
        return not self.bookmark.read_until and not self._may_be_of_another(known_only=True)

    def _may_be_torn(self, status: SyncStatus) -> bool:
        old, connection = self.bookmark, self._connection
        if not old.read_from or not old.read_until:
            return False
        begin, end = old.read_from, dates.moved(old.read_until, LAG)
        operations = self._run.history.of(connection.company_id)
        syncs = operations.within(connection.connection_id, self._data_type, begin, end)
        if syncs is None:
            ended = dates.stamp(status.last_good_sync)
            return ended is not None and begin < ended < end
        return not syncs <= {old.sync_id}

    def _may_be_of_another(self, *, known_only: bool = False) -> bool:
        old, connection, history = self.bookmark, self._connection, self._run.history
        if not (connection.several and old.sync_id):
            return False
        if history.of(connection.company_id).has(old.sync_id, connection.connection_id):
            return False
        own = history.of(connection.company_id, connection.connection_id) if not known_only else None
        return own is None or not own.has(old.sync_id, connection.connection_id)

    @property
    def shared(self) -> bool:
        """Whether the company's status may be that of another shop: there are several, or there were."""
        return self._connection.several or (self.bookmark.seen or "").startswith(OF_SEVERAL)

    @property
    def seen_before(self) -> bool:
        """Whether nothing at all has moved in a company with several shops, by the status that was asked for last."""
        return self.shared and self._seen_before(self._company)

    def needs_history(self, company: SyncStatus) -> bool:
        """Say whether the company's status does not tell how the data set stands."""
        ever = company.current is not None or company.has_data
        return self.shared and ever and not self._seen_before(company)

    def status(self, *, anew: bool = False) -> SyncStatus:
        """Return how the data set stands: by its company's status, or by its own operations beside other shops."""
        if self.shared and anew and (own := self._own_status(anew=True)):
            return own
        company_id, data_type = self._connection.company_id, self._data_type
        self._company = self._run.statuses.status(company_id, data_type, anew=anew)
        if not self.needs_history(self._company):
            return self._company
        return (None if anew else self._own_status()) or replace(self._company, certain=False)

    def _own_status(self, *, anew: bool = False) -> SyncStatus | None:
        company_id, connection_id = self._connection.company_id, self._connection.connection_id
        operations = self._run.history.of(company_id, anew=anew)
        if operations.are_behind(self._company):
            return None
        own = operations.status(connection_id, self._data_type)
        if own is None:  # another shop of the company may have so many that its own are out of sight
            operations = self._run.history.of(company_id, connection_id, anew=anew)
            own = operations.status(connection_id, self._data_type)
        return own

    @property
    def asked_at(self) -> str:
        """When the status was asked for, by Codat's clock, as a stamp."""
        return self._run.statuses.asked_at(self._connection.company_id)

    def verdict(self, status: SyncStatus) -> Verdict:
        """Return what to do with the data set."""
        return data_status.judge(status, unchanged=self._unchanged(status))

    def may_refresh(self, status: SyncStatus) -> bool:
        """Say whether the data is older than it should be, and a sync can be queued."""
        old = status.older_than(self._run.options.refresh_older_than_hours, utc_now())
        return old and status.kind in SETTLED and self._connection.can_sync

    def remember(self, status: SyncStatus) -> None:
        """Remember that the data set was seen to be unchanged, so that the next run need not ask how it stands."""
        old, seen = self.bookmark, self.seen(status)
        if old.seen != seen:
            self._sink.move_bookmark(self._connection.context, replace(old, seen=seen, checkpoint=None))

    def seen(self, status: SyncStatus) -> str | None:
        """Return what a later run may know the data set by, beside the id of its good sync."""
        if not status.certain or status.kind is not Kind.GOOD:
            return status.mark if status.certain else None
        if self._connection.several or (self.shared and self._company.mark != status.mark):
            return self._mark(self._company)
        return status.mark

    def not_supported(self, status: SyncStatus) -> None:
        """Take the data set's own word that the platform does not offer it, until something moves there."""
        seen = self._mark(self._company) if self.shared else status.mark
        new = {"sync_id": status.good_sync_id, "seen": seen, "not_supported": True, "checkpoint": None}
        bookmark = replace(self.bookmark, **new)  # type: ignore[arg-type]
        self._sink.move_bookmark(self._connection.context, bookmark)

    def _unchanged(self, status: SyncStatus) -> bool:
        """Say whether the data set is what a proven read brought before: no sync ended, nor failed, since."""
        return self._run.options.skip_unchanged and self._is_what_was_read(status)

    def _is_what_was_read(self, status: SyncStatus) -> bool:
        old = self.bookmark
        if old.sync_id is None or not status.certain:
            return False
        only_good = status.kind is Kind.GOOD and status.sync_id in {None, status.good_sync_id}
        by_id = old.seen is None or old.seen.startswith(OF_SEVERAL)
        return (by_id and only_good and old.sync_id == status.good_sync_id) or old.seen == status.mark

    def _seen_before(self, company: SyncStatus) -> bool:
        """Say whether a company with several shops is as it was when this shop's data set was known to be unchanged."""
        options = self._run.options
        ask = not options.skip_unchanged or options.refresh_older_than_hours is not None
        return not ask and self.bookmark.seen == self._mark(company)

    def _mark(self, company: SyncStatus) -> str:
        ids = company.good_sync_id, company.sync_id
        last_sync = str(self._connection.details.get("lastSync"))
        return OF_SEVERAL + data_status.mark(*ids, company.last_good_sync, last_sync)
