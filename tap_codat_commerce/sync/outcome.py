"""What became of one data set in one run: logged, and counted once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_codat_commerce.codat.errors import CodatError
    from tap_codat_commerce.sync.company_selection import ConnectionRef
    from tap_codat_commerce.sync.data_status import Action
    from tap_codat_commerce.sync.run_summary import RecordError, RunSummary


class Outcome:
    """Tells the run's summary of one data set.

    A data set that is looked at again after a refresh is counted as it was the first time, but as worse if it is worse.
    """

    def __init__(self, name: str, connection: ConnectionRef, summary: RunSummary) -> None:
        """Begin with nothing counted; `name` is the data set's."""
        self._name, self._connection, self._summary = name, connection, summary
        self._succeeded: Action | None = None

    @property
    def where(self) -> str:
        """Which data set it is, for people."""
        return f"{self._name} of {self._connection.place}"

    @property
    def is_good(self) -> bool:
        """Whether it was read, unchanged or not supported."""
        return self._succeeded is not None

    def succeeded(self, action: Action) -> None:
        """Count it as what was to be done with it."""
        if self._succeeded is None:
            self._succeeded = action
            self._summary.succeeded(action.value)

    def left_out(self, reason: str, advice: str) -> None:
        """Count it as not ready."""
        self._take_back()
        self._summary.left_out(self._name, self._connection.place, reason, advice)

    def unproven(self, doubt: str) -> None:
        """Count it as failed: no read of it could be proven complete."""
        self._take_back()
        self._summary.unproven(self._name, self._connection.place, doubt)

    def unwritten(self, error: RecordError) -> None:
        """Count it as failed: a record of it can't be written."""
        self._take_back()
        self._summary.unwritten(self._name, self._connection.place, error)

    def failed(self, error: CodatError) -> None:
        """Count it as failed.

        Raises:
            RunError: so many companies are in trouble that Codat or the network must be.
        """
        self._take_back()
        self._summary.failure(self._name, self._connection.place, self._connection.company_id, error)

    def not_refreshed(self, error: CodatError) -> None:
        """Say that a sync of it could not be queued."""
        self._summary.not_refreshed(self._name, self._connection.place, error)

    def left_old(self) -> None:
        """Count that no sync of it was asked for, as no more are in this run."""
        self._summary.left_old += 1

    def report(self, reason: str, remark: str = "", level: int = logging.WARNING) -> None:
        """Say something of it at the end of the run, beside others of which the same is said."""
        self._summary.findings.add(reason, self._connection.place, f"{self._name} {remark}".rstrip(), level=level)

    def _take_back(self) -> None:
        if self._succeeded is not None:
            self._summary.outcomes[self._succeeded.value] -= 1
            self._succeeded = None
