"""Syncs that a run has queued, of data sets that are older than the user wants them to be."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_codat_commerce.codat import errors
from tap_codat_commerce.codat.clock import utc_now
from tap_codat_commerce.sync.data_status import AUTH_ERROR, Kind

if TYPE_CHECKING:
    from collections.abc import Hashable

    from tap_codat_commerce.codat.prefetcher import Position
    from tap_codat_commerce.sync.company_selection import ConnectionRef
    from tap_codat_commerce.sync.data_status import DataStatuses, SyncStatus
    from tap_codat_commerce.sync.outcome import Outcome

ENDED = (Kind.GOOD, Kind.FAILED)
A_FEW = 5
"""After so many companies in a row of which a refresh could not be queued, no more are asked for in the run."""
ASKED_FOR = "the sync that was asked for has not ended"
ANOTHER = "another sync of the company has kept Codat from beginning it"

logger = logging.getLogger("tap-codat-commerce")


class Refreshes:
    """What all refreshes of a run have in common: what is old, and where it is no use to ask for more.

    Attributes:
        have_ended: whether no more are asked for in this run.
    """

    def __init__(self, statuses: DataStatuses, older_than_hours: int | None) -> None:
        """Begin without a request; without a number of hours, nothing is old."""
        self.statuses, self.older_than_hours = statuses, older_than_hours
        self.have_ended = False
        self._in_a_row: set[str] = set()
        self._errors: dict[str, errors.CodatError] = {}
        self._offered: dict[Hashable, str] = {}

    def offer(self, token: Hashable, company_id: str) -> None:
        """Note that a sync of a company may be queued ahead."""
        self._offered[token] = company_id

    def take(self, token: Hashable) -> bool:
        """Note that it is the turn of what may have been queued ahead; say whether it may have been."""
        return self._offered.pop(token, None) is not None

    def is_offered(self, token: Hashable) -> bool:
        """Say whether a sync may have been queued ahead, whose turn has not come."""
        return token in self._offered

    def error(self, company_id: str) -> errors.CodatError | None:
        """Return why no more refreshes of a company are asked for, None if they are."""
        return self._errors.get(company_id)

    def went_well(self) -> None:
        """Note that a refresh was queued."""
        self._in_a_row.clear()

    def went_wrong(self, error: errors.CodatError, company_id: str) -> None:
        """Note that a refresh could not be queued: no more of this company are asked for; after a few, none at all.

        An error that ends the run ends the refreshes alone: it may speak of them, and what there is can be read. What
        was queued ahead already has its turn.
        """
        self._in_a_row.add(company_id)
        self._errors[company_id] = error
        self.have_ended = isinstance(error, errors.EndsTheRun) or len(self._in_a_row) >= A_FEW
        for token, owner in [*self._offered.items()]:
            if (self.have_ended or owner == company_id) and self.statuses.withdraw(token):
                del self._offered[token]


class Refresh:
    """The sync of one data set that a run may queue, once.

    Attributes:
        sync_id: its id, once it was queued, if Codat has told it.
    """

    def __init__(
        self, all_: Refreshes, connection: ConnectionRef, data_type: str, position: Position, outcome: Outcome
    ) -> None:
        """Prepare, without a request; `position` is when it is needed, among the answers of all data sets."""
        self._all, self._connection, self._data_type = all_, connection, data_type
        self._position, self._outcome = position, outcome
        self._token = ("refresh", connection.connection_id, data_type)
        self._was_tried = self._is_anothers = False
        self._before: SyncStatus | None = None
        self.sync_id: str | None = None

    def is_due(self, status: SyncStatus) -> bool:
        """Say whether the data set is older than it should be, and the run may try to have it synced."""
        if self._was_tried or (self._all.have_ended and not self._all.is_offered(self._token)):
            return False
        old = status.older_than(self._all.older_than_hours, utc_now())
        return old and status.kind in ENDED and status.current != AUTH_ERROR and self._connection.can_sync

    def prefetch(self) -> Hashable:
        """Have the sync queued ahead that `queue` will be asked for; return the token to drop what came of it."""
        if not self._all.error(self._connection.company_id):
            self._all.offer(self._token, self._connection.company_id)
            ids = self._connection.company_id, self._connection.connection_id, self._data_type
            self._all.statuses.prefetch_refresh(*ids, self._position, self._token)
        return self._token

    def queue(self, status: SyncStatus) -> bool:
        """Queue a sync of a data set that is due; say whether one is under way now. If not, that is reported.

        Beside other shops, what is under way may be a sync of theirs: then it is asked for again later.
        """
        company_id = self._connection.company_id
        error = self._all.error(company_id)
        self._was_tried, self._is_anothers, self._before = True, False, None
        if not self._all.take(self._token) and error:
            self._outcome.not_refreshed(error, is_last=False)
            return False
        ids = company_id, self._connection.connection_id, self._data_type
        try:
            self.sync_id = self._all.statuses.refresh(*ids, self._token).id
        except errors.UnderWay as exc:
            logger.debug("%s: a refresh could not be queued: %s", self._outcome.where, exc.what)
            self._is_anothers = self._connection.several
        except errors.CodatError as exc:
            self._not_queued(exc)
            return False
        self._was_tried, self._before = not self._is_anothers, status
        self._all.went_well()
        return True

    def end(self) -> None:
        """Note that the sync that was queued has ended: what it brought is to be read."""
        self._was_tried, self._before = self._was_tried or self.is_queued, None

    @property
    def is_queued(self) -> bool:
        """Whether a sync was queued, or found under way then, and has not ended."""
        return self._before is not None

    @property
    def awaits(self) -> str:
        """What is waited for, for people."""
        return ANOTHER if self._is_anothers else ASKED_FOR

    def is_awaited(self, status: SyncStatus) -> bool:
        """Say whether the data set's status is still from before the sync that was queued."""
        return self._before == status

    def _not_queued(self, error: errors.CodatError) -> None:
        """Say so; what speaks of more than this data set counts for others."""
        if isinstance(error, errors.BadRequest):
            logger.debug("%s", error.at(self._outcome.where))
            why = (error.message or error.what).rstrip(".")
            self._outcome.report(f"A refresh could not be queued, what is there is read: {why}.", level=logging.INFO)
            return
        had_ended = self._all.have_ended
        if not isinstance(error, errors.NotFound):
            self._all.went_wrong(error, self._connection.company_id)
        self._outcome.not_refreshed(error, is_last=self._all.have_ended and not had_ended)
