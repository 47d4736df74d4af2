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

ENDED = (Kind.GOOD, Kind.FAILED)
A_FEW = 5
"""After so many refreshes in a row that could not be queued, no more are asked for in the run."""

logger = logging.getLogger("tap-codat-commerce")


class Refreshes:
    """Queues a refresh of each old data set, once in a run.

    Attributes:
        have_ended: whether no more are asked for in this run.
    """

    def __init__(self, statuses: DataStatuses, older_than_hours: int | None) -> None:
        """Begin without a request; without a number of hours, nothing is old."""
        self._statuses, self._hours = statuses, older_than_hours
        self._queued: dict[Hashable, SyncStatus | None] = {}
        self._refused: set[Hashable] = set()
        self._offered: set[Hashable] = set()
        self.have_ended = False

    def are_due(self, key: Hashable, connection: ConnectionRef, status: SyncStatus) -> bool:
        """Say whether a data set is older than it should be, and the run may try to have it synced."""
        old = not self.have_ended and status.older_than(self._hours, utc_now())
        return old and status.kind in ENDED and connection.can_sync and key not in self._queued

    def prefetch(self, key: Hashable, connection: ConnectionRef, data_type: str, position: Position) -> Hashable:
        """Have a sync queued ahead that `queue` will be asked for; return the token to drop what came of it."""
        token = ("refresh", key)
        self._offered.add(token)
        ids = connection.company_id, connection.connection_id, data_type
        self._statuses.prefetch_refresh(*ids, position, token)
        return token

    def queue(self, key: Hashable, connection: ConnectionRef, data_type: str, status: SyncStatus) -> str | None:
        """Queue a sync of a data set, unless one is under way; return the id of the new one, if that is known.

        Raises:
            CodatError: it could not be queued. If it is one that ends the run, no more are asked for: it may speak of
                refreshes alone, and what there is can be read.
        """
        self._queued[key], queued = None, None
        self._offered.discard(("refresh", key))
        try:
            queued = self._statuses.refresh(connection.company_id, connection.connection_id, data_type).id
        except errors.UnderWay as exc:
            logger.debug("%s of %s: a refresh could not be queued: %s", data_type, connection.place, exc.what)
        except (errors.BadRequest, errors.NotFound):  # it speaks of this data set alone
            raise
        except errors.CodatError as exc:
            self._note(exc, key, connection.company_id)
            raise
        self._queued[key] = status
        self._refused.clear()
        return queued

    def _note(self, error: errors.CodatError, key: Hashable, company_id: str) -> None:
        """Note that a refresh could not be queued: of trouble each counts, of refusals each company."""
        self._refused.add(key if error.retriable else company_id)
        self.have_ended = isinstance(error, errors.EndsTheRun) or len(self._refused) >= A_FEW
        if self.have_ended:
            self._statuses.drop(self._offered)

    def end(self, key: Hashable) -> None:
        """Note that a sync that was queued has ended: what it brought is to be read."""
        if key in self._queued:
            self._queued[key] = None

    def is_queued(self, key: Hashable) -> bool:
        """Say whether this run has queued a sync of a data set, or found one under way when it tried to."""
        return self._queued.get(key) is not None

    def is_awaited(self, key: Hashable, status: SyncStatus) -> bool:
        """Say whether a data set's status is still from before the refresh that was queued."""
        return self._queued.get(key) == status
