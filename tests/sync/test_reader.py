"""What is asked for of a data set, by its bookmark and by what the run has learned: without a request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import conftest
from engine import DATA_SETS, KeepingSink
from tap_codat_commerce.codat import pages
from tap_codat_commerce.codat.errors import BadRequest
from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint
from tap_codat_commerce.sync.company_selection import ConnectionRef
from tap_codat_commerce.sync.data_status import SyncStatus
from tap_codat_commerce.sync.reader import Reader

if TYPE_CHECKING:
    from tap_codat_commerce.sync.data_set import DataSet
    from tap_codat_commerce.sync.options import SyncOptions
    from tap_codat_commerce.sync.paged_read import PagedRead, ReadRequest

SHOP = ConnectionRef("c1", "A", "k1", {}, several=False, number=0, index=0)
STATUS = SyncStatus("Complete", "2026-03-02T10:00:00Z", "s2", "s1")
OLD = Bookmark("2026-03-02T09:00:00.0000000Z", sync_id="s0", full_read="2026-03-02T08:00:00.0000000Z")
QUERY = OLD.query(None)
ASKED_AT = "2026-03-02T11:00:00.0000000Z"
UNFINISHED = Checkpoint(
    "s1", "s2", QUERY, 5, 2, 11, "f00d", None, unstamped=False, started_at=ASKED_AT, asked_at=ASKED_AT
)
REFUSED = BadRequest("orderBy is not taken", status=400)


class Codat:
    """Every page is of one record, of two in all; keeps which pages were asked ahead."""

    clock = SimpleNamespace(now=lambda: datetime(2026, 3, 2, 12, tzinfo=UTC))

    def __init__(self) -> None:
        self.ahead: list[int] = []
        self.own_sizes: dict[str, int] = {}

    def prefetch(self, path: str, params: dict[str, int], *_: Any, **__: Any) -> None:
        self.ahead.append(params["page"])

    def get(self, path: str, params: dict[str, int], *_: Any) -> pages.Page:
        return pages.Page([msgspec.Raw(b'{"id": "r%d"}' % params["page"])], 2)

    def expect(self, more: int) -> None:
        """Do nothing."""


@dataclass
class Shelf:
    """A reader, and the one data set that it reads."""

    options: SyncOptions
    data_set: DataSet = DATA_SETS["orders"]
    incremental: bool = True
    after: Checkpoint | None = None
    dry: bool = False

    def __post_init__(self) -> None:
        sink = KeepingSink(data_set=self.data_set, incremental=self.incremental)
        sink.note(SHOP.context, self.after)
        self.selected = sink.as_selected()
        self.codat = Codat()
        self.reader = Reader(self.codat, self.options, dry=self.dry)  # type: ignore[arg-type]

    def request(
        self, old: Bookmark = OLD, status: SyncStatus = STATUS, *, reads: int = 0, whole: bool = False
    ) -> ReadRequest:
        return self.reader.request(self.selected, SHOP, old, status, reads=reads, whole=whole)

    def read(self, request: ReadRequest | None = None) -> PagedRead[Any]:
        return self.reader.read(self.selected, request or self.request(), "token", (1,))


def shelf(**options: Any) -> Shelf:
    return Shelf(conftest.options(page_size=5, **options))


@pytest.mark.parametrize(
    ("shelf", "old", "whole", "query"),
    [
        (shelf(), OLD, False, QUERY),
        (shelf(), replace(OLD, stamp=None), False, None),
        (shelf(), OLD, True, None),
        (Shelf(conftest.options(), incremental=False), OLD, False, None),
        (shelf(full_read_every_days=1), OLD, False, None),
        (shelf(full_read_every_days=1), replace(OLD, full_read="2999-01-01T00:00:00.0000000Z"), False, None),
        (shelf(full_read_every_days=3650), OLD, False, QUERY),
        (shelf(start_date="2020-01-01"), Bookmark(), False, "modifiedDate>=2020-01-01"),
        (shelf(start_date="2020-01-01"), OLD, False, QUERY),
        (shelf(start_date="2020-01-01"), replace(OLD, stamp=None, is_new=False), False, None),
        (shelf(start_date="2020-01-01"), Bookmark(), True, None),
    ],
)
def test_what_is_asked_for(shelf: Shelf, old: Bookmark, query: str | None, *, whole: bool) -> None:
    request = shelf.request(old, whole=whole)
    assert request.query == query
    assert (request.company_id, request.connection_id, request.data_set) == ("c1", "k1", DATA_SETS["orders"])
    assert (request.order, request.after) == ("id", None)


@pytest.mark.parametrize(("reads", "page_size"), [(0, 5), (1, 4), (4, 1), (5, 1), (9, 1)])
def test_pages_are_of_another_size_each_time(reads: int, page_size: int) -> None:
    assert shelf().request(reads=reads).page_size == page_size


@pytest.mark.parametrize(
    ("status", "reads", "whole", "after"),
    [
        (STATUS, 0, False, UNFINISHED),
        (replace(STATUS, sync_id="s3"), 0, False, None),
        (STATUS, 1, False, None),
        (STATUS, 0, True, None),
    ],
)
def test_an_interrupted_read_is_gone_on_from_if_nothing_has_moved(
    status: SyncStatus, reads: int, after: Checkpoint | None, *, whole: bool
) -> None:
    some = Shelf(conftest.options(page_size=5), after=UNFINISHED)
    assert some.request(OLD, status, reads=reads, whole=whole).after == after


def test_another_order_holds_for_the_whole_run_and_no_read_is_gone_on_from_in_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    some = Shelf(conftest.options(page_size=5), after=UNFINISHED)
    assert some.reader.refuses_order(some.read(), REFUSED)
    assert [r.message for r in caplog.records] == [
        "Codat refuses orderBy=id: pages are ordered by modifiedDate: orderBy is not taken"
    ]
    again = some.request()
    assert (again.order, again.after) == ("modifiedDate", None)
    assert not some.reader.refuses_order(some.read(again), REFUSED), "that was not the order by id"


def test_an_order_that_was_taken_for_a_page_is_not_refused() -> None:
    some = shelf()
    read = some.read()
    read.pages = 1
    assert not some.reader.refuses_order(read, REFUSED)
    assert some.request().order == "id"


@pytest.mark.parametrize("name", ["locations", "company_info"])
def test_what_takes_no_order_refuses_none(name: str) -> None:
    some = Shelf(conftest.options(), data_set=DATA_SETS[name])
    assert not some.reader.refuses_order(some.read(), REFUSED)
    assert some.request().order == "id"


@pytest.mark.parametrize("dry", [False, True])
def test_in_a_dry_run_no_page_is_asked_for_ahead(*, dry: bool) -> None:
    some = Shelf(conftest.options(page_size=1), dry=dry)
    assert [page.ids for page in some.read().record_pages()] == [["r1"], ["r2"]]
    assert some.codat.ahead == ([] if dry else [2])


def test_the_time_at_codat() -> None:
    assert shelf().reader.now() == "2026-03-02T12:00:00.0000000Z"
