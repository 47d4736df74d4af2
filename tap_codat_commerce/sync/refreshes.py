"""Syncs that a run has queued, of data sets that are older than the user wants them to be."""

from __future__ import annotations

import logging
from enum import Enum
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


class Stage(Enum):
    """How far the refresh of a data set has come in a run."""

    UNTRIED = "not asked for yet"
    REFUSED = "refused, as another sync of the company was under way: asked for again"
    QUEUED = "queued, or found under way"
    OVER = "ended, or given up"


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
        self.have_ended |= isinstance(error, errors.EndsTheRun) or len(self._in_a_row) >= A_FEW
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
        self._stage = Stage.UNTRIED
        self._before: SyncStatus | None = None
        self.sync_id: str | None = None

    def is_due(self, status: SyncStatus) -> bool:
        """Say whether the data set is older than it should be, and was not synced by this run.

        Beside other shops, a status may be theirs: it does not tell that a sync that was refused has become needless.
        """
        if self._stage not in {Stage.UNTRIED, Stage.REFUSED}:
            return False
        old = status.older_than(self._all.older_than_hours, utc_now())
        old = old or (self._stage is Stage.REFUSED and not status.certain)
        return old and status.kind in ENDED and status.current != AUTH_ERROR and self._connection.can_sync

    def prefetch(self) -> Hashable:
        """Have the sync queued ahead that `queue` will be asked for.

        Returns:
            the token to drop what came of it; None if it will not be asked for.
        """
        if self._all.have_ended or self._all.error(self._connection.company_id):
            return None
        self._all.offer(self._token, self._connection.company_id)
        self._all.statuses.prefetch_refresh(*self._ids, self._position, self._token)
        return self._token

    def queue(self, status: SyncStatus) -> bool:
        """Queue a sync of a data set that is due; say whether it is to be waited for. If not, that is reported.

        Beside other shops, what is under way may be a sync of theirs: then it is asked for again later.
        """
        company_id, offered, self._before = self._connection.company_id, self._all.take(self._token), None
        self._stage = Stage.OVER
        if not offered and (error := self._all.error(company_id)):
            self._outcome.not_refreshed(error)
        elif not offered and self._all.have_ended:
            self._outcome.left_old()
        else:
            self._ask(status)
        return self._before is not None

    def _ask(self, status: SyncStatus) -> None:
        try:
            self.sync_id = self._all.statuses.refresh(*self._ids, self._token).id
            self._stage = Stage.QUEUED
        except errors.UnderWay as exc:
            logger.debug("%s: a refresh could not be queued: %s", self._outcome.where, exc.what)
            self._stage = Stage.REFUSED if self._connection.several else Stage.QUEUED
        except errors.CodatError as exc:
            self._not_queued(exc)
            return
        self._before = status
        self._all.went_well()

    def is_refused(self, status: SyncStatus) -> bool:
        """Say whether it is to be asked for again: another sync of the company was under way, and this is as it was."""
        return self._stage is Stage.REFUSED and self._before == status

    def begins(self) -> None:
        """Note that the data set's own sync is under way: what was refused was refused for it."""
        if self._stage is Stage.REFUSED:
            self._stage = Stage.QUEUED

    def end(self) -> None:
        """Note that the sync that was queued has ended: what it brought is to be read."""
        self._before = None
        if self._stage is Stage.QUEUED:
            self._stage = Stage.OVER

    @property
    def is_open(self) -> bool:
        """Whether a sync was asked for, and has not ended."""
        return self._before is not None

    @property
    def awaits(self) -> str:
        """What is waited for, for people."""
        return ANOTHER if self._stage is Stage.REFUSED else ASKED_FOR

    def is_awaited(self, status: SyncStatus) -> bool:
        """Say whether the data set's status is still from before the sync that was asked for."""
        return self._before == status

    @property
    def _ids(self) -> tuple[str, str, str]:
        return self._connection.company_id, self._connection.connection_id, self._data_type

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
        self._outcome.not_refreshed(error)
        if self._all.have_ended and not had_ended:
            logger.warning("No more refreshes are asked for in this run. What there is is read.")
