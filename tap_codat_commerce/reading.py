"""Reads a data set page by page, and proves that the read was complete.

Pages are counted by number, and Codat may finish a sync between two of them: a record re-stamped on a page already
read moves to the end, and the first record of the next page slips into the page behind us. A read of one page is
complete by itself. A longer one is complete if the data set is still the same sync, with none under way, and as many
different ids came as every page said there are.
"""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from tap_codat_commerce.bookmarks import REPLICATION_KEY, Bookmark, Progress
from tap_codat_commerce.codat import exact, pages, query
from tap_codat_commerce.codat.errors import UnexpectedAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    import msgspec

    from tap_codat_commerce.codat.ahead import Ahead, Position
    from tap_codat_commerce.codat.pages import Page
    from tap_codat_commerce.readiness import Status
    from tap_codat_commerce.rows import Rows

Content = TypeVar("Content")
ORDERS = (REPLICATION_KEY, REPLICATION_KEY, "id")
"""How the records are ordered in the first read and in those after a doubt. By id, re-stamps move nothing, and there
are no ties whose order may change."""


class DistinctIds:
    """Counts different ids in bounded memory: eight bytes for each, and little more at the moment of counting.

    What is kept is a 64-bit hash of each. If two ids had the same, there would seem to be one fewer than there are,
    which makes a read doubtful and never proves one.
    """

    PARTS = 64
    FEW = 10_000
    """So many are kept in one part: most data sets have no more, and need no others."""

    def __init__(self) -> None:
        """Begin without any."""
        self._parts = [array("q")]

    def add(self, record_ids: Iterable[str | None]) -> None:
        """Take the ids of a page."""
        if len(self._parts) == 1 and len(self._parts[0]) < self.FEW:
            self._parts[0].extend(map(hash, record_ids))
            return
        if len(self._parts) == 1:
            few, self._parts = self._parts[0], [array("q") for _ in range(self.PARTS)]
            self._spread(few)
        self._spread(map(hash, record_ids))

    def count(self) -> int:
        """Return how many different ones there were."""
        return sum(len(set(part)) for part in self._parts)

    def _spread(self, values: Iterable[int]) -> None:
        parts, number = self._parts, self.PARTS
        for value in values:
            parts[value % number].append(value)


@dataclass(frozen=True)
class DataSet:
    """Where one data set of one connection is, and how it can be asked for.

    Attributes:
        since: the stamp to ask from, None for all.
        order: the field that orders the records.
        page_size: records to a page.
        after: the unfinished read to go on from, None to begin at the first page.
    """

    company_id: str
    connection_id: str
    segment: str
    since: str | None = None
    order: str = REPLICATION_KEY
    page_size: int = 1000
    after: Progress | None = None

    @property
    def path(self) -> str:
        """The path at the API."""
        return f"/companies/{self.company_id}/connections/{self.connection_id}/data/{self.segment}"

    @property
    def first_page(self) -> int:
        """The number of the page to begin with."""
        return self.after.page if self.after else 1

    def params(self) -> dict[str, str | int]:
        """Return the parameters of every page but for its number and size."""
        narrowed = {"query": query.since(REPLICATION_KEY, self.since)} if self.since else {}
        return {**narrowed, "orderBy": self.order}


class NotToBeResumedError(Exception):
    """Which records came before the page where an unfinished read would go on can't be told for sure."""


class Reading(Generic[Content]):
    """One read of a data set: its rows, and afterwards what came of it.

    Attributes:
        pages: pages that came.
        records: records that came.
        latest: greatest stamp, those of the read that was gone on from included.
    """

    def __init__(
        self,
        ahead: Ahead,
        rows: Callable[[list[msgspec.Raw]], Rows[Content]],
        data_set: DataSet,
        *,
        token: Hashable,
        position: Position | None,
    ) -> None:
        """Prepare, without a request.

        Args:
            ahead: Codat.
            rows: what is made of a page.
            data_set: what is read.
            token: stands for this read; only what was asked ahead for it is used.
            position: when it is needed, None to ask for nothing ahead.
        """
        self._ahead, self._rows, self.data_set, self._token, self._position = ahead, rows, data_set, token, position
        self.pages = self.records = self._before = 0
        self.latest = data_set.after.latest if data_set.after else None
        self._totals: set[int] = set()
        self._ids = DistinctIds()
        self._done: tuple[int, list[str | None], str | None] | None = None

    def queried(self) -> Iterator[Rows[Content]]:
        """Yield the rows, a page at a time, of a data set that takes queries.

        An unfinished read is gone on from by asking once more for the last page that came whole: it must hold the
        same ids, and the next page must begin with another stamp. For among equal stamps order may change, and then
        nobody could tell which of them came before.

        Raises:
            NotToBeResumedError: it is not so.
        """
        data_set, after = self.data_set, self.data_set.after
        first = data_set.first_page
        self._before = (first - 1) * data_set.page_size
        some = self._paged(
            pages.ahead_by_number(
                self._ahead,
                data_set.path,
                data_set.params(),
                data_set.page_size,
                first,
                token=self._token,
                position=self._position,
                unsure=2 if after else 0,
            )
        )
        if after:
            old, new = next(some, None), next(some, None)
            torn = data_set.order == REPLICATION_KEY and old and new and old.last == new.first
            if torn or _fingerprint(old.ids if old else []) != after.fingerprint:
                self._done = None
                raise NotToBeResumedError
            if new:
                yield new
        yield from some

    def linked(self) -> Iterator[Rows[Content]]:
        """Yield the rows, a page at a time, of a data set that takes no parameters."""
        return self._paged(pages.by_link(self._ahead, self.data_set.path, self._token))

    def single(self) -> Iterator[Rows[Content]]:
        """Yield the one row of a data set that is an object."""
        raw = self._ahead.get(self.data_set.path, None, exact.decode_raw, self._token)
        rows = self._made([raw])
        self.pages, self.records = 1, 1
        yield rows

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

    def bookmark(self, old: Bookmark, status: Status, last_sync: str | None) -> Bookmark:
        """Return the bookmark that a complete read leads to."""
        stamps = [s for s in (old.stamp, self.latest) if s is not None]
        return Bookmark(max(stamps, default=None), status.good_sync_id, last_sync)

    def progress(self, status: Status, last_sync: str | None) -> Progress | None:
        """Return where to go on should the read end here, None where that is not possible.

        That counts all ids: for once in a while, not for each page.
        """
        if self._done is None or not status.good_sync_id or self._ids.count() != self.records:
            return None
        page, ids, latest = self._done
        return Progress(
            sync_id=status.good_sync_id,
            last_sync=last_sync,
            since=self.data_set.since,
            order=self.data_set.order,
            page_size=self.data_set.page_size,
            page=page,
            fingerprint=_fingerprint(ids),
            latest=latest,
        )

    def _paged(self, some: Iterator[Page]) -> Iterator[Rows[Content]]:
        for page in some:
            self._totals.add(page.total)
            rows = self._made(page.results)
            page.results.clear()
            if not all(rows.ids):
                what = f"GET {self.data_set.path} answered with a record that has no id"
                raise UnexpectedAnswer(what)
            self._ids.add(rows.ids)
            self.latest = max(filter(None, (self.latest, rows.latest)), default=None)
            self.pages += 1
            self.records += len(rows.ids)
            latest, number = self.latest, self._before // self.data_set.page_size + self.pages
            yield rows
            # Whoever asks for more has used all of this page.
            self._done = (number, rows.ids, latest)

    def _made(self, results: list[msgspec.Raw]) -> Rows[Content]:
        try:
            return self._rows(results)
        except ValueError as exc:
            what = f"GET {self.data_set.path} answered with a record that can't be read: {exc}"
            raise UnexpectedAnswer(what) from exc


def offer_queried(ahead: Ahead, data_set: DataSet, token: Hashable, position: Position) -> None:
    """Ask ahead for what `Reading.queried` begins with, and for more if nothing has to be checked first."""
    path, params, size, first = data_set.path, data_set.params(), data_set.page_size, data_set.first_page

    def arrived(page: Page) -> None:
        ahead.expect(max(0, -(-page.total // size) - first))
        if not data_set.after:
            pages.offer_following(ahead, path, params, size, page=page, number=first, token=token, position=position)

    ahead.offer(path, pages.numbered(params, first, size), pages.decode, position, token=token, then=arrived)


def offer_linked(ahead: Ahead, data_set: DataSet, token: Hashable, position: Position) -> None:
    """Ask ahead for what `Reading.linked` begins with."""
    ahead.offer(data_set.path, None, pages.decode, position, token=token)


def offer_single(ahead: Ahead, data_set: DataSet, token: Hashable, position: Position) -> None:
    """Ask ahead for what `Reading.single` asks for."""
    ahead.offer(data_set.path, None, exact.decode_raw, position, token=token)


def _fingerprint(ids: list[str | None]) -> str:
    return hashlib.blake2b("\n".join(i or "" for i in ids).encode(), digest_size=8).hexdigest()
