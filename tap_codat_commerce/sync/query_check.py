"""Whether queries find what is there: one that is taken and finds nothing would leave records out in silence."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_codat_commerce.codat import pages, query
from tap_codat_commerce.records.record_pages import REPLICATION_KEY

if TYPE_CHECKING:
    from tap_codat_commerce.codat.prefetcher import Prefetcher
    from tap_codat_commerce.sync.proof import Read

logger = logging.getLogger("tap-codat-commerce")


class QueryCheck:
    """What a run has seen of queries: as soon as one has found something, they work."""

    def __init__(self, prefetcher: Prefetcher, start_date: str | None) -> None:
        """Begin without a request.

        A `start_date` is no record's stamp, and what was before it is not wanted: with one, queries can't be checked.
        """
        self._prefetcher = prefetcher
        self._done = start_date is not None
        self._told = False

    def finds_nothing(self, where: str, path: str, read: Read, stamp: str | None) -> bool:
        """Say whether a query brought nothing, and one for the bookmark's own stamp does not either; log the first.

        When the bookmark moved there, a record had that stamp or a later one. Such records may have gone since: so
        what this tells is of this data set alone.

        Args:
            where: names the data set.
            path: that of the data set at the API.
            read: what came.
            stamp: of the bookmark that was read from.

        Raises:
            CodatError: the request failed.
        """
        if self._done or read.query is None or stamp is None:
            return False
        if not read.records:
            since = {"query": query.since(REPLICATION_KEY, stamp)}
            probe: pages.Page = self._prefetcher.get(path, pages.numbered(since, 1, 1), pages.decode)
        self._done = bool(read.records or probe.total)
        if not self._done and not self._told:
            line = "%s: a query brings not even what was modified last: such data sets are read whole."
            logger.warning(line, where)
            self._told = True
        return not self._done
