"""The life of a sync: how it is requested, what it changes in the cache and when, how it ends, what tells of it."""

from __future__ import annotations

import random
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from codat_mock import stamps
from codat_mock.freedoms import Freedoms
from codat_mock.holdings import INFO, ON_THE_WAY, UNDER_WAY, Change, DataSet, Operation
from codat_mock.lag import Lag
from codat_mock.merchants import COMMERCE_TYPES
from codat_mock.platforms import written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codat_mock.holdings import Company, Connection

SETTLES = timedelta(minutes=2)
"""So much time passes between two syncs: all machines that hand pages out have the first one by then."""


class Syncs(Freedoms):
    """The syncs of a world, at once or in steps."""

    def __init__(self, seed: int, behind: timedelta) -> None:
        """Begin with no companies, and with a clock that is so far behind."""
        super().__init__()
        self.random = random.Random(seed)  # noqa: S311 - made-up shops, no secrets
        self.companies: dict[str, Company] = {}
        self._behind = behind
        self._latest = datetime.now(UTC) - behind
        self._lag = Lag()
        self.settles = SETTLES

    def uuid(self) -> str:
        """Return a new id."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    @property
    def now(self) -> datetime:
        """The time by Codat's clock: it is behind ours, and never before the latest sync."""
        return max(datetime.now(UTC) - self._behind, self._latest)

    def stamp(self, apart: int = 1) -> datetime:
        """Return the time of a new sync, at least so many seconds after the one before."""
        self._latest = max(datetime.now(UTC) - self._behind, self._latest + timedelta(seconds=apart))
        return self._latest.replace(microsecond=0)

    # At once

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
        self.pass_time()
        for connection in self._synced_connections(company_id, connection_id):
            for data_type in data_types:
                if data_type in connection.platform.lacks:
                    done += self._not_supported(connection, data_type)
                    continue
                requested = self.stamp()
                new = Operation(self.uuid(), connection.id, data_type, requested, "Complete")
                end = self._later() if self.stamps == "shuffled" else requested
                self._plan(connection, new, end, restamp=restamp, add=add, remove=remove)
                self._make(connection, new)
                new.completed = self._closed(new, end)
                self._request(connection, new)
                self._move(connection, "end", new.completed)
                done.append(new)
        self.pass_time()
        return done

    def pass_time(self) -> None:
        """Let time pass: before a sync begins, and once it has ended."""
        self._latest += self.settles

    def remove(self, connection: Connection, data_type: str, ids: Iterable[str]) -> None:
        """Remove records from the cache now, without any sync."""
        if data_type in connection.data:
            connection.data[data_type].apply([Change(i) for i in ids])

    # In steps

    def begin(
        self,
        company_id: str,
        connection_id: str | None,
        data_type: str,
        status: str | None = None,
        *,
        description: str = "",
    ) -> list[Operation]:
        """Queue a sync that completes by itself after `sync_seconds`; or, with a status, one that stays in it."""
        begun = []
        self.pass_time()
        for connection in self._synced_connections(company_id, connection_id):
            on_its_way = status is None or (self.not_supported_operations and status in UNDER_WAY)
            if on_its_way and data_type in connection.platform.lacks:
                begun += self._not_supported(connection, data_type)
                continue
            clock = time.monotonic()
            ends = None if status else clock + self.sync_seconds
            new = Operation(
                self.uuid(), connection.id, data_type, self.stamp(), status or "Queued", ends=ends, began=clock
            )
            new.status_description = description
            self._request(connection, new)
            begun.append(new)
        return begun

    def plan(self, operation: Operation, *, restamp: int = 0, add: int = 0, remove: int = 0) -> list[Change]:
        """Fix what a sync that is under way will change; arguments as for `sync`. Return all that is still to come.

        Each change has its stamp from now on, between the begin of the sync and now. Planned again, more is changed.
        """
        self._plan(self._over(operation), operation, self._later(), restamp=restamp, add=add, remove=remove)
        return list(operation.planned or [])

    def reveal(self, operation: Operation, count: int) -> list[str]:
        """Make so many of the planned changes visible now, whichever; return the ids of their records."""
        planned = operation.planned or []
        now = self.random.sample(planned, min(count, len(planned)))
        self._make(self._over(operation), operation, now)
        return [c.record_id for c in now]

    def finish(self, operation: Operation, *, restamp: int = 0, add: int = 0, remove: int = 0) -> None:
        """Let a sync that is under way end well now, with what is planned and what is given here, as for `sync`."""
        connection, now = self._over(operation), self._later()
        if operation.planned is None or restamp or add or remove:
            self._plan(connection, operation, now, restamp=restamp, add=add, remove=remove)
        self._make(connection, operation)
        self._end(connection, operation, "Complete", now)

    def fail(self, operation: Operation, status: str = "FetchError") -> None:
        """Let a sync that is under way end in vain now: what was revealed stays, the rest is never made."""
        operation.planned = []
        self._end(self._over(operation), operation, status, self._later())

    def set_status(self, company_id: str, data_type: str, status: str | None, *, after_good: bool) -> None:
        """Put a data type of a company into a status, None for never synced; with or without a good sync before."""
        company = self.companies[company_id]
        if not after_good:
            self._keep(company, data_type)
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
                if operation.planned is None:
                    shop = company.connections[operation.connection_id]
                    fresh = operation.data_type not in shop.data
                    self.finish(operation, restamp=1, add=shop.merchant.orders if fresh else 1)
                else:
                    self.finish(operation)
                continue
            share = (clock - operation.began) / (operation.ends - operation.began)
            status = ON_THE_WAY[int(share * len(ON_THE_WAY))]
            if status != operation.status:
                self._keep(company, operation.data_type)
                operation.status = status

    # What tells of them

    def told(self, company: Company, about: str | None) -> list[Operation]:
        """Return the operations for one answer about a data type, or None for the history: they may lag behind."""
        return self._lag.show(company, about, self.lag)

    def latest(
        self,
        company: Company,
        data_type: str,
        connection_id: str | None = None,
        operations: list[Operation] | None = None,
    ) -> Operation | None:
        """Return the operation requested last, of those given, or of all."""
        every = company.operations if operations is None else operations
        return next((o for o in reversed(every) if _is(o, data_type, connection_id)), None)

    def latest_good(
        self,
        company: Company,
        data_type: str,
        connection_id: str | None = None,
        operations: list[Operation] | None = None,
    ) -> Operation | None:
        """Return the good operation completed last, of those given, or of all."""
        every = company.operations if operations is None else operations
        good = [o for o in every if o.good and _is(o, data_type, connection_id)]
        if self.status_by_request and connection_id is None:
            return good[-1] if good else None
        return max(good, key=lambda o: o.completed or o.requested, default=None)

    # How it is done

    def _later(self) -> datetime:
        """Return the time of a later step of a sync; with stamps of their own, records may be seconds apart."""
        return self.stamp(self.random.randint(1, 5) if self.stamps == "shuffled" else 1)

    def _keep(self, company: Company, data_type: str) -> None:
        if self.lag:
            self._lag.keep(company, data_type)

    def _move(self, connection: Connection, when: str, moment: datetime) -> None:
        if self.last_sync_moves == when:
            connection.last_sync = moment

    def _request(self, connection: Connection, operation: Operation) -> None:
        company = self.companies[connection.company_id]
        self._keep(company, operation.data_type)
        company.operations.append(operation)
        self._move(connection, "begin", operation.requested)

    def _end(self, connection: Connection, operation: Operation, status: str, now: datetime) -> None:
        self._keep(self.companies[connection.company_id], operation.data_type)
        operation.completed = self._closed(operation, now)
        operation.status = status
        if operation.good:
            self._move(connection, "end", operation.completed)
        self.pass_time()

    @staticmethod
    def _closed(operation: Operation, now: datetime) -> datetime:
        """Return when a sync that ends now is completed: not before its last stamp, of the several that some have."""
        last = max({now, *operation.stamped})
        operation.stamped = set()
        return last

    def _not_supported(self, connection: Connection, data_type: str) -> list[Operation]:
        if not self.not_supported_operations:
            return []
        now = self.stamp()
        new = Operation(self.uuid(), connection.id, data_type, now, "NotSupported", now)
        self._request(connection, new)
        return [new]

    def _plan(  # noqa: PLR0913 - each says what the sync found
        self, connection: Connection, operation: Operation, end: datetime, *, restamp: int, add: int, remove: int
    ) -> None:
        """Add to what a sync will change; its stamps are up to this end."""
        planned, data_type = operation.planned or [], operation.data_type
        data_set = connection.data.setdefault(data_type, DataSet())
        if data_type == INFO:
            info = {**connection.merchant.info(), "modifiedDate": written(end, "zulu")}
            operation.planned = [*planned, Change("", record=info)]
            return
        touched = {c.record_id for c in planned}
        oldest = [i for i in data_set.records if i not in touched]
        gone, changed = oldest[:remove], oldest[remove : remove + restamp]
        numbers = connection.merchant.more(data_type, data_set.made, add)
        new = connection.merchant.records(data_type, numbers)
        data_set.made = numbers.stop
        texts = self._texts(connection, operation, end, len(changed) + len(new))
        operation.planned = [
            *planned,
            *(Change(i) for i in gone),
            *(Change(i, t) for i, t in zip(changed, texts[: len(changed)], strict=True)),
            *(Change(r["id"], t, {**r, "modifiedDate": t}) for r, t in zip(new, texts[len(changed) :], strict=True)),
        ]

    def _texts(self, connection: Connection, operation: Operation, end: datetime, count: int) -> list[str]:
        """Return the stamps of so many records; some may be by a clock that is off."""
        fine = self.stamps == "shuffled"
        if fine:
            moments = stamps.shuffled(self.random, operation.requested, end, count, operation.stamped)
        else:
            moments = stamps.by_platform(connection.platform, end, count)
        operation.stamped |= set(moments)
        off = min(self.skewed - operation.skewed, count) if self.skew else 0
        for position in self.random.sample(range(count), max(0, off)):
            moments[position] += self.skew
            operation.skewed += 1
        return stamps.texts(connection.platform, moments, fine=fine)

    @staticmethod
    def _make(connection: Connection, operation: Operation, now: list[Change] | None = None) -> None:
        """Make the planned changes visible, or only those given."""
        planned = operation.planned or []
        connection.data[operation.data_type].apply(planned if now is None else now)
        made = set(map(id, planned if now is None else now))
        operation.planned = [c for c in planned if id(c) not in made]

    def _over(self, operation: Operation) -> Connection:
        """Return the connection that a sync goes over."""
        every = (c.connections for c in self.companies.values())
        return next(own[operation.connection_id] for own in every if operation.connection_id in own)

    def _synced_connections(self, company_id: str, connection_id: str | None) -> list[Connection]:
        every = self.companies[company_id].connections.values()
        return [c for c in every if c.syncs and connection_id in {None, c.id}]


def _is(operation: Operation, data_type: str, connection_id: str | None) -> bool:
    return operation.data_type == data_type and connection_id in {None, operation.connection_id}
