"""Reads a data set page by page, and proves that the read was complete.

Pages are counted by number, and Codat may finish a sync between two of them: a record re-stamped on a page already
read moves to the end, and the first record of the next page slips into the page behind us. A read of one page is
complete by itself. A longer one is complete if the data set is still the same sync, with none under way, and as many
different ids came as every page said there are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from tap_codat_commerce.codat import lossless_json, pages, query
from tap_codat_commerce.codat.errors import UnexpectedAnswer
from tap_codat_commerce.records.record_pages import REPLICATION_KEY
from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint
from tap_codat_commerce.sync.data_set import DataSet, Paging
from tap_codat_commerce.sync.distinct_ids import DistinctIds

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    import msgspec

    from tap_codat_commerce.codat.pages import Page
    from tap_codat_commerce.codat.prefetcher import Position, Prefetcher
    from tap_codat_commerce.records.record_pages import RecordPage
    from tap_codat_commerce.sync.data_status import SyncStatus

Content = TypeVar("Content")
ORDERS = (REPLICATION_KEY, REPLICATION_KEY, "id")
"""How the records are ordered in the first read and in those after a doubt. By id, re-stamps move nothing, and there
are no ties whose order may change."""


@dataclass(frozen=True)
class ReadRequest:
    """What is asked for: a data set of a connection, from which stamp on, in which order.

    Attributes:
        since: the stamp to ask from, None for all.
        order: the field that orders the records.
        page_size: records to a page.
        after: the unfinished read to go on from, None to begin at the first page.
    """

    company_id: str
    connection_id: str
    data_set: DataSet
    since: str | None = None
    order: str = REPLICATION_KEY
    page_size: int = 1000
    after: Checkpoint | None = None

    @property
    def path(self) -> str:
        """The path at the API."""
        return f"/companies/{self.company_id}/connections/{self.connection_id}/data/{self.data_set.segment}"

    @property
    def first_page(self) -> int:
        """The number of the page to begin with."""
        return self.after.page if self.after else 1

    def params(self) -> dict[str, str | int]:
        """Return the parameters of every page but for its number and size."""
        narrowed = {"query": query.since(REPLICATION_KEY, self.since)} if self.since else {}
        return {**narrowed, "orderBy": self.order}

    def prefetch(self, prefetcher: Prefetcher, token: Hashable, position: Position) -> None:
        """Ask ahead for what a read begins with, and for more if nothing has to be checked first."""
        path, params, size, first = self.path, self.params(), self.page_size, self.first_page

        def arrived(page: Page) -> None:
            prefetcher.expect(max(0, -(-page.total // size) - first))
            if not self.after:
                pages.prefetch_following(
                    prefetcher, path, params, size, page=page, number=first, token=token, position=position
                )

        if self.data_set.paging is Paging.SINGLE:
            prefetcher.prefetch(path, None, lossless_json.decode_raw, position, token=token)
        elif self.data_set.paging is Paging.LINKED:
            prefetcher.prefetch(path, None, pages.decode, position, token=token)
        else:
            numbered = pages.numbered(params, first, size)
            prefetcher.prefetch(path, numbered, pages.decode, position, token=token, then=arrived)


class NotToBeResumedError(Exception):
    """Which records came before the page where an unfinished read would go on can't be told for sure."""


class PagedRead(Generic[Content]):
    """One read of a data set: its pages, and afterwards what is known of it.

    Attributes:
        pages: pages that came.
        records: records that came.
        latest: greatest stamp, those of the read that was gone on from included.
    """

    def __init__(
        self,
        prefetcher: Prefetcher,
        page_of: Callable[[list[msgspec.Raw]], RecordPage[Content]],
        request: ReadRequest,
        *,
        token: Hashable,
        position: Position | None,
    ) -> None:
        """Prepare, without a request.

        Args:
            prefetcher: Codat.
            page_of: makes a page of records of an answer's results.
            request: what is read.
            token: stands for this read; only what was asked ahead for it is used.
            position: when it is needed, None to ask for nothing ahead.
        """
        self._prefetcher, self._page_of, self.request = prefetcher, page_of, request
        self._token, self._position = token, position
        self.pages = self.records = self._before = 0
        self.latest = request.after.latest if request.after else None
        self._totals: set[int] = set()
        self._ids = DistinctIds()
        self._done: tuple[int, list[str | None], str | None] | None = None

    def record_pages(self) -> Iterator[RecordPage[Content]]:
        """Yield the pages.

        Raises:
            NotToBeResumedError: it was to be gone on from a page that is not what it was.
        """
        ways = {Paging.NUMBERED: self._numbered, Paging.LINKED: self._linked, Paging.SINGLE: self._single}
        return ways[self.request.data_set.paging]()

    def _numbered(self) -> Iterator[RecordPage[Content]]:
        """Yield the pages of a data set that takes queries.

        An unfinished read is gone on from by asking once more for the last page that came whole: it must hold the
        same ids, and the next page must begin with another stamp. For among equal stamps order may change, and then
        nobody could tell which of them came before.
        """
        request, after, first = self.request, self.request.after, self.request.first_page
        self._before = (first - 1) * request.page_size
        some = self._paged(
            pages.prefetched_by_number(
                self._prefetcher,
                request.path,
                request.params(),
                request.page_size,
                first,
                token=self._token,
                position=self._position,
                unsure=2 if after else 0,
            )
        )
        if after:
            old, new = next(some, None), next(some, None)
            torn = request.order == REPLICATION_KEY and old and new and old.last == new.first
            if torn or _fingerprint(old.ids if old else []) != after.fingerprint:
                self._done = None
                raise NotToBeResumedError
            if new:
                yield new
        yield from some

    def _linked(self) -> Iterator[RecordPage[Content]]:
        """Yield the pages of a data set that takes no parameters."""
        return self._paged(pages.by_link(self._prefetcher, self.request.path, self._token))

    def _single(self) -> Iterator[RecordPage[Content]]:
        """Yield the one page of a data set that is an object."""
        raw = self._prefetcher.get(self.request.path, None, lossless_json.decode_raw, self._token)
        page = self._made([raw])
        self.pages, self.records = 1, 1
        yield page

    @property
    def long(self) -> bool:
        """Whether it took more than one page, so that it has to be proven."""
        return self.pages > 1 or self._before > 0

    def incomplete(self) -> str | None:
        """Return how the number of records differs from what the answers spoke of, None if it does not."""
        came = self._ids.count() + self._before
        if not self._totals - {came}:
            return None
        return f"{came} different records came, but the answers spoke of {' and '.join(map(str, sorted(self._totals)))}"

    def bookmark(self, old: Bookmark, status: SyncStatus, last_sync: str | None) -> Bookmark:
        """Return the bookmark that a complete read leads to."""
        stamps = [s for s in (old.stamp, self.latest) if s is not None]
        return Bookmark(max(stamps, default=None), status.good_sync_id, last_sync)

    def checkpoint(self, status: SyncStatus, last_sync: str | None) -> Checkpoint | None:
        """Return where to go on should the read end here, None where that is not possible.

        That counts all ids: for once in a while, not for each page.
        """
        if self._done is None or not status.good_sync_id or self._ids.count() != self.records:
            return None
        page, ids, latest = self._done
        return Checkpoint(
            sync_id=status.good_sync_id,
            last_sync=last_sync,
            since=self.request.since,
            order=self.request.order,
            page_size=self.request.page_size,
            page=page,
            fingerprint=_fingerprint(ids),
            latest=latest,
        )

    def _paged(self, answers: Iterator[Page]) -> Iterator[RecordPage[Content]]:
        for answer in answers:
            self._totals.add(answer.total)
            page = self._made(answer.results)
            answer.results.clear()
            if not all(page.ids):
                what = f"GET {self.request.path} answered with a record that has no id"
                raise UnexpectedAnswer(what)
            self._ids.add(page.ids)
            self.latest = max(filter(None, (self.latest, page.latest)), default=None)
            self.pages += 1
            self.records += len(page.ids)
            latest, number = self.latest, self._before // self.request.page_size + self.pages
            yield page
            # Whoever asks for more has used all of this page.
            self._done = (number, page.ids, latest)

    def _made(self, results: list[msgspec.Raw]) -> RecordPage[Content]:
        try:
            return self._page_of(results)
        except ValueError as exc:
            what = f"GET {self.request.path} answered with a record that can't be read: {exc}"
            raise UnexpectedAnswer(what) from exc


def _fingerprint(ids: list[str | None]) -> str:
    return hashlib.blake2b("\n".join(i or "" for i in ids).encode(), digest_size=8).hexdigest()
