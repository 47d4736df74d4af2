"""Whether queries find what is there: one that is taken and finds nothing would leave records out in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import pages, query
from tap_codat_commerce.records.record_pages import REPLICATION_KEY

if TYPE_CHECKING:
    import logging

    from tap_codat_commerce.codat.prefetcher import Prefetcher
    from tap_codat_commerce.sync.paged_read import PagedRead


class QueryCheck:
    """What a run has seen of queries: as soon as one has found something, they work."""

    def __init__(self, prefetcher: Prefetcher, start_date: str | None, logger: logging.Logger) -> None:
        """Begin without a request.

        A `start_date` is no record's stamp, and what was before it is not wanted: with one, queries can't be checked.
        """
        self._prefetcher = prefetcher
        self._done = start_date is not None
        self._logger, self._told = logger, False

    def finds_nothing(self, where: str, read: PagedRead[Any], stamp: str | None) -> bool:
        """Say whether a query brought nothing, and one for the bookmark's own stamp does not either; log the first.

        When the bookmark moved there, a record had that stamp or a later one. Such records may have gone since: so
        what this tells is of this data set alone.

        Args:
            where: names the data set.
            read: what came.
            stamp: of the bookmark that was read from.

        Raises:
            CodatError: the request failed.
        """
        request = read.request
        if self._done or request.query is None or stamp is None:
            return False
        if not read.records:
            since = {"query": query.since(REPLICATION_KEY, stamp)}
            probe: pages.Page = self._prefetcher.get(request.path, pages.numbered(since, 1, 1), pages.decode)
        self._done = bool(read.records or probe.total)
        if not self._done and not self._told:
            line = "%s: a query brings not even what was modified last: such data sets are read whole."
            self._logger.warning(line, where)
            self._told = True
        return not self._done
