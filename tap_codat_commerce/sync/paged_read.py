"""Reads a data set page by page.

Pages are counted by number and ordered by id: a record that is stamped anew moves nowhere, and there are no ties. What
still shifts: an added record pushes others back, which then come twice; a deleted record pulls others forward, and one
slips onto a page already read. So what came is compared with what every page says of how many records there are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from tap_codat_commerce.codat import lossless_json, pages
from tap_codat_commerce.codat.errors import NoData, UnexpectedAnswer
from tap_codat_commerce.codat.paths import path
from tap_codat_commerce.records import dates
from tap_codat_commerce.sync.bookmark import Checkpoint
from tap_codat_commerce.sync.data_set import DataSet, Paging
from tap_codat_commerce.sync.distinct_ids import DistinctIds
from tap_codat_commerce.sync.proof import Read

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    import msgspec

    from tap_codat_commerce.codat.pages import Page
    from tap_codat_commerce.codat.prefetcher import Position, Prefetcher
    from tap_codat_commerce.records.record_pages import RecordPage
    from tap_codat_commerce.sync.data_status import SyncStatus

Content = TypeVar("Content")
BY_ID = "id"
"""The order in which pages are read, unless Codat refuses it."""


@dataclass(frozen=True)
class ReadRequest:
    """What is asked for: a data set of a connection, or what of it fits a query, in an order.

    Attributes:
        page_size: records to a page.
        query: the condition, None for all.
        order: the field that orders the records.
        after: the unfinished read to go on from, None to begin at the first page.
    """

    company_id: str
    connection_id: str
    data_set: DataSet
    page_size: int
    query: str | None = None
    order: str = BY_ID
    after: Checkpoint | None = None

    @property
    def path(self) -> str:
        """The path at the API."""
        return path_of(self.company_id, self.connection_id, self.data_set.segment)

    @property
    def first_page(self) -> int:
        """The number of the page to begin with."""
        return self.after.page if self.after else 1

    def params(self) -> dict[str, str | int]:
        """Return the parameters of every page but for its number and size."""
        return {**({"query": self.query} if self.query else {}), "orderBy": self.order}

    def prefetch(self, prefetcher: Prefetcher, token: Hashable, position: Position) -> None:
        """Ask ahead for what a read begins with, and for more if nothing has to be checked first."""
        path, params, first = self.path, self.params(), self.first_page

        def arrived(page: Page) -> None:
            size = pages.own_size(page, first, self.page_size)
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
            numbered = pages.numbered(params, first, self.page_size)
            prefetcher.prefetch(path, numbered, pages.decode, position, token=token, then=arrived)


def path_of(company_id: str, connection_id: str, segment: str) -> str:
    """Return the path at the API of a connection's data set."""
    return path("companies", company_id, "connections", connection_id, "data", segment)


class CannotResumeError(Exception):
    """The page where an unfinished read would go on is not what it was."""


class PagedRead(Generic[Content]):
    """One read of a data set: its pages, and afterwards what is known of it.

    Attributes:
        pages: how many pages came.
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
        after = request.after
        self._size, self._before = request.page_size, 0
        self.pages, self._records, self._duplicates = 0, 0, 0
        self._latest = after.latest if after else None
        self._unstamped = after.unstamped if after else False
        self._totals = {after.total} if after else set()
        self._started_at = after.started_at if after else dates.now()
        self._unreadable: list[str] = []
        self._no_data = False
        self._ids = DistinctIds()
        self._look_at, self._seen = 1, 0
        self._done: tuple[int, list[str | None], str | None, bool] | None = None

    def record_pages(self) -> Iterator[RecordPage[Content]]:
        """Yield the pages; none if Codat's word is that there is no data.

        Raises:
            CannotResumeError: it was to be gone on from a page that is not what it was.
            CodatError: a request failed, or the pages would never end.
        """
        ways = {Paging.NUMBERED: self._numbered, Paging.LINKED: self._linked, Paging.SINGLE: self._single}
        try:
            yield from ways[self.request.data_set.paging]()
        except NoData as exc:
            if self.request.after:
                raise CannotResumeError from exc
            if self.pages:
                raise
            self.pages, self._no_data = 1, True
            self._totals.add(0)

    def result(self) -> Read:
        """Return what is known of the read. That counts all ids: for once in a while, not for each page."""
        return Read(
            query=self.request.query,
            records=self._records,
            distinct=self._distinct(),
            totals=frozenset(self._totals),
            duplicates=self._duplicates,
            unreadable=tuple(self._unreadable),
            no_data=self._no_data,
            latest=self._latest,
            unstamped=self._unstamped,
            started_at=self._started_at,
        )

    def checkpoint(self, status: SyncStatus, asked_at: str) -> Checkpoint | None:
        """Return where to go on should the read end here, None where that is not possible.

        Args:
            status: how the data set stood before the read.
            asked_at: when that was asked for, by Codat's clock, as a stamp; of an interrupted read, the first time.
        """
        request = self.request
        if self._done is None or not status.good_sync_id or not status.certain or request.order != BY_ID:
            return None
        if self._unreadable or self._duplicates or len(self._totals) != 1 or self._distinct() != self._records:
            return None
        page, ids, latest, unstamped = self._done
        return Checkpoint(
            sync_id=status.good_sync_id,
            latest_sync_id=status.sync_id,
            query=request.query,
            page_size=request.page_size,
            page=page,
            total=min(self._totals),
            fingerprint=_fingerprint(ids),
            latest=latest,
            unstamped=unstamped,
            started_at=self._started_at,
            asked_at=asked_at,
        )

    def _distinct(self) -> int:
        """Return how many different records came. Where one page holds an id twice, so does Codat: both count."""
        return self._ids.count() + self._duplicates + self._before + len(self._unreadable)

    def _numbered(self) -> Iterator[RecordPage[Content]]:
        """Yield the pages of a data set that takes queries.

        An unfinished read is gone on from by asking once more for the last page that came whole: it must hold the
        same ids, of as many records in all.
        """
        request, after = self.request, self.request.after
        some = self._paged(
            pages.prefetched_by_number(
                self._prefetcher,
                request.path,
                request.params(),
                request.page_size,
                request.first_page,
                token=self._token,
                position=self._position,
                unsure=1 if after else 0,
            )
        )
        if after:
            try:
                old = next(some, None)
            except UnexpectedAnswer as exc:
                raise CannotResumeError from exc
            fits = old and len(old.ids) == min(self._size, after.total - self._before)
            if not old or not fits or _fingerprint(old.ids) != after.fingerprint or self._totals != {after.total}:
                raise CannotResumeError
        yield from some

    def _linked(self) -> Iterator[RecordPage[Content]]:
        """Yield the pages of a data set that takes no parameters."""
        return self._paged(pages.by_link(self._prefetcher, self.request.path, self._token))

    def _single(self) -> Iterator[RecordPage[Content]]:
        """Yield the one page of a data set that is an object.

        A gateway's word that somebody should log in is an object, too: so one of its fields has to be there.
        """
        raw = self._prefetcher.get(self.request.path, None, lossless_json.decode_raw, self._token)
        page, fields = self._page_of([raw]), self.request.data_set.fields
        if page.unreadable or fields.isdisjoint(lossless_json.members(raw)):
            what = f"GET {self.request.path} answered with none of the fields of {self.request.data_set.name}"
            raise UnexpectedAnswer(what)
        self.pages, self._records = 1, 1
        yield page

    def _paged(self, answers: Iterator[Page]) -> Iterator[RecordPage[Content]]:
        for answer in answers:
            if not self.pages:
                self._size = pages.own_size(answer, self.request.first_page, self.request.page_size)
                self._before = self._records = (self.request.first_page - 1) * self._size
            self._totals.add(answer.total)
            page = self._page_of(answer.results)
            answer.results.clear()
            self._ids.add(page.ids)
            self._duplicates += len(page.ids) - len(set(page.ids))
            self._unreadable += [f"page {self.pages + 1}, {entry}" for entry in page.unreadable]
            self._latest = max(filter(None, (self._latest, page.latest)), default=None)
            self._unstamped = self._unstamped or page.unstamped
            self.pages += 1
            self._records += len(page.ids) + len(page.unreadable)
            self._check_progress()
            number = self.request.first_page + self.pages - 1
            latest, unstamped = self._latest, self._unstamped
            yield page
            # Whoever asks for more has used all of this page.
            self._done = (number, page.ids, latest, unstamped)

    def _check_progress(self) -> None:
        """Refuse pages that bring nothing new: looked at after 1, 2, 4, 8 … pages, as it takes a count of all ids."""
        if self.pages < self._look_at:
            return
        count = self._ids.count()
        if self.pages > 1 and count == self._seen:
            what = f"GET {self.request.path}: after {self.pages} pages, the last half of them brought no new record"
            raise UnexpectedAnswer(what)
        self._look_at, self._seen = 2 * self.pages, count


def _fingerprint(ids: list[str | None]) -> str:
    return hashlib.blake2b("\n".join(i or "" for i in ids).encode(), digest_size=8).hexdigest()
