"""The world that the stand-in serves: companies and their connections, with what the syncs have filled them with.

Changed by the test or the knobs in one thread while the server reads in another: each change is one call.
"""

from __future__ import annotations

import re
from datetime import timedelta

from codat_mock.holdings import INFO, Company, Connection, DataSet, Operation
from codat_mock.merchants import COMMERCE_TYPES, Fields, Merchant
from codat_mock.platforms import BY_KEY, COMMERCE, OTHER_TYPES, Platform
from codat_mock.syncs import Syncs

__all__ = ["INFO", "Company", "Connection", "DataSet", "Operation", "World"]


class World(Syncs):
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
            records: orders of each connection, made over two years, with as many customers and so on.
            extras: whether some companies also have an accounting and a pending connection.
            platforms: what the connections are on, in turn.
            seed: for another set of shops.
        """
        # Shops that are there from the start were synced a day ago; those that are connected later, now.
        super().__init__(seed, behind=timedelta(days=1 if companies else 0))
        self.seed, self._records = seed, records
        self.client_id = self.uuid()
        self.settings = [self._setting(t) for t in (*COMMERCE_TYPES, *OTHER_TYPES)]
        for number in range(companies):
            company = self.add_company("", tags={"region": ("uk", "eu", "us")[number % 3], "team": f"t{number % 2}"})
            company.created -= timedelta(hours=companies - number)
            for position in range(connections):
                platform = platforms[(number * connections + position) % len(platforms)]
                connection = self.connect(company.id, platform.key, status="Linked")
                self.sync(company.id, connection.id, add=records)
                company.name = company.name or connection.merchant.name
            if extras and number % 3 == 0:
                self.connect(company.id, "gbol", status="Linked")
            if extras and number % 3 == 1:
                self.connect(company.id, "fztf", status="PendingAuth")

    def add_company(self, name: str, description: str = "", tags: dict[str, str] | None = None) -> Company:
        """Add a company without connections. Characters that Codat does not take are left out of its name."""
        cleaned = re.sub(r"[^A-Za-z0-9\s\-',&@.?!]", "", name)
        company = Company(self.uuid(), cleaned, self.now, description, tags or {})
        company.products = tuple(sorted(self.products))
        self.companies[company.id] = company
        return company

    def connect(self, company_id: str, platform_key: str, status: str = "PendingAuth") -> Connection:
        """Add a connection."""
        company = self.companies[company_id]
        number = len(company.connections)
        seed = f"{self.seed}/{company_id}/{number}"
        merchant = Merchant(seed, BY_KEY[platform_key], self._records, self.now - timedelta(hours=1))
        connection = Connection(self.uuid(), company_id, BY_KEY[platform_key], status, self.now, merchant)
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

    def refusal(self, connection: Connection, data_type: str) -> int | None:
        """Return why a data set can't be read: 404 the platform lacks it, 409 it had no good sync; None if it can."""
        company = self.companies[connection.company_id]
        latest = self.latest(company, data_type, connection.id)
        unsupported = latest is not None and latest.status == "NotSupported"
        if not connection.syncs or data_type in connection.platform.lacks or unsupported:
            return 404
        return 409 if self.latest_good(company, data_type, connection.id) is None else None

    def shown(self, data_set: DataSet) -> list[Fields]:
        """Return the records of a data set as they are shown."""
        records = data_set.records
        if self.unstamped.isdisjoint(records):
            return list(records.values())
        return [
            {k: v for k, v in r.items() if k != "modifiedDate"} if i in self.unstamped else r
            for i, r in records.items()
        ]

    def visible(self, data_type: str) -> dict[tuple[str, str], Fields]:
        """Return what can be read of a data type now, by connection and id: for checkers of what was read."""
        for company in self.companies.values():
            self.settle(company)
        return {
            (c.id, record.get("id", "")): record
            for c in self.connections()
            if data_type in c.data and self.refusal(c, data_type) is None
            for record in self.shown(c.data[data_type])
        }

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
