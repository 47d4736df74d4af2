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
from typing import TYPE_CHECKING, Any

from tap_codat_commerce import dates
from tap_codat_commerce.bookmarks import REPLICATION_KEY, Bookmark, Progress
from tap_codat_commerce.codat import pages, query
from tap_codat_commerce.codat.errors import UnreadableAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_codat_commerce.codat.client import Client
    from tap_codat_commerce.codat.pages import Page
    from tap_codat_commerce.readiness import Status
    from tap_codat_commerce.records import Shape

ORDERS = (REPLICATION_KEY, REPLICATION_KEY, "id")
"""How the records are ordered in the first read and in those after a doubt. By id, re-stamps move nothing, and there
are no ties whose order may change."""


class DistinctIds:
    """Counts different ids in bounded memory: eight bytes for each, and little more at the moment of counting.

    What is kept is a 64-bit hash of each. If two ids had the same, there would seem to be one fewer than there are,
    which makes a read doubtful and never proves one.
    """

    PARTS = 64

    def __init__(self) -> None:
        """Begin without any."""
        self._parts = [array("q") for _ in range(self.PARTS)]

    def add(self, record_id: str) -> None:
        """Take an id."""
        value = hash(record_id)
        self._parts[value % self.PARTS].append(value)

    def count(self) -> int:
        """Return how many different ones there were."""
        return sum(len(set(part)) for part in self._parts)


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

    def params(self) -> dict[str, str | int]:
        """Return the parameters of every page but for its number and size."""
        narrowed = {"query": query.since(REPLICATION_KEY, self.since)} if self.since else {}
        return {**narrowed, "orderBy": self.order}


class NotToBeResumedError(Exception):
    """Which records came before the page where an unfinished read would go on can't be told for sure."""


class Reading:
    """One read of a data set: its records, and afterwards what came of it.

    Attributes:
        pages: pages that came.
        records: records that came.
        latest: greatest stamp, those of the read that was gone on from included.
    """

    def __init__(self, client: Client, shape: Shape, data_set: DataSet) -> None:
        """Prepare, without a request."""
        self._client, self._shape, self.data_set = client, shape, data_set
        self.pages = self.records = self._before = 0
        self.latest = data_set.after.latest if data_set.after else None
        self._totals: set[int] = set()
        self._ids = DistinctIds()
        self._done: tuple[int, str, str | None] | None = None

    def queried(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the records, a page at a time, of a data set that takes queries.

        An unfinished read is gone on from by asking once more for the last page that came whole: it must hold the
        same ids, and the next page must begin with another stamp. For among equal stamps order may change, and then
        nobody could tell which of them came before.

        Raises:
            NotToBeResumedError: it is not so.
        """
        data_set, after = self.data_set, self.data_set.after
        first = after.page if after else 1
        self._before = (first - 1) * data_set.page_size
        some = self._pages(pages.by_number(self._client, data_set.path, data_set.params(), data_set.page_size, first))
        if after:
            old, new = next(some, []), next(some, [])
            torn = data_set.order == REPLICATION_KEY and old and new and _stamp(old[-1]) == _stamp(new[0])
            if torn or _fingerprint(old) != after.fingerprint:
                self._done = None
                raise NotToBeResumedError
            yield new
        yield from some

    def linked(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the records, a page at a time, of a data set that takes no parameters."""
        return self._pages(pages.by_link(self._client, self.data_set.path))

    def single(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the one record of a data set that is an object."""
        path = self.data_set.path
        answer = self._client.get(path)
        if not isinstance(answer, dict):
            what = f"GET {path} answered with JSON that is no record"
            raise UnreadableAnswer(what)
        self.pages, self.records = 1, 1
        yield [self._shape(answer)]

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
        page, fingerprint, latest = self._done
        return Progress(
            sync_id=status.good_sync_id,
            last_sync=last_sync,
            since=self.data_set.since,
            order=self.data_set.order,
            page_size=self.data_set.page_size,
            page=page,
            fingerprint=fingerprint,
            latest=latest,
        )

    def _pages(self, some: Iterator[Page]) -> Iterator[list[dict[str, Any]]]:
        for page in some:
            self._totals.add(page.total)
            records = [self._shape(raw) for raw in page.results]
            for record in records:
                self._take(record)
            self.pages += 1
            self.records += len(records)
            latest, number = self.latest, self._before // self.data_set.page_size + self.pages
            yield records
            # Whoever asks for more has used all of this page.
            self._done = (number, _fingerprint(records), latest)

    def _take(self, record: dict[str, Any]) -> None:
        if not record.get("id"):
            what = f"GET {self.data_set.path} answered with a record that has no id"
            raise UnreadableAnswer(what)
        self._ids.add(record["id"])
        stamp = _stamp(record)
        if stamp is not None and (self.latest is None or stamp > self.latest):
            self.latest = stamp


def _stamp(record: dict[str, Any]) -> str | None:
    stamp = record.get(REPLICATION_KEY)
    return None if stamp is None else dates.bookmark(stamp)


def _fingerprint(records: list[dict[str, Any]]) -> str:
    return hashlib.blake2b("\n".join(r["id"] for r in records).encode(), digest_size=8).hexdigest()
