"""What the stand-in holds: companies, their connections, the data sets, and the syncs that fill them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from codat_mock.merchants import Fields, Merchant
    from codat_mock.platforms import Platform

INFO = "commerce-companyInfo"

ON_THE_WAY = ("Queued", "Fetching", "MapQueued", "Mapping", "ProcessingQueued", "Processing", "Validating")
"""What a sync goes through, in this order, before it is Complete."""
UNDER_WAY = frozenset({*ON_THE_WAY, "Initial", "ValidationQueued"})
"""All statuses of a sync that may still end well."""
FAILED = frozenset(
    {
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
    }
)
"""The statuses of a sync that ended in vain."""


@dataclass(frozen=True)
class Change:
    """What a sync does to one record: makes it, if there is a `record`; re-stamps it, if only a stamp; removes it."""

    record_id: str
    stamp: str | None = None
    record: Fields | None = None


@dataclass
class DataSet:
    """The records of one data type of one connection: by id, the most recently changed last."""

    records: dict[str, Fields] = field(default_factory=dict)
    version: int = 0
    made: int = 0
    """How many records were ever made: the number of the next one."""

    def apply(self, changes: list[Change]) -> None:
        """Make changes, all at once for whoever reads meanwhile. What was removed before its re-stamp stays gone."""
        records = dict(self.records)
        for change in changes:
            held = records.pop(change.record_id, None)
            if change.record is not None:
                records[change.record_id] = change.record
            elif held is not None and change.stamp is not None:
                records[change.record_id] = {**held, "modifiedDate": change.stamp}
        self.records = records
        self.version += 1  # after the records: what was read before is not taken for this version


@dataclass
class Operation:
    """One pull operation: a sync of one data type over one connection."""

    id: str
    connection_id: str
    data_type: str
    requested: datetime
    status: str
    completed: datetime | None = None
    ends: float | None = None
    """When it will be complete, by the monotonic clock; None if it stays as it is."""
    began: float = 0.0
    status_description: str = ""
    planned: list[Change] | None = None
    """What it will change and has not yet; None if nothing was ever planned."""
    stamped: set[datetime] = field(default_factory=set)
    """Its stamps so far, without those by a clock that is off; empty once it has ended."""
    skewed: int = 0
    """How many of its stamps are off."""

    @property
    def good(self) -> bool:
        """Whether it is complete."""
        return self.status == "Complete"


@dataclass
class Connection:
    """A connection of a company to a platform."""

    id: str
    company_id: str
    platform: Platform
    status: str
    created: datetime
    merchant: Merchant
    data: dict[str, DataSet] = field(default_factory=dict)
    last_sync: datetime | None = None
    keyless: bool = False
    """Whether it is shown without the key of its platform."""

    @property
    def syncs(self) -> bool:
        """Whether it has commerce data sets."""
        return self.platform.source_type == "Commerce" and self.status != "PendingAuth"


@dataclass
class Company:
    """A company, with its pull operations in the order of their requests."""

    id: str
    name: str
    created: datetime
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    settings: list[Fields] | None = None
    products: tuple[str, ...] = ()
