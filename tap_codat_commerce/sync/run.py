"""What one run holds. It is made in one place, `Run`, and handed to whoever needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat.prefetcher import Prefetcher
from tap_codat_commerce.records.shaping import StrayFieldCounter
from tap_codat_commerce.sync.company_selection import CompanySelection
from tap_codat_commerce.sync.data_status import DataStatuses
from tap_codat_commerce.sync.paged_read import BY_ID
from tap_codat_commerce.sync.pending_syncs import PendingSyncs
from tap_codat_commerce.sync.pull_history import PullHistory
from tap_codat_commerce.sync.query_check import QueryCheck
from tap_codat_commerce.sync.run_summary import RunSummary

if TYPE_CHECKING:
    import logging

    from tap_codat_commerce.codat.client import Client
    from tap_codat_commerce.sync.data_set import DueSync
    from tap_codat_commerce.sync.options import SyncOptions


class Run:
    """The parts of one run.

    Attributes:
        options: what the user has a say in.
        prefetcher: Codat.
        selection: which companies and connections are read.
        statuses: the data status of companies.
        history: the pull operations of companies with several shops.
        pending: the data sets that were set aside.
        summary: what came of the run so far.
        stray_fields: what had no place in the schemas.
        order: the field that pages are ordered by.
        query_check: whether queries over data sets find what is there.
        reading: the data set whose pages are being handed over, None if there is none.
    """

    def __init__(self, client: Client, options: SyncOptions, logger: logging.Logger, *, dry: bool = False) -> None:
        """Begin without a request.

        Args:
            client: Codat.
            options: what the user has a say in.
            logger: for what users should know.
            dry: whether only a few records of each data set are wanted: then nothing is waited for.
        """
        self.options, self.logger, self.dry = options, logger, dry
        self.prefetcher = Prefetcher(client, options.max_concurrent_requests)
        self.summary = RunSummary(client, logger)
        self.selection = CompanySelection(self.prefetcher, options, logger, self.summary.unreadable)
        self.statuses = DataStatuses(self.prefetcher)
        self.history = PullHistory(self.prefetcher)
        self.pending: PendingSyncs[Any] = PendingSyncs(0 if dry else options.sync_wait, logger)
        self.stray_fields = StrayFieldCounter()
        self.order = BY_ID
        self.query_check = QueryCheck(self.prefetcher, options.start_date, logger)
        self.reading: DueSync | None = None

    def close(self) -> None:
        """Ask for nothing more; note how far the data set came whose pages were being handed over."""
        self.prefetcher.close()
        if self.reading:
            self.reading.note_checkpoint()
