"""Why a bookmark may move, how far, and whether it is trusted later: tables of values, without a request."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tap_codat_commerce.records import dates
from tap_codat_commerce.sync import proof
from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint, LastRead
from tap_codat_commerce.sync.data_status import SyncStatus
from tap_codat_commerce.sync.proof import Read, Seen

QUERY = "modifiedDate>=2026-03-01T00:00:00Z"


def at(clock: str) -> str:
    """Return a stamp of the day on which Codat was asked, at 12:00."""
    return f"2026-03-02T{clock}.0000000Z"


def maybe_at(clock: str | None) -> str | None:
    return clock and at(clock)


NEW = Bookmark()
KNOWN_EMPTY = Bookmark(is_new=False)
STATUS = SyncStatus("Complete", at("06:00:00"), "s2", "s1")
READ = Read(
    query=None,
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
TOLD = LastRead(at("11:59:00"), at("12:01:00"), at("12:00:00"), at("12:02:00"), at("06:00:00"), full=True, records=7)


# Is the read complete?


@pytest.mark.parametrize(
    ("end", "settled"),
    [
        (at("06:00:00"), True),
        (at("11:59:00"), True),
        (at("11:59:01"), False),
        (at("12:00:00"), False),
        (at("12:00:01"), False),
        (at("12:15:00"), False),
        (at("12:15:01"), True),
        ("2999-01-01T00:00:00Z", True),
        (None, True),
        ("0001-01-01T00:00:00", True),
    ],
)
def test_a_good_sync_has_settled_a_minute_after_its_end(end: str | None, *, settled: bool) -> None:
    """An end that is missing, or much later than Codat's clock, tells nothing: no bookmark may be kept for ever."""
    assert proof.is_settled(replace(STATUS, last_good_sync=end), at("12:00:00")) is settled


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


MISCOUNTED = replace(READ, distinct=8)
UNDER_WAY = replace(STATUS, current="Fetching")
ENDED = replace(STATUS, sync_id="s3")
SPOKE_OF = "8 different records came, but the answers spoke of 7"
MOVED = "a sync began or ended meanwhile"


@pytest.mark.parametrize(
    ("read", "before", "after", "finds_nothing", "doubt"),
    [
        (READ, STATUS, STATUS, False, None),
        (READ, replace(STATUS, current="FetchError"), replace(STATUS, current="FetchError"), False, None),
        (READ, STATUS, replace(STATUS, current="FetchError"), False, MOVED),
        (READ, STATUS, replace(STATUS, last_good_sync=at("06:00:01")), False, MOVED),
        (READ, STATUS, ENDED, False, MOVED),
        (READ, STATUS, replace(STATUS, good_sync_id="s2"), False, MOVED),
        (READ, STATUS, replace(STATUS, certain=False), False, MOVED),
        (READ, STATUS, UNDER_WAY, False, "its status became Fetching meanwhile"),
        (READ, UNDER_WAY, UNDER_WAY, False, "its status became Fetching meanwhile"),
        (READ, STATUS, replace(UNDER_WAY, sync_id="s3"), False, "its status became Fetching meanwhile"),
        (READ, STATUS, STATUS, True, "a query brings not even what was modified last"),
        (READ, STATUS, ENDED, True, MOVED),
        (MISCOUNTED, STATUS, STATUS, False, SPOKE_OF),
        (MISCOUNTED, STATUS, STATUS, True, SPOKE_OF),
        (MISCOUNTED, STATUS, ENDED, False, MOVED),
        (MISCOUNTED, STATUS, UNDER_WAY, False, "its status became Fetching meanwhile"),
    ],
)
def test_why_a_read_may_be_incomplete(
    read: Read, before: SyncStatus, after: SyncStatus, doubt: str | None, *, finds_nothing: bool
) -> None:
    assert proof.doubt(read, before, after, query_finds_nothing=finds_nothing) == doubt


# What follows?


def seen(status: SyncStatus = STATUS) -> Seen:
    return Seen(status, at("12:00:00"), "seen")


def next_bookmark(  # noqa: PLR0913 - all that decides on it
    read: Read = READ,
    old: Bookmark = NEW,
    status: SyncStatus = STATUS,
    *,
    start: str | None = None,
    told: LastRead = TOLD,
    keeps_full_reads: bool = False,
) -> Bookmark:
    return proof.next_bookmark(read, seen(status), old, told, start=start, keeps_full_reads=keeps_full_reads)


def synced(clock: str | None) -> SyncStatus:
    return replace(STATUS, last_good_sync=maybe_at(clock))


def up_to(clock: str | None) -> Read:
    return replace(READ, latest=maybe_at(clock))


UNSURE = replace(STATUS, certain=False)
WEEK_AGO = "2026-02-23T12:00:00.0000000Z"


@pytest.mark.parametrize(
    ("status", "stamp"),
    [
        (synced("06:00:00"), at("06:00:00")),
        (synced("11:00:00"), at("11:00:00")),
        (synced("11:00:01"), at("10:55:01")),
        (synced("13:00:00"), at("11:55:00")),
        (synced(None), None),
        (UNSURE, WEEK_AGO),
        (replace(UNSURE, last_good_sync=None), WEEK_AGO),
    ],
)
def test_which_stamp_no_bookmark_passes(status: SyncStatus, stamp: str | None) -> None:
    assert proof.reaches(seen(status)) == stamp


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
    ("unstamped", "certain", "old", "stamp", "exclusive", "sync_id"),
    [
        (False, True, at("01:00:00"), at("05:00:00"), True, "s1"),
        (True, True, at("01:00:00"), None, False, "s1"),
        (False, False, at("01:00:00"), at("01:00:00"), False, None),
        (False, False, None, WEEK_AGO, False, None),
        (True, False, at("01:00:00"), None, False, None),
    ],
    ids=["plain", "a record has no stamp", "not sure whose sync it was", "not sure, and new", "neither"],
)
def test_what_is_not_sure_moves_the_stamp_with_care(  # noqa: PLR0913 - what came, and what becomes of it
    old: str | None, stamp: str | None, sync_id: str | None, *, unstamped: bool, certain: bool, exclusive: bool
) -> None:
    read, before = replace(up_to("05:00:00"), unstamped=unstamped), Bookmark(old, exclusive=unstamped)
    bookmark = next_bookmark(read, before, replace(STATUS, certain=certain))
    assert (bookmark.stamp, bookmark.exclusive, bookmark.sync_id) == (stamp, exclusive, sync_id)


@pytest.mark.parametrize(
    ("old", "start", "latest", "stamp"),
    [
        (NEW, "2026-03-02T01:00:00Z", None, "01:00:00"),
        (NEW, "2026-03-02T01:00:00Z", "00:30:00", "01:00:00"),
        (NEW, "2026-03-02T01:00:00Z", "01:30:00", "01:30:00"),
        (NEW, None, None, None),
        (NEW, None, "00:30:00", "00:30:00"),
        (KNOWN_EMPTY, "2026-03-02T01:00:00Z", None, None),
        (KNOWN_EMPTY, "2026-03-02T01:00:00Z", "00:30:00", "00:30:00"),
        (replace(NEW, stamp=at("00:10:00")), "2026-03-02T01:00:00Z", None, "00:10:00"),
    ],
)
def test_from_where_records_are_wanted_of_a_data_set_that_was_never_read(
    old: Bookmark, start: str | None, latest: str | None, stamp: str | None
) -> None:
    assert next_bookmark(up_to(latest), old, start=start).stamp == maybe_at(stamp)


@pytest.mark.parametrize(
    ("full", "keeps", "full_read"),
    [(True, True, at("11:59:00")), (False, True, at("00:00:00")), (True, False, None), (False, False, None)],
)
def test_when_it_was_read_whole(full_read: str | None, *, full: bool, keeps: bool) -> None:
    old = Bookmark(full_read=at("00:00:00"))
    assert next_bookmark(old=old, told=replace(TOLD, full=full), keeps_full_reads=keeps).full_read == full_read


def test_what_a_bookmark_keeps_of_its_read() -> None:
    bookmark = next_bookmark(old=Bookmark(checkpoint=UNFINISHED, not_supported=True))
    assert (bookmark.read, bookmark.checkpoint, bookmark.not_supported) == (TOLD, None, False)
    assert not bookmark.is_new
    assert proof.is_intact(bookmark)
    assert proof.mark_of(bookmark) == "seen"


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
    assert proof.may_still_arrive(replace(READ, no_data=no_data), seen(synced(end))) is may_arrive


SINCE = "2026-03-02T05:00:00Z"


@pytest.mark.parametrize(
    ("old", "start_date", "had_data"),
    [
        (NEW, None, False),
        (replace(KNOWN_EMPTY, stamp=at("05:00:00")), None, True),
        (replace(KNOWN_EMPTY, stamp=at("05:00:00")), "2026-03-02T04:00:00Z", True),
        (replace(KNOWN_EMPTY, stamp=at("05:00:00")), SINCE, False),
        (replace(KNOWN_EMPTY, stamp=at("05:00:00"), read=replace(TOLD, full=False, records=0)), SINCE, False),
        (replace(KNOWN_EMPTY, stamp=at("05:00:00"), read=TOLD), SINCE, True),
        (replace(KNOWN_EMPTY, read=TOLD), None, True),
        (replace(KNOWN_EMPTY, read=replace(TOLD, records=0)), None, False),
    ],
)
def test_whether_there_was_data(old: Bookmark, start_date: str | None, *, had_data: bool) -> None:
    """If there was, Codat's word that there is none is not believed."""
    assert proof.had_data(old, start_date) is had_data


@pytest.mark.parametrize(
    ("query", "status", "totals", "synced_at", "full", "records"),
    [
        (None, STATUS, {7}, at("06:00:00"), True, 7),
        (QUERY, STATUS, {7}, at("06:00:00"), False, 7),
        (None, synced(None), {7}, None, True, 7),
        (None, UNSURE, set(), None, True, 9),
        (QUERY, UNSURE, set(), None, False, 9),
    ],
)
def test_what_is_told_of_it(  # noqa: PLR0913 - what came, and each part of what is told
    query: str | None, status: SyncStatus, totals: set[int], synced_at: str | None, records: int, *, full: bool
) -> None:
    read = replace(READ, query=query, totals=frozenset(totals))
    told = proof.last_read(read, seen(status), ended_at=at("12:01:00"), looked_at=at("12:02:00"))
    times = (at("11:59:00"), at("12:01:00"), at("12:00:00"), at("12:02:00"))
    assert told == LastRead(*times, synced_at, full=full, records=records, arrived=False)


# May the bookmark be trusted?

GOOD = SyncStatus("Complete", at("10:00:00"), "s1", "s1")
LATER = SyncStatus("Complete", at("11:00:00"), "s2", "s2")
LAST = LastRead(at("10:29:00"), at("10:41:00"), at("10:30:00"), at("10:40:00"), at("10:00:00"), full=True, records=7)
UNBOUND = Bookmark(at("09:00:00"), exclusive=True, sync_id="s1", read=LAST, is_new=False)
KNOWN = proof.bound(UNBOUND, GOOD.mark)
OLDER_TAP = replace(UNBOUND, read=None, seen=GOOD.mark)
"""What a version wrote that bound nothing."""


@pytest.mark.parametrize(
    ("changed", "intact"),
    [
        (KNOWN, True),
        (replace(KNOWN, stamp=at("08:00:00")), False),
        (replace(KNOWN, stamp=None), False),
        (replace(KNOWN, sync_id="s2"), False),
        (replace(KNOWN, sync_id=None), False),
        (replace(KNOWN, read=replace(LAST, started_at=at("10:28:00"))), False),
        (replace(KNOWN, seen="another"), False),
        (replace(KNOWN, read=replace(LAST, arrived=True)), True),
        (replace(KNOWN, exclusive=False, full_read=at("01:00:00")), True),
        (replace(KNOWN, seen=None, stamp=at("08:00:00")), True),
        (replace(OLDER_TAP, stamp=at("08:00:00")), True),
    ],
)
def test_stamp_sync_and_time_of_a_bookmark_are_bound_together(changed: Bookmark, *, intact: bool) -> None:
    assert proof.is_intact(changed) is intact


@pytest.mark.parametrize("mark", [None, "m", GOOD.mark, proof.OF_SEVERAL + "m"])
@pytest.mark.parametrize("bookmark", [UNBOUND, replace(UNBOUND, read=None), replace(KNOWN, stamp=None)])
def test_what_was_bound_can_be_had_again(bookmark: Bookmark, mark: str | None) -> None:
    bound = proof.bound(bookmark, mark)
    assert proof.is_intact(bound)
    assert proof.mark_of(bound) == mark
    assert replace(bound, seen=None) == replace(bookmark, seen=None)
    assert proof.bound(bound, mark) == bound


BY_ID, BESIDE_OTHERS = replace(UNBOUND, seen=None), proof.bound(UNBOUND, proof.OF_SEVERAL + "any")


@pytest.mark.parametrize(
    ("bookmark", "status", "is_what_was_read"),
    [
        (KNOWN, GOOD, True),
        (KNOWN, replace(GOOD, sync_id="s2"), False),
        (KNOWN, replace(GOOD, last_good_sync=at("10:00:01")), False),
        (KNOWN, replace(GOOD, certain=False), False),
        (KNOWN, replace(GOOD, current="Fetching"), True),
        (KNOWN, replace(GOOD, current="FetchError"), True),
        (BY_ID, GOOD, True),
        (BY_ID, replace(GOOD, sync_id=None), True),
        (BY_ID, replace(GOOD, sync_id="s2"), False),
        (BY_ID, replace(GOOD, current="FetchError"), False),
        (BESIDE_OTHERS, GOOD, True),
        (BESIDE_OTHERS, replace(GOOD, sync_id="s2"), False),
        (proof.bound(UNBOUND, "another"), GOOD, False),
        (replace(BY_ID, sync_id="s0"), GOOD, False),
        (proof.bound(replace(UNBOUND, sync_id="s0"), GOOD.mark), GOOD, True),
        (proof.bound(replace(UNBOUND, sync_id=None), GOOD.mark), GOOD, False),
        (replace(KNOWN, stamp=at("08:00:00")), GOOD, False),
        (replace(BESIDE_OTHERS, stamp=at("08:00:00")), GOOD, False),
        (OLDER_TAP, GOOD, True),
        (replace(OLDER_TAP, seen="another"), GOOD, False),
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
    ("meanwhile", "torn"),
    [
        ({}, False),
        ({"s1": at("10:35:00")}, False),
        ({"s2": at("10:35:00")}, True),
        ({"s1": at("10:35:00"), "s2": at("10:20:00")}, True),
        ({"queued": at("10:39:55")}, False),
        ({"queued": at("10:39:54")}, True),
        ({"queued": ""}, True),
        ({"queued": at("10:40:30"), "s2": at("10:40:30")}, True),
        (None, True),
    ],
)
def test_a_read_during_which_another_sync_was_under_way_may_be_torn(
    meanwhile: dict[str, str] | None, *, torn: bool
) -> None:
    """One that the run queued after it was not under way, if it was requested then."""
    assert proof.within(LAST) == (at("10:30:00"), at("10:41:00"))
    assert proof.may_be_torn(replace(KNOWN, queued="queued"), meanwhile) is torn
    assert not proof.may_be_torn(OLDER_TAP, meanwhile), "nobody knows when it was read"


ANEW = replace(KNOWN, stamp=None, exclusive=False)
SET_BACK = replace(KNOWN, stamp=at("08:00:00"))


@pytest.mark.parametrize(
    ("old", "status", "meanwhile", "own", "trusted"),
    [
        (KNOWN, LATER, {}, True, KNOWN),
        (KNOWN, LATER, {"s2": at("10:35:00")}, True, ANEW),
        (KNOWN, LATER, None, True, ANEW),
        (KNOWN, LATER, {}, False, ANEW),
        (KNOWN, GOOD, {"s2": at("10:35:00")}, False, KNOWN),
        (SET_BACK, LATER, {}, True, replace(SET_BACK, exclusive=False)),
        (SET_BACK, GOOD, {}, True, replace(SET_BACK, exclusive=False)),
        (SET_BACK, LATER, {"s2": at("10:35:00")}, False, replace(SET_BACK, exclusive=False)),
        (KNOWN, replace(GOOD, last_good_sync=at("08:00:00")), {}, True, ANEW),
        (replace(KNOWN, stamp="2999-01-01T00:00:00.0000000Z"), LATER, {}, True, ANEW),
    ],
    ids=[
        "another sync, after it",
        "another sync, within it",
        "another sync, nobody knows when",
        "it may be of another shop",
        "unchanged",
        "set back",
        "set back, and unchanged",
        "set back, and torn",
        "later than its sync",
        "set to the future",
    ],
)
def test_how_far_a_bookmark_is_trusted(
    old: Bookmark, status: SyncStatus, meanwhile: dict[str, str] | None, trusted: Bookmark, *, own: bool
) -> None:
    assert proof.trusted(old, status, at("12:00:00"), meanwhile=meanwhile, own=own) == trusted
    assert trusted.stamp or trusted.query("2020-01-01") is None, "all is asked for"


UNFINISHED = Checkpoint(
    "s1", "s2", QUERY, 5, 2, 11, "f00d", None, unstamped=False, started_at=at("11:00:00"), asked_at=at("11:01:00")
)


@pytest.mark.parametrize(
    ("after", "status", "query", "page_size", "goes_on"),
    [
        (UNFINISHED, STATUS, QUERY, 5, True),
        (replace(UNFINISHED, query=None), STATUS, None, 5, True),
        (None, STATUS, QUERY, 5, False),
        (UNFINISHED, UNSURE, QUERY, 5, False),
        (UNFINISHED, replace(STATUS, good_sync_id="s3"), QUERY, 5, False),
        (UNFINISHED, replace(STATUS, sync_id="s3"), QUERY, 5, False),
        (UNFINISHED, STATUS, None, 5, False),
        (UNFINISHED, STATUS, QUERY, 4, False),
        (UNFINISHED, synced("11:00:30"), QUERY, 5, False),
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
        (Bookmark(sync_id="s1", is_new=False), None),
        (Bookmark(sync_id=None, is_new=False), None),
        (Bookmark("2026-03-02T05:00:00.0000000Z"), "modifiedDate>=2026-03-02T05:00:00.0000000Z"),
        (Bookmark("2026-03-02T05:00:00.0000000Z", exclusive=True), "modifiedDate>2026-03-02T05:00:00.0000000Z"),
        (Bookmark(exclusive=True, sync_id="s1", is_new=False), None),
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
