"""Syncs that a run has queued, of data sets that are older than the user wants them to be."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_codat_commerce.codat import errors
from tap_codat_commerce.codat.clock import utc_now
from tap_codat_commerce.sync.data_status import Kind

if TYPE_CHECKING:
    from collections.abc import Hashable

    from tap_codat_commerce.codat.prefetcher import Position
    from tap_codat_commerce.sync.company_selection import ConnectionRef
    from tap_codat_commerce.sync.data_status import DataStatuses, SyncStatus
    from tap_codat_commerce.sync.outcome import Outcome

ENDED = (Kind.GOOD, Kind.FAILED)
A_FEW = 5
"""After so many refreshes in a row that could not be queued, no more are asked for in the run."""

logger = logging.getLogger("tap-codat-commerce")


class Refreshes:
    """What all refreshes of a run have in common: what is old, and when it is no use to ask for more."""

    def __init__(self, statuses: DataStatuses, older_than_hours: int | None) -> None:
        """Begin without a request; without a number of hours, nothing is old."""
        self.statuses, self.older_than_hours = statuses, older_than_hours
        self.have_ended = False
        self._refused: set[Hashable] = set()
        self._offered: set[Hashable] = set()

    def offer(self, token: Hashable) -> None:
        """Note that a sync may be queued ahead."""
        self._offered.add(token)

    def take(self, token: Hashable) -> None:
        """Note that it is the turn of what may have been queued ahead."""
        self._offered.discard(token)

    def went_well(self) -> None:
        """Note that a refresh was queued."""
        self._refused.clear()

    def went_wrong(self, error: errors.CodatError, token: Hashable, company_id: str) -> None:
        """Note that a refresh could not be queued: of trouble each counts, of refusals each company.

        An error that ends the run ends the refreshes alone: it may speak of them, and what there is can be read.
        """
        self._refused.add(token if error.retriable else company_id)
        self.have_ended = isinstance(error, errors.EndsTheRun) or len(self._refused) >= A_FEW
        if self.have_ended:
            self.statuses.drop(self._offered)


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
        self._was_tried = False
        self._before: SyncStatus | None = None
        self.sync_id: str | None = None

    def is_due(self, status: SyncStatus) -> bool:
        """Say whether the data set is older than it should be, and the run may try to have it synced."""
        old = not self._all.have_ended and status.older_than(self._all.older_than_hours, utc_now())
        return old and status.kind in ENDED and self._connection.can_sync and not self._was_tried

    def prefetch(self) -> Hashable:
        """Have the sync queued ahead that `queue` will be asked for; return the token to drop what came of it."""
        self._all.offer(self._token)
        ids = self._connection.company_id, self._connection.connection_id, self._data_type
        self._all.statuses.prefetch_refresh(*ids, self._position, self._token)
        return self._token

    def queue(self, status: SyncStatus) -> bool:
        """Queue a sync of a data set that is due; say whether one is under way now. If not, that is reported."""
        self._was_tried = True
        self._all.take(self._token)
        ids = self._connection.company_id, self._connection.connection_id, self._data_type
        try:
            self.sync_id = self._all.statuses.refresh(*ids).id
        except errors.UnderWay as exc:
            logger.debug("%s: a refresh could not be queued: %s", self._outcome.where, exc.what)
        except errors.CodatError as exc:
            self._not_queued(exc)
            return False
        self._before = status
        self._all.went_well()
        return True

    def end(self) -> None:
        """Note that the sync that was queued has ended: what it brought is to be read."""
        self._before = None

    @property
    def is_queued(self) -> bool:
        """Whether a sync was queued, or found under way then, and has not ended."""
        return self._before is not None

    def is_awaited(self, status: SyncStatus) -> bool:
        """Say whether the data set's status is still from before the sync that was queued."""
        return self._before == status

    def _not_queued(self, error: errors.CodatError) -> None:
        """Say so; what speaks of more than this data set counts for all."""
        if isinstance(error, errors.BadRequest):
            logger.debug("%s", error.at(self._outcome.where))
            why = (error.message or error.what).rstrip(".")
            self._outcome.report(f"A refresh could not be queued, what is there is read: {why}.", level=logging.INFO)
            return
        if not isinstance(error, errors.NotFound):
            self._all.went_wrong(error, self._token, self._connection.company_id)
        self._outcome.not_refreshed(error, is_last=self._all.have_ended)
