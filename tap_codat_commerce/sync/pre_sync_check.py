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
        """The bookmark, looked up once: it moves with the data set alone."""
        return self._selected.bookmarks.find(self._connection.context)

    @property
    def shared(self) -> bool:
        """Whether the company's status may be that of another shop: there are several, or there were."""
        return self._connection.several or (self.bookmark.seen or "").startswith(proof.OF_SEVERAL)

    @property
    def asked_at(self) -> str:
        """When the status was asked for, by Codat's clock, as a stamp."""
        return self._statuses.asked_at(self._connection.company_id)

    @property
    def is_company_under_way(self) -> bool:
        """Whether a sync of the data type is under way, over whatever connection, by the latest look."""
        known = self._history.known(self._connection.company_id)
        shows = known is not None and known.are_under_way(self._data_type)
        return self._company.kind is Kind.UNDER_WAY or shows

    # How does it stand?

    def status(self) -> SyncStatus:
        """Return how the data set stands: by its company's status, or by its own operations beside other shops.

        Raises:
            CodatError: a request failed.
        """
        self._company = self._statuses.status(self._connection.company_id, self._data_type)
        if not self.needs_history(self._company):
            return self._company
        return self._own_status() or replace(self._company, certain=False)

    def status_after(self) -> SyncStatus:
        """Return how the data set stands after a read, when what was known of the company has been forgotten.

        Beside other shops, its own operations tell, and the company's status need not be asked for.

        Raises:
            CodatError: a request failed.
        """
        own = self._own_status() if self.shared else None
        return own or self.status()

    def needs_history(self, company: SyncStatus) -> bool:
        """Say whether the company's status does not tell how the data set stands."""
        ever = company.current is not None or company.has_data
        return self.shared and ever and not self._seen_before(company)

    def _own_status(self) -> SyncStatus | None:
        company_id, connection_id = self._connection.company_id, self._connection.connection_id
        operations = self._history.of(company_id)
        if operations.are_behind(self._company):
            return None
        own = operations.status(connection_id, self._data_type)
        if own is None:  # another shop of the company may have so many that its own are out of sight
            operations = self._history.of(company_id, connection_id)
            own = operations.status(connection_id, self._data_type)
        return own

    # What is to be done?

    def verdict(self, status: SyncStatus) -> Verdict:
        """Return what to do with the data set."""
        if self._seen_before(self._company):
            return Verdict(Action.UNCHANGED)
        unchanged = self._options.skip_unchanged and not self._full_read_is_due and self._is_what_was_read(status)
        return data_status.judge(status, unchanged=unchanged, alone=self._connection.alone)

    def is_settled(self, status: SyncStatus) -> bool:
        """Say whether the good sync ended so long ago that every machine of Codat's hands it out."""
        return proof.is_settled(status, self.asked_at)

    def trusted(self, status: SyncStatus) -> Bookmark:
        """Return the bookmark; one without a stamp where the read behind it may have been proven wrongly.

        So it may if another sync was under way during the read: the status was behind, then. Or if the connection stood
        alone, and its company's status was already that of another one that has come since.

        Raises:
            CodatError: the history of operations can't be asked for.
        """
        old, connection = self.bookmark, self._connection
        meanwhile: dict[str, str] | None = {}
        if old.read and self.looks_back(status):
            begin, end = proof.within(old.read)
            operations = self._history.reaching(connection.company_id, connection.connection_id, begin)
            meanwhile = operations.within(connection.connection_id, self._data_type, begin, end)
        own = self._is_what_was_read(status) or not self._may_be_of_another()
        return proof.trusted(old, status, self.asked_at, meanwhile=meanwhile, own=own)

    def looks_back(self, status: SyncStatus) -> bool:
        """Say whether the history has to tell what ran during the last read: the data set has changed since."""
        return self.bookmark.read is not None and not self._is_what_was_read(status)

    def is_plain(self, status: SyncStatus) -> bool:
        """Say whether `trusted` needs no request."""
        read, known = self.bookmark.read, self._history.known(self._connection.company_id)
        reaches = bool(known and read and known.reach(proof.within(read)[0]))
        return (reaches or not self.looks_back(status)) and not self._may_be_of_another(known_only=True)

    def _may_be_of_another(self, *, known_only: bool = False) -> bool:
        sync_id, connection, history = self.bookmark.sync_id, self._connection, self._history
        if not (connection.several and sync_id):
            return False
        if history.of(connection.company_id).has(sync_id, connection.connection_id):
            return False
        own = history.of(connection.company_id, connection.connection_id) if not known_only else None
        return own is None or not own.has(sync_id, connection.connection_id)

    @property
    def _full_read_is_due(self) -> bool:
        return self.bookmark.full_read_is_due(self._options.full_read_every_days)

    def _is_what_was_read(self, status: SyncStatus) -> bool:
        return proof.is_what_was_read(self.bookmark, status)

    # What will a later run know it by?

    def mark(self, status: SyncStatus) -> str | None:
        """Return what a later run may know the data set by, beside the id of its good sync; None if nothing is sure."""
        if not status.certain or status.kind is not Kind.GOOD:
            return proof.mark_of_failed(self.bookmark, status, self.asked_at) if status.certain else None
        if self._connection.several or (self.shared and self._company.mark != status.mark):
            return self._mark_of_several(self._company)
        return status.mark

    def as_unchanged(self, status: SyncStatus) -> Bookmark:
        """Return the bookmark by which the next run need not ask how an unchanged data set stands."""
        if not self.shared or self._seen_before(self._company):
            return self.bookmark
        new = proof.bound(replace(self.bookmark, checkpoint=None), self.mark(status))
        return self.bookmark if self.bookmark.seen == new.seen else new

    def as_not_supported(self, status: SyncStatus) -> Bookmark:
        """Return the bookmark by which the data set's own word is taken that the platform does not offer it.

        It holds until something moves there.
        """
        mark = self._mark_of_several(self._company) if self.shared else status.mark
        sync_id = status.good_sync_id
        new = replace(self.bookmark, sync_id=sync_id, not_supported=True, checkpoint=None, is_new=False)
        return proof.bound(new, mark)

    def _seen_before(self, company: SyncStatus) -> bool:
        """Say whether a company with several shops is as it was when this shop's data set was known to be unchanged."""
        options, old = self._options, self.bookmark
        may_be_refreshed = options.refresh_older_than_hours is not None and not old.not_supported
        ask = not options.skip_unchanged or may_be_refreshed or self._full_read_is_due
        known = self.shared and not ask and proof.tells_of_each(company) and proof.is_intact(old)
        return known and proof.mark_of(old) == self._mark_of_several(company)

    def _mark_of_several(self, company: SyncStatus) -> str:
        ids = company.good_sync_id, company.sync_id
        last_sync = str(self._connection.details.get("lastSync"))
        return proof.OF_SEVERAL + data_status.mark(*ids, company.last_good_sync, last_sync)
