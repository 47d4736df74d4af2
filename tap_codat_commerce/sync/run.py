"""One run's way through the companies: which are read, how each data set stands, and what is to be read of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat.answers import COMMERCE_PREFIX, status_entry
from tap_codat_commerce.codat.errors import CodatError, EndsTheRun
from tap_codat_commerce.codat.prefetcher import Prefetcher
from tap_codat_commerce.sync.company_selection import CompanySelection
from tap_codat_commerce.sync.data_set_sync import DataSetSync
from tap_codat_commerce.sync.data_status import DataStatuses
from tap_codat_commerce.sync.pending_syncs import PendingSyncs
from tap_codat_commerce.sync.pre_sync_check import PreSyncCheck
from tap_codat_commerce.sync.prefetch_plan import PrefetchPlan
from tap_codat_commerce.sync.pull_history import PullHistory
from tap_codat_commerce.sync.reader import Reader
from tap_codat_commerce.sync.refreshes import Refreshes
from tap_codat_commerce.sync.run_summary import RunSummary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_codat_commerce.codat.client import Client
    from tap_codat_commerce.sync.company_selection import ConnectionRef
    from tap_codat_commerce.sync.data_set import SelectedDataSet
    from tap_codat_commerce.sync.options import SyncOptions

logger = logging.getLogger("tap-codat-commerce")


@dataclass(frozen=True)
class Company:
    """A company.

    Attributes:
        id: its id.
        answer: its fields as they came, but for its connections.
        connections: its connections, as they came.
        is_whole: whether these are all: each of them could be read.
        readable: those whose data sets are to be read.
    """

    id: str
    answer: dict[str, Any]
    connections: list[dict[str, Any]]
    is_whole: bool
    readable: list[ConnectionRef]


class Run:
    """Says what is to be read, company by company; what comes next is asked for meanwhile.

    Attributes:
        selection: which companies and connections are read.
        summary: what came of the run so far.
        listed_at: when the companies were listed, by Codat's clock, as a stamp.
    """

    def __init__(  # noqa: PLR0913 - what is read, and how
        self,
        client: Client,
        options: SyncOptions,
        selected: Sequence[SelectedDataSet],
        *,
        streams: int,
        with_status: bool = False,
        dry: bool = False,
        wanted: Callable[[dict[str, Any], dict[str, Any]], bool] = lambda *_: True,
        before_pause: Callable[[], None] = lambda: None,
        prefetcher: Prefetcher | None = None,
    ) -> None:
        """Begin without a request.

        Args:
            client: Codat.
            options: what the user has a say in.
            selected: the data sets that are read, in the order of reading.
            streams: how many streams are read, those of the data sets included, for the log.
            with_status: whether the data status is wanted even where no data set is read.
            dry: whether only a few records of each data set are wanted: then nothing is refreshed, waited for, or asked
                ahead.
            wanted: says of a company and one of its connections, as they came, whether data sets will be read of it.
            before_pause: is called whenever nothing is done for some seconds but wait for syncs.
            prefetcher: makes the requests; one of the client's own if it is not given.
        """
        self._options, self._selected, self._streams, self._dry = options, selected, streams, dry
        self._prefetcher = prefetcher or Prefetcher(client, options.max_concurrent_requests)
        index, count = options.shard_index, options.shard_count
        shard = f"shard {index} (of {count}, counted from 0)" if count > 1 else ""
        self.summary = RunSummary(client, shard)
        self._prefetcher.while_waiting = self.summary.log_progress
        self.selection = CompanySelection(self._prefetcher, options, logger, self.summary.unreadable)
        self._statuses, self._history = DataStatuses(self._prefetcher), PullHistory(self._prefetcher)
        self._refreshes = Refreshes(self._statuses, None if dry else options.refresh_older_than_hours)
        self._pending: PendingSyncs[DataSetSync] = PendingSyncs(0 if dry else options.sync_wait, before_pause)
        self._reader = Reader(self._prefetcher, options, dry=dry)
        self._ahead: dict[str, dict[str, list[DataSetSync]]] = {}
        self.listed_at = self._reader.now()
        self._plan = PrefetchPlan(
            self._prefetcher,
            self.selection,
            self._statuses,
            self._history,
            self._made_ahead,
            wanted=wanted,
            new=lambda connection: sum(one.bookmarks.is_new(connection.context) for one in selected),
            enabled=not dry and (with_status or bool(selected)),
            at_once=options.max_concurrent_requests,
        )

    @property
    def start_date(self) -> str | None:
        """Since when records are wanted of data sets that were never read."""
        return self._options.start_date

    def companies(self) -> Iterator[Company]:
        """Yield each company when it is its turn.

        Raises:
            CodatError: the list of companies can't be read.
        """
        companies = self.selection.companies()
        self.listed_at = self._reader.now()
        self.summary.companies = len(companies)
        if not self._dry:
            self.summary.log_scope(self.selection.connections_found, self._streams)
        for number, answer in self._plan.walk(companies):
            readable = self.selection.connections(answer, number)
            is_whole = answer["id"] not in self.selection.partial
            company = Company(answer["id"], answer, answer.pop("dataConnections"), is_whole, readable)
            yield company
            self._forget(company.id)
            self.summary.company_done(company.id)
            self.summary.log_progress()

    def data_status(self, company: Company) -> Iterator[dict[str, Any]]:
        """Yield how fresh each commerce data type of a company is, as Codat says it; nothing if nothing is read of it.

        Raises:
            CodatError: nothing more can be read with this key, or today.
            RunError: so many companies are in trouble that Codat or the network must be.
        """
        if not company.readable:
            return
        try:
            entries = self._statuses.entries(company.id)
        except EndsTheRun:
            raise
        except CodatError as exc:
            self.summary.failure("data_status", company.readable[0].company, company.id, exc)
            return
        for data_type, entry in entries.items():
            if not data_type.startswith(COMMERCE_PREFIX):
                continue
            try:
                status_entry(entry)
            except CodatError as exc:
                self.summary.unreadable(f"data_status of company {company.id}, {data_type}", exc.what)
                continue
            yield {**(entry or {}), "dataType": data_type}

    def data_sets(self, connections: list[ConnectionRef]) -> Iterator[DataSetSync]:
        """Yield the data sets of a company's connections that are to be read; each again once its read is proven.

        Raises:
            CodatError: nothing more can be read with this key, or today.
            RunError: so many companies are in trouble that Codat or the network must be.
        """
        self.summary.connections += len(connections)
        made = self._ahead.pop(connections[0].company_id, {}) if connections else {}
        data_sets = (made.get(c.connection_id) or self._data_sets(c) for c in connections)
        yield from self._until_proven([one for some in data_sets for one in some])

    def set_aside(self) -> Iterator[DataSetSync]:
        """Yield likewise the data sets that were set aside, as soon as they are ready; wait as long as is allowed.

        Raises:
            CodatError: nothing more can be read with this key, or today.
            RunError: so many companies are in trouble that Codat or the network must be.
        """
        for data_sets in self._pending.rounds():
            companies: dict[str, list[DataSetSync]] = {}
            for one in data_sets:
                companies.setdefault(one.connection.company_id, []).append(one)
            for company_id in companies:
                self._forget(company_id)
            self._plan.come_back(companies)
            for some in companies.values():
                for data_set in self._until_proven(some):
                    with self._pending.reading():
                        yield data_set

    def _until_proven(self, data_sets: list[DataSetSync]) -> Iterator[DataSetSync]:
        """Go through data sets of one company until nothing is left to be read of them.

        The company's status is looked at again when all that are due have been read: one request for all of them.
        """
        while data_sets:
            read = []
            for data_set in data_sets:
                if data_set.is_due():
                    yield data_set
                    read += [data_set] if data_set.is_read else []
            if read:
                self._forget(read[0].connection.company_id)
            data_sets, done = [], []
            for data_set in read:
                if data_set.look_again():
                    data_sets.append(data_set)
                    continue
                data_set.prefetch_refresh()
                done.append(data_set)
                if data_set.proven:
                    yield data_set
            for data_set in done:
                data_set.refresh()

    def close(self) -> None:
        """Ask for nothing more."""
        self._prefetcher.close()

    def _made_ahead(self, connection: ConnectionRef) -> list[DataSetSync]:
        """Return the data sets of a connection before its turn; till then they are kept, and what they have found."""
        made = self._ahead.setdefault(connection.company_id, {})[connection.connection_id] = self._data_sets(connection)
        return made

    def _data_sets(self, connection: ConnectionRef) -> list[DataSetSync]:
        return [
            DataSetSync(
                selected,
                connection,
                number,
                PreSyncCheck(selected, connection, self._statuses, self._history, self._options),
                reader=self._reader,
                summary=self.summary,
                pending=self._pending,
                refreshes=self._refreshes,
                options=self._options,
            )
            for number, selected in enumerate(self._selected)
        ]

    def _forget(self, company_id: str) -> None:
        """Forget what is known of a company: all of it has been read, or it is asked for anew."""
        self._ahead.pop(company_id, None)
        self._plan.forget(company_id)
        self._statuses.forget(company_id)
        self._history.forget(company_id)
