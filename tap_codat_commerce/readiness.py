"""The pre-sync check: may this data set be read now, is it unchanged, or why not.

Facts (Codat's documentation, 'Data status'): one answer per company tells, for each data type, the status of the
latest sync and the latest good one; a failed refresh leaves the data of the good sync before it readable.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat.errors import CodatError, UnreadableAnswer

if TYPE_CHECKING:
    from tap_codat_commerce.codat.client import Client

COMPLETE = "Complete"
NOT_SUPPORTED = "NotSupported"
AUTH_ERROR = "AuthError"
UNDER_WAY = frozenset(
    [
        "Initial",
        "Queued",
        "Fetching",
        "MapQueued",
        "Mapping",
        "ProcessingQueued",
        "Processing",
        "ValidationQueued",
        "Validating",
    ]
)
FAILED = frozenset(
    [
        "FetchError",
        "MapError",
        "InternalError",
        "ProcessingError",
        "ValidationError",
        "AuthError",
        "Cancelled",
        "RateLimitError",
        "PermissionsError",
        "PrerequisiteNotMet",
    ]
)


COMMERCE_PREFIX = "commerce-"
"""What the keys of all commerce data types begin with."""


class Action(Enum):
    """What to do with a data set."""

    READ = "read"
    UNCHANGED = "unchanged"
    NOT_READY = "not ready"
    NOT_SUPPORTED = "not supported"


@dataclass(frozen=True)
class Status:
    """What Codat says of one data type of one company. All None: it was never synced."""

    current: str | None = None
    last_good_sync: str | None = None
    sync_id: str | None = None
    good_sync_id: str | None = None

    @classmethod
    def of(cls, entry: object) -> Status:
        """Read an entry of the answer; null, and one that holds only its data type, stand for 'never synced'."""
        if not isinstance(entry, dict):
            return cls()
        return cls(
            entry.get("currentStatus"),
            entry.get("lastSuccessfulSync"),
            entry.get("latestSyncId"),
            entry.get("latestSuccessfulSyncId"),
        )

    @property
    def has_data(self) -> bool:
        """Whether any sync was good."""
        return self.current == COMPLETE or bool(self.good_sync_id or self.last_good_sync)

    @property
    def settled(self) -> bool:
        """Whether no sync is under way that could change the data while it is being read."""
        return self.current == COMPLETE or self.current in FAILED


@dataclass(frozen=True)
class Verdict:
    """What to do with a data set, and the line that tells the user why (empty if there is nothing to tell)."""

    action: Action
    line: str = ""
    level: int = logging.DEBUG


class Readiness:
    """The data status of companies: one request for each, made when it is first needed."""

    def __init__(self, client: Client) -> None:
        """Begin without having asked."""
        self._client = client
        self._company: str | None = None
        self._entries: dict[str, Any] = {}

    def entries(self, company_id: str, *, anew: bool = False) -> dict[str, Any]:
        """Return what Codat says of each data type of the company, as it came.

        Only the latest company is remembered, as streams go through companies one by one.

        Raises:
            CodatError: the request failed.
        """
        if anew or company_id != self._company:
            path = f"/companies/{company_id}/dataStatus"
            try:
                answer = self._client.get(path)
            except CodatError as exc:
                exc.at(f"data status of company {company_id}")
                raise
            if not isinstance(answer, dict):
                what = f"GET {path} answered with JSON that is no data status"
                raise UnreadableAnswer(what)
            self._company, self._entries = company_id, answer
        return self._entries

    def status(self, company_id: str, data_type: str, *, anew: bool = False) -> Status:
        """Return the status of one data type."""
        return Status.of(self.entries(company_id, anew=anew).get(data_type))


def judge(status: Status, data_type: str, read_sync_id: str | None, link: str | None) -> Verdict:
    """Return what to do with a data set.

    Args:
        status: its status now.
        data_type: Codat's key for it, for the advice.
        read_sync_id: the sync that was completely read before, None to read it in any case.
        link: where the merchant can authorise again.
    """
    current = status.current
    if current == COMPLETE:
        unchanged = read_sync_id is not None and read_sync_id == status.good_sync_id
        return Verdict(Action.UNCHANGED if unchanged else Action.READ)
    if current == NOT_SUPPORTED:
        return Verdict(Action.NOT_SUPPORTED, "skipped, the platform does not offer it", logging.INFO)
    if current in UNDER_WAY:
        line = f"skipped, its sync is under way ({current}). Run again when it is complete"
        return Verdict(Action.NOT_READY, line, logging.WARNING)
    if current is None and not status.has_data:
        advice = f"Queue a refresh of {data_type} in Codat, or turn on 'fetch on first link' for it"
        return Verdict(Action.NOT_READY, f"skipped, it was never synced. {advice}", logging.WARNING)
    advice = _advice(current, data_type, link)
    if current in FAILED and status.has_data:
        if read_sync_id is not None and read_sync_id == status.good_sync_id:
            line = f"unchanged, but stale: its refresh failed ({current}), last good sync {status.last_good_sync}"
            return Verdict(Action.UNCHANGED, f"{line}. {advice}", logging.WARNING)
        line = f"reading stale data: its refresh failed ({current}), last good sync {status.last_good_sync}"
        return Verdict(Action.READ, f"{line}. {advice}", logging.WARNING)
    if current in FAILED:
        line = f"skipped, its first sync failed ({current})"
        return Verdict(Action.NOT_READY, f"{line}. {advice}", logging.WARNING)
    line = f"skipped, its status {current!r} is none that this version knows"
    return Verdict(Action.NOT_READY, f"{line}. Look for a newer version", logging.WARNING)


def _advice(current: str | None, data_type: str, link: str | None) -> str:
    if current == AUTH_ERROR:
        return f"The merchant has to authorise again: {link or 'see the connection in the Codat Portal'}"
    return f"See the connection's sync history in the Codat Portal, then queue a refresh of {data_type}"
