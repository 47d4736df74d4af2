"""Why a bookmark may move, how far, and whether it is trusted later: tables of values, without a request."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tap_codat_commerce.records import dates
from tap_codat_commerce.sync import proof
from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint
from tap_codat_commerce.sync.data_status import SyncStatus
from tap_codat_commerce.sync.proof import Read, Seen

QUERY = "modifiedDate>=2026-03-01T00:00:00Z"


def at(clock: str) -> str:
    """Return a stamp of the day on which Codat was asked, at 12:00."""
    return f"2026-03-02T{clock}.0000000Z"


def maybe_at(clock: str | None) -> str | None:
    return clock and at(clock)


NEW = Bookmark()
STATUS = SyncStatus("Complete", at("06:00:00"), "s2", "s1")
READ = Read(
    query=None,
    several_pages=False,
    records=9,
    distinct=7,
    totals=frozenset({7}),
    duplicates=0,
    unreadable=(),
    no_data=False,
    latest=None,
    unstamped=False,
    started_at=at("11:59:00"),
)


# Is the read complete?


@pytest.mark.parametrize(
    ("distinct", "totals", "miscounted"),
    [
        (2, {2}, None),
        (0, {0}, None),
        (1, set(), None),
        (3, {4}, "3 different records came, but the answers spoke of 4"),
        (5, {4}, "5 different records came, but the answers spoke of 4"),
        (3, {4, 3}, "3 different records came, but the answers spoke of 3 and 4"),
    ],
)
def test_what_came_is_held_against_what_the_answers_spoke_of(
    distinct: int, totals: set[int], miscounted: str | None
) -> None:
    assert replace(READ, distinct=distinct, totals=frozenset(totals)).miscounted == miscounted


@pytest.mark.parametrize(
    ("several_pages", "query", "sync_id", "marks_what_is_gone", "needed"),
    [
        (True, QUERY, None, False, True),
        (False, None, "s1", True, True),
        (False, None, "s1", False, False),
        (False, QUERY, "s1", True, False),
        (False, None, None, True, False),
    ],
)
def test_when_the_status_has_to_be_asked_for_again(
    sync_id: str | None, query: str | None, *, several_pages: bool, marks_what_is_gone: bool, needed: bool
) -> None:
    read, old = replace(READ, several_pages=several_pages, query=query), Bookmark(sync_id=sync_id)
    assert proof.needs_second_look(read, old, marks_what_is_gone=marks_what_is_gone) is needed


MISCOUNTED = replace(READ, distinct=8)
UNDER_WAY = replace(STATUS, current="Fetching")
ENDED = replace(STATUS, sync_id="s3")
SPOKE_OF = "8 different records came, but the answers spoke of 7"


@pytest.mark.parametrize(
    ("read", "after", "finds_nothing", "doubt"),
    [
        (READ, STATUS, False, None),
        (READ, replace(STATUS, current="FetchError"), False, None),
        (READ, UNDER_WAY, False, "its status became Fetching meanwhile"),
        (READ, ENDED, False, "a sync began or ended meanwhile"),
        (READ, replace(UNDER_WAY, sync_id="s3"), False, "its status became Fetching meanwhile"),
        (READ, STATUS, True, "a query brings not even what was modified last"),
        (READ, ENDED, True, "a sync began or ended meanwhile"),
        (MISCOUNTED, STATUS, False, SPOKE_OF),
        (MISCOUNTED, STATUS, True, SPOKE_OF),
        (MISCOUNTED, ENDED, False, "a sync began or ended meanwhile"),
        (MISCOUNTED, UNDER_WAY, False, "its status became Fetching meanwhile"),
    ],
)
def test_why_a_read_may_be_incomplete(read: Read, after: SyncStatus, doubt: str | None, *, finds_nothing: bool) -> None:
    assert proof.doubt(read, STATUS, after, query_finds_nothing=finds_nothing) == doubt


# What follows?


def next_bookmark(
    read: Read = READ,
    old: Bookmark = NEW,
    status: SyncStatus = STATUS,
    *,
    start: str | None = None,
    keeps_full_reads: bool = False,
) -> Bookmark:
    seen = Seen(status, at("12:00:00"), at("12:01:00"), "seen")
    return proof.next_bookmark(read, seen, old, start=start, keeps_full_reads=keeps_full_reads)


def synced(clock: str | None) -> SyncStatus:
    return replace(STATUS, last_good_sync=maybe_at(clock))


def up_to(clock: str | None) -> Read:
    return replace(READ, latest=maybe_at(clock))


@pytest.mark.parametrize(
    ("end", "latest", "stamp", "exclusive"),
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
def test_how_far_the_bookmark_moves(end: str | None, latest: str | None, stamp: str | None, *, exclusive: bool) -> None:
    bookmark = next_bookmark(up_to(latest), status=synced(end))
    assert (bookmark.stamp, bookmark.exclusive) == (maybe_at(stamp), exclusive)


@pytest.mark.parametrize("end", ["06:00:00", "11:30:00"])
@pytest.mark.parametrize(("before", "latest"), [("05:00:00", "04:00:00"), ("05:00:00", None), ("04:00:00", "05:00:00")])
def test_it_never_goes_back(end: str, before: str, latest: str | None) -> None:
    old = Bookmark(at(before), sync_id="s0")
    assert next_bookmark(up_to(latest), old, synced(end)).stamp == at("05:00:00")


def test_it_goes_back_to_the_end_of_the_sync() -> None:
    assert next_bookmark(old=Bookmark(at("07:00:00"))).stamp == at("06:00:00")


@pytest.mark.parametrize("was", [True, False])
@pytest.mark.parametrize(
    ("status", "stamp", "latest", "stays"),
    [
        (synced(None), "05:00:00", None, True),
        (replace(synced(None), certain=False), "05:00:00", None, True),
        (synced("11:40:00"), "11:20:00", "11:20:00", True),
        (synced("11:40:00"), "11:20:00", "11:25:00", False),
    ],
)
def test_what_can_no_more_come_stays_so_as_long_as_the_bookmark_does(
    status: SyncStatus, stamp: str, latest: str | None, *, was: bool, stays: bool
) -> None:
    bookmark = next_bookmark(up_to(latest), Bookmark(at(stamp), was), status)
    assert bookmark.exclusive is (was and stays)


@pytest.mark.parametrize(
    ("unstamped", "certain", "stamp", "exclusive", "sync_id"),
    [
        (False, True, at("05:00:00"), True, "s1"),
        (True, True, None, False, "s1"),
        (False, False, at("01:00:00"), False, None),
    ],
    ids=["plain", "a record has no stamp", "it is not sure whose sync it was"],
)
def test_what_is_not_sure_moves_no_stamp(
    stamp: str | None, sync_id: str | None, *, unstamped: bool, certain: bool, exclusive: bool
) -> None:
    read, old = replace(up_to("05:00:00"), unstamped=unstamped), Bookmark(at("01:00:00"), exclusive=unstamped)
    bookmark = next_bookmark(read, old, replace(STATUS, certain=certain))
    assert (bookmark.stamp, bookmark.exclusive, bookmark.sync_id) == (stamp, exclusive, sync_id)


@pytest.mark.parametrize(
    ("start", "latest", "stamp"),
    [
        ("2026-03-02T01:00:00Z", None, "01:00:00"),
        ("2026-03-02T01:00:00Z", "00:30:00", "01:00:00"),
        ("2026-03-02T01:00:00Z", "01:30:00", "01:30:00"),
        (None, None, None),
        (None, "00:30:00", "00:30:00"),
    ],
)
def test_from_where_records_are_wanted(start: str | None, latest: str | None, stamp: str | None) -> None:
    assert next_bookmark(up_to(latest), start=start).stamp == maybe_at(stamp)


@pytest.mark.parametrize(
    ("query", "keeps", "full_read"),
    [(None, True, at("11:59:00")), (QUERY, True, at("00:00:00")), (None, False, None), (QUERY, False, None)],
)
def test_when_it_was_read_whole(query: str | None, full_read: str | None, *, keeps: bool) -> None:
    old = Bookmark(full_read=at("00:00:00"))
    assert next_bookmark(replace(READ, query=query), old, keeps_full_reads=keeps).full_read == full_read


@pytest.mark.parametrize(("several_pages", "times"), [(True, (at("12:00:00"), at("12:01:00"))), (False, (None, None))])
def test_when_it_was_read(times: tuple[str | None, str | None], *, several_pages: bool) -> None:
    bookmark = next_bookmark(replace(READ, several_pages=several_pages))
    assert ((bookmark.read_from, bookmark.read_until), bookmark.seen) == (times, "seen")


@pytest.mark.parametrize(
    ("end", "no_data", "may_arrive"),
    [
        ("06:00:01", True, True),
        ("06:00:00", True, False),
        (None, True, True),
        ("06:00:01", False, False),
        (None, False, False),
    ],
)
def test_whether_data_may_still_arrive(end: str | None, *, no_data: bool, may_arrive: bool) -> None:
    seen = Seen(synced(end), at("12:00:00"), at("12:01:00"), None)
    assert proof.may_still_arrive(replace(READ, no_data=no_data), seen) is may_arrive


@pytest.mark.parametrize(
    ("query", "certain", "totals", "expected"),
    [
        (None, True, {7}, ("s1", at("06:00:00"), True, 7, 7)),
        (QUERY, True, {7}, ("s1", at("06:00:00"), False, 7, None)),
        (None, False, set(), (None, None, True, 9, 9)),
        (QUERY, False, set(), (None, None, False, 9, None)),
    ],
)
def test_what_is_told_of_it(
    query: str | None,
    totals: set[int],
    expected: tuple[str | None, str | None, bool, int, int | None],
    *,
    certain: bool,
) -> None:
    read, status = replace(READ, query=query, totals=frozenset(totals)), replace(STATUS, certain=certain)
    told = proof.as_proven_read(read, status, "commerce-orders", at("12:01:00"))
    assert told == proof.ProvenRead("commerce-orders", at("11:59:00"), at("12:01:00"), *expected)


# May the bookmark be trusted?

GOOD = SyncStatus("Complete", at("10:00:00"), "s1", "s1")
KNOWN = Bookmark(at("09:00:00"), exclusive=True, sync_id="s1", seen=GOOD.mark)
TORN = replace(KNOWN, read_from=at("10:30:00"), read_until=at("10:40:00"))


@pytest.mark.parametrize(
    ("bookmark", "status", "is_what_was_read"),
    [
        (KNOWN, GOOD, True),
        (replace(KNOWN, seen=None), GOOD, True),
        (replace(KNOWN, seen=None), replace(GOOD, sync_id=None), True),
        (replace(KNOWN, seen=None), replace(GOOD, sync_id="s2"), False),
        (replace(KNOWN, seen=None), replace(GOOD, current="FetchError"), False),
        (replace(KNOWN, seen="another"), GOOD, False),
        (replace(KNOWN, seen=proof.OF_SEVERAL + "any"), GOOD, True),
        (replace(KNOWN, sync_id="s0", seen=None), GOOD, False),
        (replace(KNOWN, sync_id="s0"), GOOD, True),
        (replace(KNOWN, sync_id=None), GOOD, False),
        (KNOWN, replace(GOOD, certain=False), False),
        (KNOWN, replace(GOOD, current="Fetching"), True),
    ],
)
def test_what_is_known_to_be_what_was_read(bookmark: Bookmark, status: SyncStatus, *, is_what_was_read: bool) -> None:
    assert proof.is_what_was_read(bookmark, status) is is_what_was_read


@pytest.mark.parametrize(
    ("stamp", "end", "after"),
    [
        ("10:00:00", "10:00:00", False),
        ("10:01:00", "10:00:00", False),
        ("10:01:01", "10:00:00", True),
        ("12:01:00", None, False),
        ("12:01:01", None, True),
        (None, "10:00:00", False),
    ],
)
def test_a_bookmark_after_its_sync(stamp: str | None, end: str | None, *, after: bool) -> None:
    status = replace(GOOD, last_good_sync=maybe_at(end))
    assert proof.is_after_its_sync(replace(KNOWN, stamp=maybe_at(stamp)), status, at("12:00:00")) is after


@pytest.mark.parametrize(
    ("meanwhile", "end", "torn"),
    [
        (set(), "10:35:00", False),
        ({"s1"}, "10:35:00", False),
        ({"s2"}, "11:00:00", True),
        ({"s1", "s2"}, "11:00:00", True),
        (None, "11:00:00", False),
        (None, "10:41:00", False),
        (None, "10:40:59", True),
        (None, "10:30:00", False),
        (None, "10:30:01", True),
        (None, None, False),
    ],
)
def test_a_read_during_which_another_sync_was_under_way_may_be_torn(
    meanwhile: set[str] | None, end: str | None, *, torn: bool
) -> None:
    status = replace(GOOD, sync_id="s2", good_sync_id="s2", last_good_sync=maybe_at(end))
    assert proof.last_read(TORN) == (at("10:30:00"), at("10:41:00"))
    assert proof.may_be_torn(TORN, status, meanwhile) is torn


@pytest.mark.parametrize("one_page", [replace(TORN, read_from=None), replace(TORN, read_until=None)])
@pytest.mark.parametrize("meanwhile", [None, {"s2"}])
def test_a_read_of_one_page_is_never_torn(one_page: Bookmark, meanwhile: set[str] | None) -> None:
    assert proof.last_read(one_page) is None
    assert not proof.may_be_torn(one_page, replace(GOOD, last_good_sync=at("10:35:00")), meanwhile)


def test_a_bookmark_that_is_not_trusted_asks_for_everything_again() -> None:
    assert proof.anew(TORN) == replace(TORN, stamp=None, exclusive=False)
    assert proof.anew(TORN).query("2020-01-01") is None


UNFINISHED = Checkpoint("s1", "s2", QUERY, 5, 2, 11, "f00d", None, unstamped=False, started_at=at("11:00:00"))


@pytest.mark.parametrize(
    ("after", "status", "query", "page_size", "goes_on"),
    [
        (UNFINISHED, STATUS, QUERY, 5, True),
        (replace(UNFINISHED, query=None), STATUS, None, 5, True),
        (None, STATUS, QUERY, 5, False),
        (UNFINISHED, replace(STATUS, certain=False), QUERY, 5, False),
        (UNFINISHED, replace(STATUS, good_sync_id="s3"), QUERY, 5, False),
        (UNFINISHED, replace(STATUS, sync_id="s3"), QUERY, 5, False),
        (UNFINISHED, STATUS, None, 5, False),
        (UNFINISHED, STATUS, QUERY, 4, False),
    ],
)
def test_whether_an_interrupted_read_is_gone_on_from(
    after: Checkpoint | None, status: SyncStatus, query: str | None, page_size: int, *, goes_on: bool
) -> None:
    assert proof.may_go_on(after, status, query, page_size) is goes_on


# What does a bookmark ask for?


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
    asked = bookmark.query("2020-01-01")
    assert (asked and asked.replace(" ", "")) == query
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
    monkeypatch.setattr(dates, "written", lambda _: at("12:00:00"))
    assert Bookmark(full_read=maybe_at(read_at)).full_read_is_due(days) is due
