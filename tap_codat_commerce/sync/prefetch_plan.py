"""What is asked for ahead: the data status of the coming companies, then what is sure to be read of them.

It is asked for in the order of writing, within the bounds of the prefetcher. Nothing is decided here: when its turn
comes, each data set is judged as if nothing had been asked for, and finds its answers there, or asks.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat.errors import UnexpectedAnswer
from tap_codat_commerce.sync.data_status import SyncStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping

    import msgspec

    from tap_codat_commerce.codat.prefetcher import Prefetcher
    from tap_codat_commerce.sync.company_selection import CompanySelection, ConnectionRef
    from tap_codat_commerce.sync.data_set_sync import DataSetSync
    from tap_codat_commerce.sync.data_status import DataStatuses
    from tap_codat_commerce.sync.pull_history import Operations, PullHistory

OPEN_FOR_EACH = 8
"""So many answers for each request that may be made at once are asked ahead, before further companies are looked at."""


class PrefetchPlan:
    """What is to be asked for ahead in one run."""

    def __init__(  # noqa: PLR0913 - the parts of the run that it needs
        self,
        prefetcher: Prefetcher,
        selection: CompanySelection,
        statuses: DataStatuses,
        history: PullHistory,
        data_sets: Callable[[ConnectionRef], list[DataSetSync]],
        *,
        wanted: Callable[[dict[str, Any], dict[str, Any]], bool],
        new: Callable[[ConnectionRef], int],
        enabled: bool,
        at_once: int,
    ) -> None:
        """Begin without having asked.

        Args:
            prefetcher: Codat.
            selection: of companies and connections.
            statuses: the data status of companies.
            history: the pull operations of companies with several shops.
            data_sets: makes those of a connection that are to be read.
            wanted: says of a company and one of its connections, as they came, whether data sets will be read of it.
            new: says how many of them were never read before.
            enabled: whether anything is to be asked ahead.
            at_once: how many requests may be made at once.
        """
        self._prefetcher, self._selection, self._statuses, self._history = prefetcher, selection, statuses, history
        self._data_sets, self._wanted, self._new, self._enabled = data_sets, wanted, new, enabled
        self._tokens: dict[str, list[Hashable]] = {}
        self._enough = OPEN_FOR_EACH * at_once

    def walk(self, companies: list[msgspec.Raw]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield each company, with its number, when it is its turn."""
        planned = 0
        if self._enabled:
            self._expect(companies)
        for number, raw in enumerate(companies):
            while (
                self._enabled
                and planned < len(companies)
                and (planned <= number or self._prefetcher.open < self._enough)
            ):
                self._plan(self._connections(companies[planned], planned))
                planned += 1
            yield number, self._selection.company(raw)

    def forget(self, company_id: str) -> None:
        """Let go of what was asked ahead for a company and not used: its status may have changed since."""
        for token in self._tokens.pop(company_id, ()):
            self._prefetcher.drop(token)

    def come_back(self, companies: Mapping[str, list[DataSetSync]]) -> None:
        """Ask ahead for data sets that are looked at again, by the ids of their companies."""
        for number, (company_id, some) in enumerate(companies.items()):
            self._statuses.prefetch(company_id, (number,), partial(self._look, some))

    def _expect(self, companies: list[msgspec.Raw]) -> None:
        """Tell how many requests will be needed, as far as that is sure: data sets without a bookmark will be read."""
        expected = 0
        for number, raw in enumerate(companies):
            connections = self._connections(raw, number)
            expected += bool(connections)
            expected += sum(map(self._new, connections))
        self._prefetcher.expect(expected)

    def _connections(self, raw: msgspec.Raw, number: int) -> list[ConnectionRef]:
        company = self._selection.company(raw)
        return [c for c in self._selection.connections(company, number) if self._wanted(company, c.details)]

    def _plan(self, connections: list[ConnectionRef]) -> None:
        if connections:
            first = connections[0]
            self._statuses.prefetch(first.company_id, (first.number,), partial(self._arrived, connections))

    def _arrived(self, connections: list[ConnectionRef], entries: dict[str, Any]) -> None:
        self._look([one for connection in connections for one in self._data_sets(connection)], entries)

    def _look(self, syncs: list[DataSetSync], entries: dict[str, Any]) -> None:
        hidden: list[tuple[DataSetSync, SyncStatus]] = []
        for sync in syncs:
            try:
                company = SyncStatus.of(entries.get(sync.data_type))
            except UnexpectedAnswer:  # comes up again when it is the data set's turn
                continue
            if sync.check.needs_history(company) or (not sync.check.shared and sync.check.looks_back(company)):
                hidden.append((sync, company))
            elif not sync.check.shared:
                self._prefetch(sync, company)
        if hidden:
            first = hidden[0][0].connection
            self._history.prefetch(first.company_id, (first.number,), partial(self._look_closer, hidden))

    def _look_closer(self, hidden: list[tuple[DataSetSync, SyncStatus]], operations: Operations) -> None:
        for sync, company in hidden:
            if not sync.check.shared:
                self._prefetch(sync, company)
            elif operations.are_behind(company):
                self._prefetch(sync, replace(company, certain=False))
            elif own := operations.status(sync.connection.connection_id, sync.data_type):
                self._prefetch(sync, own)

    def _prefetch(self, sync: DataSetSync, status: SyncStatus) -> None:
        token = sync.prefetch(status)
        if token:
            self._tokens.setdefault(sync.connection.company_id, []).append(token)
        self._prefetcher.expect(bool(token) - sync.is_new)  # one that is new was expected from the begin
