"""Reads a data set page by page, and proves that the read was complete.

Pages are counted by number, and Codat may finish a sync between two of them: a record re-stamped on a page already
read moves to the end, and the first record of the next page slips into the page behind us. A read of one page is
complete by itself. A longer one is complete if the data set is still the same sync, with none under way, and as many
different ids came as every page said there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_codat_commerce import dates
from tap_codat_commerce.bookmarks import REPLICATION_KEY, Bookmark
from tap_codat_commerce.codat import pages, query
from tap_codat_commerce.codat.errors import UnreadableAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_codat_commerce.codat.client import Client
    from tap_codat_commerce.codat.pages import Page
    from tap_codat_commerce.readiness import Status
    from tap_codat_commerce.records import Shape


@dataclass(frozen=True)
class DataSet:
    """Where one data set of one connection is, and how it can be asked for."""

    company_id: str
    connection_id: str
    segment: str
    since: str | None = None

    @property
    def path(self) -> str:
        """The path at the API."""
        return f"/companies/{self.company_id}/connections/{self.connection_id}/data/{self.segment}"

    def params(self) -> dict[str, str | int]:
        """Return the parameters of a read in the order of modification."""
        narrowed = {"query": query.since(REPLICATION_KEY, self.since)} if self.since else {}
        return {**narrowed, "orderBy": REPLICATION_KEY}


@dataclass
class Reading:
    """One read of a data set: its records, and afterwards what came of it."""

    shape: Shape
    records: int = 0
    latest: str | None = None
    totals: set[int] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    pages: int = 0

    def queried(self, client: Client, data_set: DataSet, page_size: int) -> Iterator[dict[str, Any]]:
        """Yield the records of a data set that takes queries."""
        return self._records(pages.by_number(client, data_set.path, data_set.params(), page_size), data_set.path)

    def linked(self, client: Client, data_set: DataSet) -> Iterator[dict[str, Any]]:
        """Yield the records of a data set that takes no parameters."""
        return self._records(pages.by_link(client, data_set.path), data_set.path)

    def single(self, client: Client, data_set: DataSet) -> Iterator[dict[str, Any]]:
        """Yield the one record of a data set that is an object."""
        answer = client.get(data_set.path)
        if not isinstance(answer, dict):
            what = f"GET {data_set.path} answered with JSON that is no record"
            raise UnreadableAnswer(what)
        self.pages += 1
        self.records += 1
        yield self.shape(answer)

    def doubt(self, before: Status, now: Callable[[], Status]) -> str | None:
        """Return why the read may be incomplete, or None if it is proven complete.

        Args:
            before: the status that was seen before the read.
            now: asks for the status after it; called only where that matters.
        """
        if self.totals - {len(self.ids)}:
            spoken_of = " and ".join(map(str, sorted(self.totals)))
            return f"{len(self.ids)} different records came, but the answers spoke of {spoken_of}"
        if self.pages <= 1:
            return None
        after = now()
        if not after.settled or after.good_sync_id != before.good_sync_id:
            return "a sync took place meanwhile"
        return None

    def bookmark(self, old: Bookmark, sync_id: str | None) -> Bookmark:
        """Return the bookmark that a complete read leads to."""
        stamps = [s for s in (old.stamp, self.latest) if s is not None]
        return Bookmark(max(stamps, default=None), sync_id)

    def _records(self, some_pages: Iterator[Page], path: str) -> Iterator[dict[str, Any]]:
        for page in some_pages:
            self.pages += 1
            self.totals.add(page.total)
            for raw in page.results:
                record = self.shape(raw)
                if not record.get("id"):
                    what = f"GET {path} answered with a record that has no id"
                    raise UnreadableAnswer(what)
                self.records += 1
                self.ids.add(record["id"])
                stamp = record.get(REPLICATION_KEY)
                if stamp is not None:
                    stamp = dates.bookmark(stamp)
                    if self.latest is None or stamp > self.latest:
                        self.latest = stamp
                yield record
