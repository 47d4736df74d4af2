"""One run's way through the companies, in the order in which their records are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.sync.data_set_sync import DataSetSync
from tap_codat_commerce.sync.prefetch_plan import PrefetchPlan
from tap_codat_commerce.sync.run_summary import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_codat_commerce.sync.company_selection import ConnectionRef
    from tap_codat_commerce.sync.data_set import Sink
    from tap_codat_commerce.sync.run import Run


@dataclass(frozen=True)
class Company:
    """A company, as it came, and the connections whose data sets are to be read."""

    answer: dict[str, Any]
    connections: list[ConnectionRef]


class CompanySync:
    """Goes from company to company; what comes next is asked for meanwhile."""

    def __init__(self, run: Run, sinks: Sequence[Sink], *, streams: int, with_status: bool = False) -> None:
        """Begin without a request.

        Args:
            run: its parts.
            sinks: of the data sets that are read, in the order of reading.
            streams: how many streams are read, those of the data sets included, for the log.
            with_status: whether the data status is wanted even where no data set is read.
        """
        self._run, self._sinks, self._streams = run, sinks, streams
        self._plan = PrefetchPlan(run, sinks, with_status=with_status)

    def companies(self) -> Iterator[Company]:
        """Yield each company when it is its turn; after the last one, come back to what was set aside.

        Raises:
            CodatError: the list of companies can't be read.
        """
        run, summary = self._run, self._run.summary
        companies = run.selection.companies()
        summary.companies = len(companies)
        if not run.dry:
            summary.log_scope(run.selection.connections_found, self._streams)
        for number, answer in self._plan.walk(companies):
            connections = run.selection.connections(answer, number)
            yield Company(answer, connections)
            self._forget(answer["id"])
            summary.company_done(answer["id"])
            summary.log_progress()
        run.pending.come_back(self._look_again)

    def read(self, connection: ConnectionRef) -> None:
        """Read the data sets of a connection, as far as they are due.

        Raises:
            CodatError: nothing more can be read with this key, or today.
            RunError: so many companies are in trouble that Codat or the network must be.
        """
        self._run.summary.connections += 1
        for sink in self._sinks:
            self._read(DataSetSync(self._run, sink, connection))

    def _read(self, sync: DataSetSync) -> None:
        if sync.is_due():
            try:
                sync.sink.write(sync)
            except RecordError as exc:
                sync.fail(exc)

    def _look_again(self, syncs: list[DataSetSync]) -> None:
        for company_id in {sync.connection.company_id for sync in syncs}:
            self._forget(company_id)
        self._plan.come_back(syncs)
        for sync in syncs:
            self._read(sync)

    def _forget(self, company_id: str) -> None:
        """Forget what is known of a company: all of it has been read, or it is asked for anew."""
        self._plan.forget(company_id)
        self._run.statuses.forget(company_id)
        self._run.history.forget(company_id)
