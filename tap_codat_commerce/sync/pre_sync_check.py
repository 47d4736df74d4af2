"""The pre-sync check of one data set of one connection: how it stands, and what is to be done with it.

A company's data status speaks for all of its connections. Where there are several shops, each one's status is made of
its own pull operations; they are asked for only where something can have moved.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from tap_codat_commerce.codat.retry_policy import utc_now
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

        So it may if a sync ended that may have begun before the read was over: the status was behind, then. Or if the
        connection stood alone, and its company's status was already that of another one that has come since.
        """
        old, ended = self.bookmark, dates.stamp(status.last_good_sync)
        unseen = old.read_until and ended and ended < dates.moved(old.read_until, LAG)
        of_another = self._connection.several and old.sync_id and not old.seen and not self._is_own(old.sync_id)
        if (unseen and status.good_sync_id != old.sync_id) or of_another:
            return replace(old, stamp=None, exclusive=False)
        return old

    def _is_own(self, sync_id: str) -> bool:
        operations = self._run.history.of(self._connection.company_id)
        return operations.has(sync_id, self._connection.connection_id)

    @property
    def shared(self) -> bool:
        """Whether the company's status may be that of another shop: there are several, or there were."""
        return self._connection.several or self.bookmark.seen is not None

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
        operations = self._run.history.of(self._connection.company_id, anew=anew)
        return operations.status(self._connection.connection_id, self._data_type, self._company)

    def known_until(self, status: SyncStatus) -> str | None:
        """Return when the good sync ended that is to be read, as a stamp; None if that is not known.

        It is never after the status was asked for, whatever clock Codat wrote it by.
        """
        ended = dates.stamp(status.last_good_sync) if status.certain else None
        return min(ended, self._run.statuses.asked_at(self._connection.company_id)) if ended else None

    def verdict(self, status: SyncStatus) -> Verdict:
        """Return what to do with the data set."""
        link = self._connection.details.get("linkUrl")
        return data_status.judge(status, self._data_type, link, unchanged=self._unchanged(status))

    def may_refresh(self, status: SyncStatus) -> bool:
        """Say whether the data is older than it should be, and a sync can be queued."""
        old = status.older_than(self._run.options.refresh_older_than_hours, utc_now())
        return old and status.kind in SETTLED and self._connection.details.get("status") == "Linked"

    def remember(self, status: SyncStatus) -> None:
        """Remember that the data set was seen to be unchanged, so that the next run need not ask how it stands."""
        old, seen = self.bookmark, self.seen(status)
        if old.seen != seen:
            self._sink.move_bookmark(self._connection.context, replace(old, seen=seen, checkpoint=None))

    def seen(self, status: SyncStatus) -> str | None:
        """Return what a later run may know the data set by, beside the id of its good sync."""
        if not status.certain or status.kind is not Kind.GOOD:
            return status.mark if status.certain else None
        if self.shared:
            return self._mark(self._company)
        return None if status.sync_id in {None, status.good_sync_id} else status.mark

    def not_supported(self, status: SyncStatus) -> None:
        """Take the data set's own word that the platform does not offer it, until something moves there."""
        seen = self._mark(self._company) if self.shared else status.mark
        bookmark = replace(self.bookmark, sync_id=status.good_sync_id, seen=seen, checkpoint=None)
        self._sink.move_bookmark(self._connection.context, bookmark)

    def why_not_ready(self, status: SyncStatus) -> tuple[str, str]:
        """Return why a data set without a good sync can't be read, and what the user can do about it."""
        return data_status.why_not_ready(status, self._data_type, self._connection.details.get("linkUrl"))

    def _unchanged(self, status: SyncStatus) -> bool:
        """Say whether the data set is what a proven read brought before: no sync ended, nor failed, since."""
        old = self.bookmark
        if not self._run.options.skip_unchanged or old.sync_id is None or not status.certain:
            return False
        only_good = status.kind is Kind.GOOD and status.sync_id in {None, status.good_sync_id}
        return (only_good and old.sync_id == status.good_sync_id) or old.seen == status.mark

    def _seen_before(self, company: SyncStatus) -> bool:
        """Say whether a company with several shops is as it was when this shop's data set was known to be unchanged."""
        options = self._run.options
        ask = not options.skip_unchanged or options.refresh_older_than_hours is not None
        return not ask and self.bookmark.seen == self._mark(company)

    def _mark(self, company: SyncStatus) -> str:
        return data_status.mark(company.good_sync_id, company.sync_id, str(self._connection.details.get("lastSync")))
