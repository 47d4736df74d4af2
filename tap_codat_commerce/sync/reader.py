"""Makes the reads of a run, by what it has learned of how Codat lets data sets be asked for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.records import dates
from tap_codat_commerce.records.record_pages import REPLICATION_KEY
from tap_codat_commerce.sync import proof
from tap_codat_commerce.sync.data_set import Paging
from tap_codat_commerce.sync.paged_read import BY_ID, PagedRead, ReadRequest
from tap_codat_commerce.sync.query_check import QueryCheck

if TYPE_CHECKING:
    from collections.abc import Hashable

    from tap_codat_commerce.codat.errors import BadRequest
    from tap_codat_commerce.codat.prefetcher import Position, Prefetcher
    from tap_codat_commerce.sync.bookmark import Bookmark
    from tap_codat_commerce.sync.company_selection import ConnectionRef
    from tap_codat_commerce.sync.data_set import SelectedDataSet
    from tap_codat_commerce.sync.data_status import SyncStatus
    from tap_codat_commerce.sync.options import SyncOptions

logger = logging.getLogger("tap-codat-commerce")


class Reader:
    """What a run reads data sets by.

    Attributes:
        prefetcher: Codat.
        query_check: whether queries over data sets find what is there.
    """

    def __init__(self, prefetcher: Prefetcher, options: SyncOptions, *, dry: bool) -> None:
        """Begin without a request; in a dry run no page is asked for ahead."""
        self.prefetcher, self._options, self._dry = prefetcher, options, dry
        self.query_check = QueryCheck(prefetcher, options.start_date)
        self._order = BY_ID

    def request(  # noqa: PLR0913 - what is read, and all that decides on it
        self,
        selected: SelectedDataSet,
        connection: ConnectionRef,
        old: Bookmark,
        status: SyncStatus,
        *,
        reads: int,
        whole: bool,
    ) -> ReadRequest:
        """Return what to ask for: the rest of an interrupted read, if nothing has moved since.

        Args:
            selected: the data set.
            connection: of which one.
            old: the bookmark, as far as it is trusted.
            status: how the data set stands.
            reads: how often it was read before in this run. Pages are of another size each time: an id that Codat holds
                twice may stand on two of them.
            whole: whether all of it is to be read, whatever the bookmark.
        """
        ids, size = (connection.company_id, connection.connection_id), max(1, self._options.page_size - reads)
        query = None if whole else self._query(selected, old)
        after = selected.bookmarks.find(connection.context).checkpoint
        goes_on = self._order == BY_ID and proof.may_go_on(after, status, query, size)
        return ReadRequest(*ids, selected.data_set, size, query, self._order, after if goes_on else None)

    def read(self, selected: SelectedDataSet, request: ReadRequest, token: Hashable, at: Position) -> PagedRead[Any]:
        """Return a read that has not begun."""
        context = {"companyId": request.company_id, "connectionId": request.connection_id}
        position = None if self._dry else at
        return PagedRead(self.prefetcher, selected.page_of(context), request, token=token, position=position)

    def refuses_order(self, read: PagedRead[Any], error: BadRequest) -> bool:
        """Say whether Codat refused the order of a read, so that pages are ordered otherwise from now on."""
        request = read.request
        if read.pages or request.order != BY_ID or request.data_set.paging is not Paging.NUMBERED:
            return False
        self._order = REPLICATION_KEY
        logger.warning("Codat refuses orderBy=id: pages are ordered by modifiedDate: %s", error.what)
        return True

    def now(self) -> str:
        """Return the time at Codat, as a stamp."""
        return dates.written(self.prefetcher.clock.now())

    def _query(self, selected: SelectedDataSet, old: Bookmark) -> str | None:
        if not selected.incremental or old.full_read_is_due(self._options.full_read_every_days):
            return None
        return old.query(self._options.start_date)
