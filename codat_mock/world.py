"""What the stand-in holds: companies, their connections, the data sets, and the syncs that fill them.

Changed by the test or the knobs in one thread while the server reads in another: each change is one call.
"""

from __future__ import annotations

import random
import re
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from codat_mock.merchants import Fields, Merchant
from codat_mock.platforms import BY_KEY, COMMERCE, COMMERCE_TYPES, OTHER_TYPES, Platform, written

INFO = "commerce-companyInfo"
SIZES = {"commerce-locations": 2, "commerce-paymentMethods": 2, "commerce-taxComponents": 3, "commerce-disputes": 3}
"""Records of the data types that a shop has few of, however many orders it has."""

ON_THE_WAY = ("Queued", "Fetching", "MapQueued", "Mapping", "ProcessingQueued", "Processing", "Validating")
"""What a sync goes through, in this order, before it is Complete."""


@dataclass
class DataSet:
    """The records of one data type of one connection: by id, the most recently changed last."""

    records: dict[str, Fields] = field(default_factory=dict)
    version: int = 0
    made: int = 0
    """How many records were ever made: the number of the next one."""


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


class World:
    """All of it. The same seed and sizes give the same shops."""

    def __init__(  # noqa: PLR0913 - each a size that a test may set
        self,
        *,
        companies: int = 0,
        connections: int = 1,
        records: int = 12,
        extras: bool = True,
        platforms: tuple[Platform, ...] = COMMERCE,
        seed: int = 1,
    ) -> None:
        """Make companies with synced shops.

        Args:
            companies: how many.
            connections: commerce connections of each.
            records: orders, customers and so on of each connection.
            extras: whether some companies also have an accounting and a pending connection.
            platforms: what the connections are on, in turn.
            seed: for another set of shops.
        """
        self.random = random.Random(seed)  # noqa: S311 - made-up shops, no secrets
        self.seed = seed
        self.client_id = self.uuid()
        self.companies: dict[str, Company] = {}
        self.settings = [self._setting(t) for t in (*COMMERCE_TYPES, *OTHER_TYPES)]
        self.sync_seconds = 2.0
        self.status_by_request = False
        """Whether the data status speaks of the sync that was requested last, not of the one that ended last."""
        self.unstable_ties = False
        """Whether records that are equal in what they are ordered by come in another order with each request."""
        self._behind = timedelta(days=1 if companies else 0)
        """Shops that are there from the start were synced a day ago; those that are connected later, now."""
        self._latest = datetime.now(UTC) - self._behind
        for number in range(companies):
            company = self.add_company("", tags={"region": ("uk", "eu", "us")[number % 3], "team": f"t{number % 2}"})
            for position in range(connections):
                platform = platforms[(number * connections + position) % len(platforms)]
                connection = self.connect(company.id, platform.key, status="Linked")
                self.sync(company.id, connection.id, add=records)
                company.name = company.name or connection.merchant.name
            if extras and number % 3 == 0:
                self.connect(company.id, "gbol", status="Linked")
            if extras and number % 3 == 1:
                self.connect(company.id, "fztf", status="PendingAuth")

    def uuid(self) -> str:
        """Return a new id."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def add_company(self, name: str, description: str = "", tags: dict[str, str] | None = None) -> Company:
        """Add a company without connections. Characters that Codat does not take are left out of its name."""
        cleaned = re.sub(r"[^A-Za-z0-9\s\-',&@.?!]", "", name)
        company = Company(self.uuid(), cleaned, datetime.now(UTC), description, tags or {})
        self.companies[company.id] = company
        return company

    def connect(self, company_id: str, platform_key: str, status: str = "PendingAuth") -> Connection:
        """Add a connection."""
        company = self.companies[company_id]
        number = len(company.connections)
        merchant = Merchant(f"{self.seed}/{company_id}/{number}", BY_KEY[platform_key])
        connection = Connection(self.uuid(), company_id, BY_KEY[platform_key], status, datetime.now(UTC), merchant)
        company.connections[connection.id] = connection
        return connection

    def authorize(self, company_id: str, connection_id: str) -> None:
        """Let the merchant authorise: what is fetched on first link is queued."""
        company = self.companies[company_id]
        connection = company.connections[connection_id]
        first, connection.status = connection.status == "PendingAuth", "Linked"
        for setting in (company.settings or self.settings) if first else ():
            if setting["fetchOnFirstLink"] and setting["dataType"] in COMMERCE_TYPES:
                self.begin(company_id, connection_id, setting["dataType"])

    def connections(self, *, commerce: bool = True) -> list[Connection]:
        """Return the connections of all companies; with `commerce` only those that hold data sets."""
        every = [c for company in self.companies.values() for c in company.connections.values()]
        return [c for c in every if c.syncs] if commerce else every

    def stamp(self) -> datetime:
        """Return the time of a new sync, at least a second after the one before."""
        self._latest = max(datetime.now(UTC) - self._behind, self._latest + timedelta(seconds=1))
        return self._latest.replace(microsecond=0)

    def sync(  # noqa: PLR0913 - each says what the sync found
        self,
        company_id: str,
        connection_id: str | None = None,
        data_types: tuple[str, ...] = COMMERCE_TYPES,
        *,
        restamp: int = 0,
        add: int = 0,
        remove: int = 0,
    ) -> list[Operation]:
        """Let a complete sync happen now.

        Args:
            company_id: of this company.
            connection_id: over this connection; over all if not given.
            data_types: of these data types, as far as the platform has them.
            restamp: how many of the oldest records it found changed: they get its stamp, and move to the end.
            add: how many records it found new.
            remove: how many of the oldest it found gone.
        """
        done = []
        for connection in self._synced_connections(company_id, connection_id):
            for data_type in data_types:
                if data_type in connection.platform.lacks:
                    continue
                now = self.stamp()
                self._change(connection, data_type, now, restamp=restamp, add=add, remove=remove)
                operation = Operation(self.uuid(), connection.id, data_type, now, "Complete", now)
                self.companies[company_id].operations.append(operation)
                connection.last_sync = now
                done.append(operation)
        return done

    def begin(
        self, company_id: str, connection_id: str | None, data_type: str, status: str | None = None
    ) -> list[Operation]:
        """Queue a sync that completes by itself after `sync_seconds`; or, with a status, one that stays in it."""
        begun = []
        for connection in self._synced_connections(company_id, connection_id):
            if data_type in connection.platform.lacks and status is None:
                continue
            clock = time.monotonic()
            ends = None if status else clock + self.sync_seconds
            new = Operation(
                self.uuid(), connection.id, data_type, self.stamp(), status or "Queued", ends=ends, began=clock
            )
            self.companies[company_id].operations.append(new)
            begun.append(new)
        return begun

    def finish(self, operation: Operation, *, restamp: int = 0, add: int = 0, remove: int = 0) -> None:
        """Let a sync that is under way end well now; arguments as for `sync`."""
        connection = next(c for c in self.connections() if c.id == operation.connection_id)
        now = self.stamp()
        self._change(connection, operation.data_type, now, restamp=restamp, add=add, remove=remove)
        operation.status, operation.completed, connection.last_sync = "Complete", now, now

    def set_status(self, company_id: str, data_type: str, status: str | None, *, after_good: bool) -> None:
        """Put a data type of a company into a status, None for never synced; with or without a good sync before."""
        company = self.companies[company_id]
        if not after_good:
            company.operations = [o for o in company.operations if o.data_type != data_type]
        if status == "Complete":
            self.sync(company_id, None, (data_type,))
        elif status is not None:
            self.begin(company_id, None, data_type, status)

    def settle(self, company: Company) -> None:
        """Move the syncs that are under way on to where they are by now."""
        clock = time.monotonic()
        for operation in company.operations:
            if operation.ends is None or operation.status not in ON_THE_WAY:
                continue
            if clock >= operation.ends:
                connection = company.connections[operation.connection_id]
                now = self.stamp()
                fresh = not connection.data.get(operation.data_type)
                self._change(connection, operation.data_type, now, restamp=1, add=12 if fresh else 1, remove=0)
                operation.status, operation.completed, connection.last_sync = "Complete", now, now
            else:
                share = (clock - operation.began) / (operation.ends - operation.began)
                operation.status = ON_THE_WAY[int(share * len(ON_THE_WAY))]

    def latest(self, company: Company, data_type: str, connection_id: str | None = None) -> Operation | None:
        """Return the operation requested last."""
        return next((o for o in reversed(company.operations) if _is(o, data_type, connection_id)), None)

    def latest_good(self, company: Company, data_type: str, connection_id: str | None = None) -> Operation | None:
        """Return the good operation completed last."""
        good = [o for o in company.operations if o.good and _is(o, data_type, connection_id)]
        if self.status_by_request and connection_id is None:
            return good[-1] if good else None
        return max(good, key=lambda o: o.completed or o.requested, default=None)

    def _change(  # noqa: PLR0913
        self, connection: Connection, data_type: str, now: datetime, *, restamp: int, add: int, remove: int
    ) -> None:
        data_set = connection.data.setdefault(data_type, DataSet())
        data_set.version += 1
        if data_type == INFO:
            data_set.records = {"": {**connection.merchant.info(), "modifiedDate": written(now, "zulu")}}
            return
        records = data_set.records
        for record_id in list(records)[:remove]:
            del records[record_id]
        found = [records.pop(i) for i in list(records)[:restamp]]
        size = add if data_set.made else SIZES.get(data_type, add) if add else 0
        found += connection.merchant.records(data_type, range(data_set.made, data_set.made + size))
        data_set.made += size
        for position, record in enumerate(found):
            records[record["id"]] = {**record, "modifiedDate": self._modified(connection.platform, now, position)}

    @staticmethod
    def _modified(platform: Platform, now: datetime, position: int) -> str:
        if platform.one_stamp:
            return written(now, "zulu")
        # Several stamps within the second of the sync, some of them the same.
        within = now + timedelta(microseconds=(position // 3) * 7)
        return written(within, "ticks" if platform.dates == "ticks" else "zulu")

    def _synced_connections(self, company_id: str, connection_id: str | None) -> list[Connection]:
        every = self.companies[company_id].connections.values()
        return [c for c in every if c.syncs and connection_id in {None, c.id}]

    @staticmethod
    def _setting(data_type: str) -> Fields:
        return {
            "dataType": data_type,
            "fetchOnFirstLink": False,
            "syncSchedule": 0,
            "syncOrder": 0,
            "monthsToSync": 24,
            "isLocked": False,
        }


def _is(operation: Operation, data_type: str, connection_id: str | None) -> bool:
    return operation.data_type == data_type and connection_id in {None, operation.connection_id}
