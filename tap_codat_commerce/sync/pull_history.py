"""Each connection's own status, made of its pull operations, for companies where the data status does not tell.

The data status speaks for the company. Where a company has several shops, the status of a data type is that of
whichever was synced last, and a sync of the other one may hide behind it.

Facts (Codat's documentation, 'Pull operations'): `/data/history` lists the syncs of a company over all connections.
Which of its fields can be ordered by is not documented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_codat_commerce.codat import answers, errors, history, pages
from tap_codat_commerce.records import dates
from tap_codat_commerce.sync.data_status import Kind, SyncStatus, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_codat_commerce.codat.answers import Operation
    from tap_codat_commerce.codat.envelope import Page
    from tap_codat_commerce.codat.prefetcher import Position, Prefetcher

MOST_PAGES = 20
"""So many pages of a connection's operations are looked through at most: 20,000 syncs of data sets."""
Key = tuple[str, str]
"""A connection's id and a data type."""


class PullHistory:
    """The latest pull operations of companies: one request for each, made when it is first needed, or ahead."""

    def __init__(self, prefetcher: Prefetcher) -> None:
        """Begin without having asked."""
        self._prefetcher = prefetcher
        self._operations: dict[str, dict[str | None, Operations | errors.CodatError]] = {}

    def prefetch(self, company_id: str, position: Position, then: Callable[[Operations], None]) -> None:
        """Have a company's operations asked for ahead; `then` gets them when they are there."""

        def arrived(page: Page) -> None:
            operations = latest(page)
            self._operations.setdefault(company_id, {})[None] = operations
            then(operations)

        token = _token(company_id)
        self._prefetcher.prefetch(*history.request(company_id), pages.decode, position, token=token, then=arrived)

    def forget(self, company_id: str) -> None:
        """Forget what is known of a company, and ask anew from now on."""
        self._prefetcher.drop(_token(company_id))
        self._operations.pop(company_id, None)

    def of(self, company_id: str, connection_id: str | None = None) -> Operations:
        """Return the operations of a company, or of one of its connections alone; none where they can't be had.

        They are remembered, as is an error.

        Raises:
            CodatError: the request failed otherwise; the same again for each data set, without asking again.
        """
        known = self._operations.setdefault(company_id, {})
        if connection_id not in known:
            asked, token = history.request(company_id, connection_id), _token(company_id)
            try:
                known[connection_id] = latest(self._prefetcher.get(*asked, pages.decode, token))
            except (errors.BadRequest, errors.Forbidden, errors.NotFound):
                known[connection_id] = Operations([])
            except errors.CodatError as exc:
                known[connection_id] = exc.at(f"history of company {company_id}")
        found = known[connection_id]
        if isinstance(found, errors.CodatError):
            raise found
        return found

    def known(self, company_id: str) -> Operations | None:
        """Return the operations of a company if they are there, without a request."""
        found = self._operations.get(company_id, {}).get(None)
        return found if isinstance(found, Operations) else None

    def reaching(self, company_id: str, connection_id: str, begin: str) -> Operations:
        """Return operations that reach back to a stamp: further pages, of the connection alone, if need be.

        Raises:
            CodatError: as for `of`.
        """
        found = self.of(company_id)
        if found.reach(begin):
            return found
        found, number = self.of(company_id, connection_id), 2
        while found.requested and not found.reach(begin) and number <= MOST_PAGES:
            page = self._prefetcher.get(*history.request(company_id, connection_id, number), pages.decode)
            more = latest(page)
            if not more.requested:
                break
            found, number = Operations([*found.requested, *more.requested]), number + 1
        self._operations[company_id][connection_id] = found  # for the connection's other data sets
        return found


class Operations:
    """The operations of a company, as far as they could be had.

    Attributes:
        requested: all of them, the latest first.
    """

    def __init__(self, operations: list[Operation]) -> None:
        """Take them, the latest first."""
        self.requested = operations
        self._connections = {operation.id: operation.connection_id for operation in operations}
        self._oldest = dates.stamp(operations[-1].requested) if operations else None
        self._of: dict[Key, list[Operation]] = {}
        for operation in operations:
            self._of.setdefault((operation.connection_id, operation.data_type), []).append(operation)

    def are_behind(self, company: SyncStatus) -> bool:
        """Say whether they do not hold the syncs that the company's status names: then they tell nothing."""
        return not self._connections or not {company.sync_id, company.good_sync_id} - {None} <= self._connections.keys()

    def status(self, connection_id: str, data_type: str) -> SyncStatus | None:
        """Return the status of a data type over one connection; None if they do not reach back to any of its syncs."""
        some = self._of.get((connection_id, data_type))
        return _status(some) if some else None

    def are_under_way(self, data_type: str) -> bool:
        """Say whether the latest sync of a data type is under way, over any connection."""
        latest = (some[0] for (_, kind), some in self._of.items() if kind == data_type)
        return any(kind_of(operation.status) is Kind.UNDER_WAY for operation in latest)

    def reach(self, begin: str) -> bool:
        """Say whether one of them was requested at a stamp, or before: then all later ones are there."""
        return self._oldest is not None and self._oldest <= begin

    def within(self, connection_id: str, data_type: str, begin: str, end: str) -> dict[str, str] | None:
        """Return the syncs of a data set that were under way at some time between two stamps: when each was requested.

        None if the operations do not reach back to the first stamp. A sync that does not tell its end has none yet.
        """
        if not self.reach(begin):
            return None
        found = {}
        for one in self._of.get((connection_id, data_type), ()):
            began, ended = dates.stamp(one.requested) or "", dates.stamp(one.completed)
            if began <= end and (ended is None or ended >= begin):
                found[one.id] = began
        return found

    def has(self, sync_id: str, connection_id: str) -> bool:
        """Say whether a sync is known to be one of the connection."""
        return self._connections.get(sync_id) == connection_id


def latest(page: Page) -> Operations:
    """Return the operations of a page: none of them if one can't be read, or if they are not the latest ones."""
    operations = answers.operations(page) or []
    requested = [dates.stamp(operation.requested) for operation in operations]
    known = [stamp for stamp in requested if stamp]
    latest_first = len(known) == len(requested) and known == sorted(known, reverse=True)
    return Operations(operations if latest_first else [])


def _status(operations: list[Operation]) -> SyncStatus:
    """Return the status of one data set.

    It is not certain without a good sync, as an older one may be out of sight; and that the platform does not offer
    the data type is believed of the data set alone.
    """
    latest = operations[0]
    good = max((o for o in operations if kind_of(o.status) is Kind.GOOD), key=lambda o: o.completed or "", default=None)
    if good is None:
        return SyncStatus(latest.status, sync_id=latest.id, certain=False)
    return SyncStatus(
        latest.status, good.completed, latest.id, good.id, certain=kind_of(latest.status) is not Kind.NEVER
    )


def _token(company_id: str) -> tuple[str, str]:
    return ("history", company_id)
