"""What a bookmark becomes after a read that was proven, and what it asks for next: rules without requests."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from conftest import options
from tap_codat_commerce.records import dates
from tap_codat_commerce.sync.bookmark import Bookmark
from tap_codat_commerce.sync.conclusion import Conclusion
from tap_codat_commerce.sync.data_set import DataSet
from tap_codat_commerce.sync.data_status import SyncStatus

if TYPE_CHECKING:
    from tap_codat_commerce.sync.options import SyncOptions

QUERY = "modifiedDate>=2026-03-01T00:00:00Z"


def at(clock: str) -> str:
    """Return a stamp of the day on which Codat was asked, at 12:00."""
    return f"2026-03-02T{clock:0<16.16}Z" if "." in clock else f"2026-03-02T{clock}.0000000Z"


NEW = Bookmark()
PLAIN = options()


def concluded(synced: str | None, old: Bookmark = NEW, *, certain: bool = True, **read: Any) -> Conclusion:
    status = SyncStatus("Complete", synced, "s2", "s1", certain)
    request = SimpleNamespace(query=read.pop("query", None), data_set=DataSet("orders", "o", "commerce-orders"))
    known = {"latest": None, "unstamped": False, "no_data": False, "long": False, "came": 7, "records": 9}
    found = SimpleNamespace(**{**known, "totals": {7}, "started_at": at("11:59:00"), "request": request, **read})
    return Conclusion(found, status, at("12:00:00"), old)  # type: ignore[arg-type]


def next_bookmark(found: Conclusion, chosen: SyncOptions = PLAIN, *, incremental: bool = True) -> Bookmark:
    return found.bookmark(chosen, "seen", at("12:01:00"), incremental=incremental)


@pytest.mark.parametrize(
    ("synced", "latest", "stamp", "exclusive"),
    [
        ("06:00:00", "05:00:00", "05:00:00", True),
        ("06:00:00", "06:00:00", "06:00:00", True),
        ("06:00:00", "06:00:01", "06:00:00", True),
        ("11:30:00", "11:20:00", "11:20:00", False),
        ("11:30:00", "11:28:00", "11:25:00", False),
        ("11:30:00", "10:00:00", "10:00:00", True),
        ("11:30:00", "11:00:00", "11:00:00", False),
        ("11:30:00", "10:59:59", "10:59:59", True),
        ("11:00:00", "11:30:00", "11:00:00", False),
        ("11:00:01", "11:30:00", "10:55:01", True),
        ("13:00:00", "12:30:00", "11:55:00", False),
        ("06:00:00", None, None, False),
        (None, "05:00:00", None, False),
    ],
)
def test_how_far_the_bookmark_moves(
    synced: str | None, latest: str | None, stamp: str | None, *, exclusive: bool
) -> None:
    found = next_bookmark(concluded(synced and at(synced), latest=latest and at(latest)))
    assert (found.stamp, found.exclusive) == (stamp and at(stamp), exclusive)


@pytest.mark.parametrize("synced", [at("06:00:00"), at("11:30:00")])
@pytest.mark.parametrize(("before", "latest"), [("05:00:00", "04:00:00"), ("05:00:00", None), ("04:00:00", "05:00:00")])
def test_it_never_goes_back(synced: str, before: str, latest: str | None) -> None:
    old = Bookmark(at(before), sync_id="s0")
    assert next_bookmark(concluded(synced, old, latest=latest and at(latest))).stamp == at("05:00:00")


def test_it_goes_back_to_the_end_of_the_sync() -> None:
    assert next_bookmark(concluded(at("06:00:00"), Bookmark(at("07:00:00")))).stamp == at("06:00:00")


@pytest.mark.parametrize("was", [True, False])
def test_what_can_no_more_come_stays_so_as_long_as_the_bookmark_does(*, was: bool) -> None:
    old = Bookmark(at("05:00:00"), was)
    assert next_bookmark(concluded(None, old)).exclusive is was
    assert next_bookmark(concluded(None, old, certain=False)).exclusive is was
    late = Bookmark(at("11:20:00"), was)
    assert next_bookmark(concluded(at("11:40:00"), late, latest=at("11:20:00"))).exclusive is was
    assert next_bookmark(concluded(at("11:40:00"), late, latest=at("11:25:00"))).exclusive is False


def test_records_without_a_stamp_leave_no_stamp() -> None:
    found = next_bookmark(
        concluded(at("06:00:00"), Bookmark(at("01:00:00"), exclusive=True), latest=at("05:00:00"), unstamped=True)
    )
    assert (found.stamp, found.exclusive, found.sync_id) == (None, False, "s1")


def test_where_it_is_not_sure_whose_sync_it_was() -> None:
    found = next_bookmark(concluded(at("06:00:00"), Bookmark(at("01:00:00")), latest=at("05:00:00"), certain=False))
    assert (found.stamp, found.sync_id) == (at("01:00:00"), None)


@pytest.mark.parametrize(("incremental", "stamp"), [(True, at("01:00:00")), (False, None)])
def test_from_where_records_are_wanted(stamp: str | None, *, incremental: bool) -> None:
    since = options(start_date="2026-03-02T01:00:00Z")
    assert next_bookmark(concluded(at("06:00:00")), since, incremental=incremental).stamp == stamp
    later = concluded(at("06:00:00"), latest=at("00:30:00"))
    assert next_bookmark(later, since, incremental=incremental).stamp == (stamp or at("00:30:00"))


@pytest.mark.parametrize(
    ("query", "days", "full_read"), [(None, 7, at("11:59:00")), (QUERY, 7, at("00:00:00")), (None, None, None)]
)
def test_when_it_was_read_whole(query: str | None, days: int | None, full_read: str | None) -> None:
    found = concluded(at("06:00:00"), Bookmark(full_read=at("00:00:00")), query=query)
    assert next_bookmark(found, options(full_read_every_days=days)).full_read == full_read


@pytest.mark.parametrize(("long", "times"), [(True, (at("12:00:00"), at("12:01:00"))), (False, (None, None))])
def test_when_it_was_read(times: tuple[str | None, str | None], *, long: bool) -> None:
    found = next_bookmark(concluded(at("06:00:00"), long=long))
    assert ((found.read_from, found.read_until), found.seen) == (times, "seen")


@pytest.mark.parametrize(
    ("synced", "no_data", "may_come"),
    [
        (at("06:00:01"), True, True),
        (at("06:00:00"), True, False),
        (None, True, True),
        (at("06:00:01"), False, False),
        (None, False, False),
    ],
)
def test_whether_data_may_come_yet(synced: str | None, *, no_data: bool, may_come: bool) -> None:
    assert concluded(synced, no_data=no_data).may_come_yet is may_come


@pytest.mark.parametrize(("query", "full", "total"), [(None, True, 7), (QUERY, False, None)])
def test_what_is_told_of_it(query: str | None, total: int | None, *, full: bool) -> None:
    found = concluded(at("06:00:00"), query=query).described()
    assert (found.full, found.records, found.total) == (full, 7, total)
    assert (found.sync_id, found.synced_at, found.started_at) == ("s1", at("06:00:00"), at("11:59:00"))
    unsure = concluded(at("06:00:00"), certain=False, totals=set()).described()
    assert (unsure.sync_id, unsure.synced_at, unsure.records, unsure.total) == (None, None, 9, 9)


@pytest.mark.parametrize(
    ("bookmark", "query"),
    [
        (Bookmark(), "modifiedDate>=2020-01-01"),
        (Bookmark(sync_id="s1"), None),
        (Bookmark("2026-03-02T05:00:00.0000000Z"), "modifiedDate>=2026-03-02T05:00:00.0000000Z"),
        (Bookmark("2026-03-02T05:00:00.0000000Z", exclusive=True), "modifiedDate>2026-03-02T05:00:00.0000000Z"),
        (Bookmark(exclusive=True, sync_id="s1"), None),
    ],
)
def test_what_a_bookmark_asks_for(bookmark: Bookmark, query: str | None) -> None:
    found = bookmark.query("2020-01-01")
    assert (found and found.replace(" ", "")) == query
    if bookmark.stamp is None:
        assert bookmark.query(None) is None


@pytest.mark.parametrize(
    ("read_at", "days", "due"),
    [
        ("05:00:00", None, False),
        (None, None, False),
        (None, 7, True),
        ("12:00:00", 1, False),
        ("12:00:01", 1, True),
        ("00:00:00", 0.5, True),
        ("00:00:01", 0.5, False),
    ],
)
def test_when_all_is_read_anew(
    read_at: str | None, days: float | None, monkeypatch: pytest.MonkeyPatch, *, due: bool
) -> None:
    now = dates.moved(at("12:00:00"), 0)
    monkeypatch.setattr(dates, "written", lambda _: now)
    old = replace(Bookmark(), full_read=read_at and at(read_at))
    assert old.full_read_is_due(days) is due
