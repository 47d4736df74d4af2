"""What the status of a sync means, and the data status of companies.

Facts (Codat's documentation, 'Data status'): one answer per company tells, for each data type, the status of the
latest sync and the latest good one; a failed refresh leaves the data of the good sync before it readable.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import answers
from tap_codat_commerce.codat.errors import CodatError
from tap_codat_commerce.codat.paths import path
from tap_codat_commerce.codat.redaction import quoted
from tap_codat_commerce.records import dates

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from tap_codat_commerce.codat.prefetcher import Position, Prefetcher

AUTH_ERROR = "AuthError"
AUTHORIZE = "The merchant has to authorise again: `codat-commerce status --links` shows the link"
"""A link may let whoever has it act for the merchant: it has no place in a log."""
NEVER_SYNCED = (
    "`codat-commerce refresh COMPANY` queues a sync now; "
    "`codat-commerce enable` has Codat sync each shop that is linked from then on"
)
SYNC_AGAIN = "See why in the connection's sync history in the Codat Portal, then queue `codat-commerce refresh COMPANY`"


class Kind(Enum):
    """What a status means."""

    GOOD = "good"
    UNDER_WAY = "under way"
    FAILED = "failed"
    NEVER = "never will be"


STATUSES = {
    "Complete": Kind.GOOD,
    "NotSupported": Kind.NEVER,
    **dict.fromkeys(
        (
            "Initial",
            "Queued",
            "Fetching",
            "MapQueued",
            "Mapping",
            "ProcessingQueued",
            "Processing",
            "ValidationQueued",
            "Validating",
        ),
        Kind.UNDER_WAY,
    ),
    **dict.fromkeys(
        (
            "FetchError",
            "MapError",
            "InternalError",
            "ProcessingError",
            "ValidationError",
            AUTH_ERROR,
            "Cancelled",
            "RateLimitError",
            "PermissionsError",
            "PrerequisiteNotMet",
        ),
        Kind.FAILED,
    ),
}
"""Every status there is. One that is not here counts as not ready, and is named."""
READY = (Kind.GOOD, Kind.NEVER)
"""Nothing is missing: synced well, or not offered by the platform."""


def kind_of(status: str | None) -> Kind | None:
    """Return what a status means, None if it is none or unknown."""
    return STATUSES.get(status or "")


class Action(Enum):
    """What to do with a data set."""

    READ = "read"
    UNCHANGED = "unchanged"
    WAIT = "wait"
    NOT_READY = "not ready"
    NOT_SUPPORTED = "not supported"


@dataclass(frozen=True)
class SyncStatus:
    """What Codat says of one data type of one company, or of one of its connections. All None: it was never synced.

    Attributes:
        current: how the latest sync stands.
        last_good_sync: when the latest good sync ended.
        sync_id: id of the latest sync.
        good_sync_id: id of the latest good one.
        certain: whether it speaks of the connection alone, and of all of its syncs.
    """

    current: str | None = None
    last_good_sync: str | None = None
    sync_id: str | None = None
    good_sync_id: str | None = None
    certain: bool = True

    @classmethod
    def of(cls, entry: object) -> SyncStatus:
        """Read an entry of the answer.

        Raises:
            UnexpectedAnswer: it can't be read.
        """
        found = answers.status_entry(entry)
        return cls(found.current_status, found.last_successful_sync, *found.ids)

    @property
    def kind(self) -> Kind | None:
        """What the current status means, None if it is unknown; without one, a good sync counts as the latest."""
        known = self.current is not None or not (self.good_sync_id or self.last_good_sync)
        return kind_of(self.current) if known else Kind.GOOD

    @property
    def mark(self) -> str:
        """A short text that differs as soon as any sync began or ended."""
        return mark(self.good_sync_id, self.sync_id, self.last_good_sync)

    @property
    def has_data(self) -> bool:
        """Whether any sync was good."""
        return self.kind is Kind.GOOD or bool(self.good_sync_id or self.last_good_sync)

    def older_than(self, hours: int | None, now: datetime) -> bool:
        """Say whether the data is older than so many hours; without a number, or a good sync, it is not."""
        synced = dates.stamp(self.last_good_sync) if hours else None
        return synced is not None and now - datetime.fromisoformat(synced) > timedelta(hours=hours or 0)


def mark(*seen: str | None) -> str:
    """Return a short text for what was seen of syncs; another one for whatever else."""
    return hashlib.blake2b("\n".join(s or "" for s in seen).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Verdict:
    """What to do with a data set; the reason in a few words, and what the user can do about it.

    Attributes:
        stale_since: when the last good sync of a data set ended whose refresh failed.
    """

    action: Action
    reason: str = ""
    advice: str = ""
    stale_since: str | None = None


class DataStatuses:
    """The data status of companies: one request for each, made when it is first needed, or ahead."""

    def __init__(self, prefetcher: Prefetcher) -> None:
        """Begin without having asked."""
        self._prefetcher = prefetcher
        self._entries: dict[str, dict[str, Any] | CodatError] = {}
        self._asked_at: dict[str, str] = {}

    def prefetch(self, company_id: str, position: Position, then: Callable[[dict[str, Any]], None]) -> None:
        """Have a company asked for ahead; `then` gets the answer when it is there."""
        token = _token(company_id)
        self._asked_at.setdefault(company_id, dates.written(self._prefetcher.clock.now()))
        self._prefetcher.prefetch(_path(company_id), None, answers.data_status, position, token=token, then=then)

    def forget(self, company_id: str) -> None:
        """Forget what is known of a company, and ask anew from now on."""
        self._prefetcher.drop(_token(company_id))
        self._entries.pop(company_id, None)
        self._asked_at.pop(company_id, None)

    def asked_at(self, company_id: str) -> str:
        """Return when a company was asked for that is remembered, by Codat's clock, as a stamp: before its answer."""
        return self._asked_at[company_id]

    def entries(self, company_id: str) -> dict[str, Any]:
        """Return what Codat says of each data type of the company, as it came.

        It is remembered until it is forgotten, as is an error.

        Raises:
            CodatError: the request failed; the same again for each data set of the company, without asking again.
        """
        if company_id not in self._entries:
            self._asked_at.setdefault(company_id, dates.written(self._prefetcher.clock.now()))
            try:
                path, token = _path(company_id), _token(company_id)
                self._entries[company_id] = self._prefetcher.get(path, None, answers.data_status, token)
            except CodatError as exc:
                exc.at(f"data status of company {company_id}")
                self._entries[company_id] = exc
        found = self._entries[company_id]
        if isinstance(found, CodatError):
            raise found
        return found

    def status(self, company_id: str, data_type: str) -> SyncStatus:
        """Return the status of one data type.

        Raises:
            CodatError: the request failed, or the entry of this data type can't be read.
        """
        return SyncStatus.of(self.entries(company_id).get(data_type))

    def refresh(self, company_id: str, connection_id: str, data_type: str, token: Hashable = None) -> answers.Queued:
        """Queue a sync of a data set, unless it was queued ahead; return what is known of its pull operation.

        Raises:
            UnderWay: a sync of it is under way already.
            CodatError: the request failed.
        """
        try:
            return answers.queued(self._prefetcher.post(*_queue(company_id, connection_id, data_type)))
        finally:
            self._prefetcher.drop(token)

    def withdraw(self, token: Hashable) -> bool:
        """Let go of a sync that was to be queued ahead; False if that was asked for already."""
        return self._prefetcher.withdraw(token)

    def prefetch_refresh(
        self, company_id: str, connection_id: str, data_type: str, position: Position, token: Hashable = None
    ) -> None:
        """Have a sync of a data set queued ahead: `refresh` will return what came of it."""
        self._prefetcher.prefetch_post(*_queue(company_id, connection_id, data_type), position, token=token)


def _path(company_id: str) -> str:
    return path("companies", company_id, "dataStatus")


def _queue(company_id: str, connection_id: str, data_type: str) -> tuple[str, dict[str, str]]:
    """Return path and parameters of what queues a sync."""
    return path("companies", company_id, "data", "queue", data_type), {"connectionId": connection_id}


def _token(company_id: str) -> tuple[str, str]:
    return ("status", company_id)


def judge(status: SyncStatus, *, unchanged: bool, alone: bool) -> Verdict:
    """Return what to do with a data set.

    Args:
        status: its status now.
        unchanged: whether it is known to be what was completely read before.
        alone: whether its connection is the only one of its company: the status may be that of another one otherwise.
    """
    current, kind = status.current, status.kind
    done = Action.UNCHANGED if unchanged else Action.READ
    if kind is Kind.UNDER_WAY:
        return Verdict(Action.WAIT, f"the sync is under way ({current})")
    if kind is Kind.GOOD or not status.certain:
        return Verdict(done)
    if kind is Kind.NEVER and (status.has_data or not alone):  # of another connection, it may be
        return Verdict(done)
    if kind is Kind.NEVER:
        return Verdict(Action.NOT_SUPPORTED, "the platform does not offer it")
    if kind is Kind.FAILED and status.has_data:
        since = status.last_good_sync or "an unknown time"
        return Verdict(done, f"the latest sync failed ({current})", _advice(current), since)
    return Verdict(Action.NOT_READY, *why_not_ready(status))


def why_not_ready(status: SyncStatus) -> tuple[str, str]:
    """Return why a data set without a good sync can't be read, and what the user can do about it."""
    current = status.current
    if current is None:
        return "never synced", NEVER_SYNCED
    if status.kind is Kind.FAILED:
        return f"the first sync failed ({current})", _advice(current)
    return f"the status {quoted(current)!r} is unknown to this version", "Look for a newer version"


def _advice(current: str | None) -> str:
    return AUTHORIZE if current == AUTH_ERROR else SYNC_AGAIN
