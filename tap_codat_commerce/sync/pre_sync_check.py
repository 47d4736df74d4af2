"""The pre-sync check of one data set of one connection: how it stands, and what is to be done with it.

A company's data status speaks for all of its connections. Where there are several shops, each one's status is made of
its own pull operations; they are asked for only where something can have moved.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from tap_codat_commerce.sync import data_status, proof
from tap_codat_commerce.sync.data_status import Action, Kind, SyncStatus, Verdict

if TYPE_CHECKING:
    from tap_codat_commerce.sync.bookmark import Bookmark
    from tap_codat_commerce.sync.company_selection import ConnectionRef
    from tap_codat_commerce.sync.data_set import SelectedDataSet
    from tap_codat_commerce.sync.data_status import DataStatuses
    from tap_codat_commerce.sync.options import SyncOptions
    from tap_codat_commerce.sync.pull_history import PullHistory


class PreSyncCheck:
    """What is known of a data set before it is read, and between two reads."""

    def __init__(
        self,
        selected: SelectedDataSet,
        connection: ConnectionRef,
        statuses: DataStatuses,
        history: PullHistory,
        options: SyncOptions,
    ) -> None:
        """Prepare, without a request."""
        self._selected, self._connection = selected, connection
        self._statuses, self._history, self._options = statuses, history, options
        self._data_type = selected.data_set.data_type
        self._company = SyncStatus()

    @cached_property
    def bookmark(self) -> Bookmark:
        """The bookmark. It moves only when the check has nothing more to say: so it is looked up once."""
        return self._selected.bookmarks.find(self._connection.context)

    @property
    def shared(self) -> bool:
        """Whether the company's status may be that of another shop: there are several, or there were."""
        return self._connection.several or (self.bookmark.seen or "").startswith(proof.OF_SEVERAL)

    @property
    def asked_at(self) -> str:
        """When the status was asked for, by Codat's clock, as a stamp."""
        return self._statuses.asked_at(self._connection.company_id)

    # How does it stand?

    def status(self, *, anew: bool = False) -> SyncStatus:
        """Return how the data set stands: by its company's status, or by its own operations beside other shops.

        Raises:
            CodatError: a request failed.
        """
        if self.shared and anew and (own := self._own_status(anew=True)):
            return own
        self._company = self._statuses.status(self._connection.company_id, self._data_type, anew=anew)
        if not self.needs_history(self._company):
            return self._company
        return (None if anew else self._own_status()) or replace(self._company, certain=False)

    def needs_history(self, company: SyncStatus) -> bool:
        """Say whether the company's status does not tell how the data set stands."""
        ever = company.current is not None or company.has_data
        return self.shared and ever and not self._seen_before(company)

    def _own_status(self, *, anew: bool = False) -> SyncStatus | None:
        company_id, connection_id = self._connection.company_id, self._connection.connection_id
        operations = self._history.of(company_id, anew=anew)
        if operations.are_behind(self._company):
            return None
        own = operations.status(connection_id, self._data_type)
        if own is None:  # another shop of the company may have so many that its own are out of sight
            operations = self._history.of(company_id, connection_id, anew=anew)
            own = operations.status(connection_id, self._data_type)
        return own

    # What is to be done?

    def verdict(self, status: SyncStatus) -> Verdict:
        """Return what to do with the data set."""
        unchanged = self._options.skip_unchanged and self._is_what_was_read(status)
        seen_before = self.shared and self._seen_before(self._company)
        return Verdict(Action.UNCHANGED) if seen_before else data_status.judge(status, unchanged=unchanged)

    def trusted(self, status: SyncStatus) -> Bookmark:
        """Return the bookmark; one without a stamp where the read behind it may have been proven wrongly.

        So it may if another sync was under way during the read: the status was behind, then. Or if the connection stood
        alone, and its company's status was already that of another one that has come since.

        Raises:
            CodatError: the history of operations can't be asked for.
        """
        old = self.bookmark
        if proof.is_after_its_sync(old, status, self.asked_at):
            return proof.anew(old)
        if self._is_what_was_read(status) or not (self._may_be_torn(status) or self._may_be_of_another()):
            return old
        return proof.anew(old)

    @property
    def is_plain(self) -> bool:
        """Whether `trusted` needs no request."""
        return not self.bookmark.read_until and not self._may_be_of_another(known_only=True)

    def _may_be_torn(self, status: SyncStatus) -> bool:
        if (within := proof.last_read(self.bookmark)) is None:
            return False
        operations = self._history.of(self._connection.company_id)
        meanwhile = operations.within(self._connection.connection_id, self._data_type, *within)
        return proof.may_be_torn(self.bookmark, status, meanwhile)

    def _may_be_of_another(self, *, known_only: bool = False) -> bool:
        sync_id, connection, history = self.bookmark.sync_id, self._connection, self._history
        if not (connection.several and sync_id):
            return False
        if history.of(connection.company_id).has(sync_id, connection.connection_id):
            return False
        own = history.of(connection.company_id, connection.connection_id) if not known_only else None
        return own is None or not own.has(sync_id, connection.connection_id)

    def _is_what_was_read(self, status: SyncStatus) -> bool:
        return proof.is_what_was_read(self.bookmark, status)

    # What will a later run know it by?

    def mark(self, status: SyncStatus) -> str | None:
        """Return what a later run may know the data set by, beside the id of its good sync; None if nothing is sure."""
        if not status.certain or status.kind is not Kind.GOOD:
            return status.mark if status.certain else None
        if self._connection.several or (self.shared and self._company.mark != status.mark):
            return self._mark_of_several(self._company)
        return status.mark

    def as_unchanged(self, status: SyncStatus) -> Bookmark:
        """Return the bookmark by which the next run need not ask how an unchanged data set stands."""
        if not self.shared or self._seen_before(self._company):
            return self.bookmark
        seen = self.mark(status)
        return self.bookmark if self.bookmark.seen == seen else replace(self.bookmark, seen=seen, checkpoint=None)

    def as_not_supported(self, status: SyncStatus) -> Bookmark:
        """Return the bookmark by which the data set's own word is taken that the platform does not offer it.

        It holds until something moves there.
        """
        seen = self._mark_of_several(self._company) if self.shared else status.mark
        sync_id = status.good_sync_id
        return replace(self.bookmark, sync_id=sync_id, seen=seen, not_supported=True, checkpoint=None)

    def _seen_before(self, company: SyncStatus) -> bool:
        """Say whether a company with several shops is as it was when this shop's data set was known to be unchanged."""
        options = self._options
        ask = not options.skip_unchanged or options.refresh_older_than_hours is not None
        return not ask and self.bookmark.seen == self._mark_of_several(company)

    def _mark_of_several(self, company: SyncStatus) -> str:
        ids = company.good_sync_id, company.sync_id
        last_sync = str(self._connection.details.get("lastSync"))
        return proof.OF_SEVERAL + data_status.mark(*ids, company.last_good_sync, last_sync)
