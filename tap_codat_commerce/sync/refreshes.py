"""Syncs that a run has queued, of data sets that are older than the user wants them to be."""

from __future__ import annotations

import logging
from collections import Counter
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
MOST_LAGS = 4
"""How often a pre-refresh status is excused as lagging."""

logger = logging.getLogger("tap-codat-commerce")


class Refreshes:
    """Queues a refresh of each old data set, once in a run."""

    def __init__(self, statuses: DataStatuses, older_than_hours: int | None) -> None:
        """Begin without a request; without a number of hours, nothing is old."""
        self._statuses, self._hours = statuses, older_than_hours
        self._queued: dict[Hashable, str | None] = {}
        self._lags: Counter[Hashable] = Counter()

    def are_due(self, connection: ConnectionRef, status: SyncStatus) -> bool:
        """Say whether a data set is older than it should be, and a sync of it can be queued."""
        old = status.older_than(self._hours, utc_now())
        return old and status.kind in ENDED and connection.can_sync

    def prefetch(self, key: Hashable, connection: ConnectionRef, data_type: str, position: Position) -> Hashable:
        """Have a sync queued ahead that `queue` will be asked for; return the token to drop what came of it."""
        if self.tried(key):
            return None
        token = ("refresh", key)
        ids = connection.company_id, connection.connection_id, data_type
        self._statuses.prefetch_refresh(*ids, position, token)
        return token

    def tried(self, key: Hashable) -> bool:
        """Say whether this run has tried to refresh a data set."""
        return key in self._queued

    def queue(self, key: Hashable, connection: ConnectionRef, data_type: str, status: SyncStatus) -> None:
        """Queue a sync of a data set, unless one is under way.

        Raises:
            CodatError: it could not be queued.
        """
        self._queued[key] = None
        try:
            self._statuses.refresh(connection.company_id, connection.connection_id, data_type)
        except errors.UnderWay as exc:
            logger.debug("%s of %s: a refresh could not be queued: %s", data_type, connection.place, exc.what)
        self._queued[key] = status.mark

    def are_awaited(self, key: Hashable, status: SyncStatus) -> bool:
        """Say whether a data set's status is still from before the refresh that was queued.

        That is believed a few times: then a refresh that never shows is no reason to leave out what can be read.
        """
        if self._queued.get(key) != status.mark or self._lags[key] >= MOST_LAGS:
            return False
        self._lags[key] += 1
        return True
