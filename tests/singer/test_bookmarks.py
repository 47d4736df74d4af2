"""Bookmarks in the state: what goes in comes out, and what is none of this tap's is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_codat_commerce.records import dates
from tap_codat_commerce.singer.bookmarks import Bookmarks, check_state
from tap_codat_commerce.singer.errors import StateError
from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint, LastRead

if TYPE_CHECKING:
    from collections.abc import Callable

CONTEXT = {"companyId": "a", "connectionId": "b"}
MOMENTS = st.integers(0, 10**12).map(lambda n: dates.written(datetime.fromtimestamp(n / 10**3, UTC)))
"""Stamps to the millisecond: those of this machine are."""
FINE = st.integers(2 * 10**12, 10**15).map(lambda n: dates.of_seconds(n / 10**6))
STAMPS = st.none() | MOMENTS
STAMP = "2026-03-02T00:00:00.0000000Z"
KNOWN = Bookmark(sync_id="s0", is_new=False)
IDS = st.none() | st.text("abc-", min_size=1)
CHECKPOINT = Checkpoint(
    "s1",
    None,
    None,
    5,
    2,
    11,
    "f00d",
    None,
    unstamped=False,
    started_at="2026-03-02T00:00:00Z",
    asked_at="2026-03-02T00:00:00Z",
)
READING = {
    "sync_id": "s1",
    "latest_sync_id": None,
    "query": None,
    "page_size": 5,
    "page": 2,
    "total": 11,
    "fingerprint": "f00d",
    "latest": None,
    "unstamped": False,
    "started_at": "2026-03-02T00:00:00Z",
    "asked_at": "2026-03-02T00:00:00Z",
}
NOT_NEW = st.just(value=False)
READS = st.builds(
    LastRead,
    MOMENTS,
    MOMENTS,
    FINE,
    FINE,
    st.none() | FINE,
    st.booleans(),
    st.integers(0, 10**9),
    *[st.booleans()] * 3,
)
READ = LastRead(
    "2026-03-02T00:00:00.0000000Z",
    "2026-03-02T00:00:01.5000000Z",
    "2026-03-01T23:59:58.0000000Z",
    "2026-03-02T00:00:04.5000000Z",
    "2026-03-01T23:00:00.0000000Z",
    full=True,
    records=9,
)
READ_ARRIVED = replace(READ, synced_at="2026-03-01T23:00:00.5000000Z", full=False, arrived=True)
BOOKMARKS = st.builds(
    Bookmark, STAMPS, st.booleans(), IDS, IDS, st.none() | READS, STAMPS, IDS, st.none(), st.booleans(), NOT_NEW
)


def bookmarks(state: dict[str, Any]) -> Bookmarks:
    """Return the bookmarks of a stream in a state."""
    return Bookmarks("orders", state)


def written(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state as it comes back."""
    check_state(state, ["orders"])
    back: dict[str, Any] = json.loads(json.dumps(state))
    return back


@given(st.lists(BOOKMARKS, min_size=1, max_size=3))
def test_what_goes_in_comes_out(moves: list[Bookmark]) -> None:
    state: dict[str, Any] = {}
    for bookmark in moves:
        some = bookmarks(state)
        some.move(CONTEXT, bookmark)
        state = written(state)
        found = bookmarks(state).find(CONTEXT)
        if (read := found.read) and (told := bookmark.read):
            assert read.asked_at <= told.asked_at < dates.moved(read.asked_at, 1), "to the second, never later"
            assert dates.moved(read.looked_at, -1) < told.looked_at <= read.looked_at, "to the second, never earlier"
            found = replace(found, read=replace(read, asked_at=told.asked_at, looked_at=told.looked_at))
        assert found == replace(bookmark, is_new=found.is_new)
        assert not found.is_new or (bookmark.not_supported and not (bookmark.stamp or bookmark.read)), "never read"
        assert None not in state["bookmarks"]["orders"]["partitions"][0].values()


def test_an_unfinished_read_stays_until_the_bookmark_moves_or_it_is_forgotten() -> None:
    state: dict[str, Any] = {}
    some = bookmarks(state)
    some.move(CONTEXT, KNOWN)
    some.note(CONTEXT, CHECKPOINT)
    assert bookmarks(written(state)).find(CONTEXT) == replace(KNOWN, checkpoint=CHECKPOINT)
    some.note(CONTEXT, None)
    some.note({**CONTEXT, "connectionId": "never seen"}, None)
    assert bookmarks(written(state)).find(CONTEXT) == KNOWN
    some.note(CONTEXT, CHECKPOINT)
    some.move(CONTEXT, replace(KNOWN, sync_id="s1"))
    assert bookmarks(written(state)).find(CONTEXT) == replace(KNOWN, sync_id="s1")
    assert len(state["bookmarks"]["orders"]["partitions"]) == 1


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"page": 1, "page_size": 1, "total": 0}, True),
        ({"page": 0}, False),
        ({"page": -1}, False),
        ({"page_size": 0}, False),
        ({"page": "2"}, False),
        ({"unstamped": None}, False),
        ({"sync_id": None}, False),
        ({"latest": 5}, False),
        ({"asked_at": None}, False),
        ({"asked_at": "9999-99-99"}, False),
        ({"started_at": ""}, False),
        ({"more": 1}, False),
    ],
)
def test_an_unfinished_read_of_another_version_is_not_gone_on_from(change: dict[str, Any], *, fits: bool) -> None:
    partition = {"context": CONTEXT, "sync_id": "s0", "reading": {**READING, **change}}
    found = bookmarks({"bookmarks": {"orders": {"partitions": [partition]}}}).find(CONTEXT)
    assert (found.checkpoint is not None) is fits
    assert found.sync_id == "s0"


@pytest.mark.parametrize(
    ("partition", "bookmark"),
    [
        ({"replication_key": "modifiedDate", "replication_key_value": "2026-03-02T00:00:00Z"}, Bookmark(STAMP)),
        ({"replication_key": "id", "replication_key_value": "2026-03-02T00:00:00Z"}, Bookmark()),
        ({"exclusive": 1, "not_supported": "yes"}, Bookmark()),
        ({"exclusive": True, "not_supported": True}, Bookmark(exclusive=True, not_supported=True)),
        ({"read_from": "2026-03-02T00:00:00Z", "read_until": "2026-03-02T00:00:01Z"}, Bookmark()),
        *(
            ({"read": odd}, Bookmark())
            for odd in (7, [], ["a"] * 7, [1] * 8, [1e300, 1, 1, 1, 1, 1, 1], {"full": True})
        ),
        ({"read": [1772409600000, 1500, -2, 3, 1772406000, 9, 5]}, Bookmark(exclusive=True, read=READ)),
        ({"read": [1772409600000, 1500, -2, 3, 1772406000500000, 9, 2]}, Bookmark(read=READ_ARRIVED)),
    ],
)
def test_what_a_partition_stands_for(partition: dict[str, Any], bookmark: Bookmark) -> None:
    state = {"bookmarks": {"orders": {"partitions": [{"context": CONTEXT, **partition}]}}}
    assert bookmarks(state).find(CONTEXT) == replace(bookmark, is_new=False)
    assert not bookmarks(state).is_new(CONTEXT)
    assert bookmarks({}).is_new(CONTEXT)
    assert bookmarks({}).find(CONTEXT).is_new


def test_a_data_set_of_which_a_read_was_only_begun_was_never_read() -> None:
    state: dict[str, Any] = {}
    some = bookmarks(state)
    some.note(CONTEXT, CHECKPOINT)
    assert some.find(CONTEXT) == Bookmark(checkpoint=CHECKPOINT, is_new=True)
    some.move(CONTEXT, Bookmark())
    assert some.find(CONTEXT) == Bookmark(is_new=False)


def test_the_bookmarks_after_reads_that_may_not_have_arrived() -> None:
    some, other, at = bookmarks({}), {**CONTEXT, "connectionId": "c"}, "2026-03-02T00:00:00.0000000Z"
    fresh = replace(KNOWN, read=LastRead(at, at, at, at, None, full=True, records=1))
    arrived = replace(KNOWN, read=LastRead(at, at, at, at, None, full=True, records=1, arrived=True))
    some.move(CONTEXT, fresh)
    some.move(other, arrived)
    some.note({**CONTEXT, "connectionId": "d"}, CHECKPOINT)
    assert [*some.newly_arrived()] == [(CONTEXT, arrived)]
    assert not [*some.newly_arrived()]


def test_each_read_of_a_run_is_kept_until_it_has_arrived() -> None:
    state: dict[str, Any] = {}
    some, later = bookmarks(state), "2026-03-03T00:00:00.0000000Z"
    first = replace(KNOWN, sync_id="s1", read=replace(READ, full=True))
    second = replace(KNOWN, sync_id="s2", read=replace(READ, started_at=later, ended_at=later, full=False))
    for bookmark in (first, second, replace(second, seen="as unchanged")):
        some.move(CONTEXT, bookmark)
    (partition,) = state["bookmarks"]["orders"]["partitions"]
    assert [read.keys() for read in partition["untold"]] == [{"sync_id", "read"}]
    check_state(state, {"orders"})
    some = bookmarks(state)
    found = [(b.sync_id, b.read and (b.read.started_at, b.read.full, b.read.arrived)) for _, b in some.newly_arrived()]
    assert found == [("s1", (READ.started_at, True, True)), ("s2", (later, False, True))]
    assert "untold" not in partition
    assert not [*some.newly_arrived()]


def test_what_nobody_tells_is_not_kept_night_after_night() -> None:
    """`reads` may not be selected."""
    state: dict[str, Any] = {}
    for day in range(1, 9):
        at = f"2026-03-0{day}T00:00:00.0000000Z"
        bookmarks(state).move(CONTEXT, replace(KNOWN, read=replace(READ, started_at=at, ended_at=at)))
        assert "untold" not in state["bookmarks"]["orders"]["partitions"][0]


def test_a_read_takes_little_of_the_state() -> None:
    """There may be a hundred thousand."""
    state: dict[str, Any] = {}
    bookmarks(state).move(CONTEXT, replace(KNOWN, read=READ))
    (partition,) = state["bookmarks"]["orders"]["partitions"]
    assert partition["read"] == [1772409600000, 1500, -2, 3, 1772406000, 9, 1]


def of_orders(*partitions: Any, **more: Any) -> dict[str, Any]:
    return {"bookmarks": {"orders": {"partitions": list(partitions), **more}}}


@pytest.mark.parametrize(
    ("state", "what"),
    [
        ({}, None),
        ({"bookmarks": {}}, None),
        ({"bookmarks": {"orders": {}}}, None),
        (of_orders({"context": CONTEXT}), None),
        (of_orders({"context": CONTEXT, "seen": None, "full_read": "2026-03-02T00:00:00Z"}), None),
        ([], "it is no state of this tap"),
        ({"value": {}}, "it is no state of this tap"),
        ({"bookmarks": []}, "it is no state of this tap"),
        ({"bookmarks": {"invoices": {}}}, "it has a bookmark of 'invoices'"),
        ({"bookmarks": {"orders": []}}, "damaged"),
        ({"bookmarks": {"orders": {"partitions": {}}}}, r"\('partitions' is no list\)"),
        (of_orders({}), r"\(a partition's context is not of companyId and connectionId\)"),
        (of_orders({"context": {"companyId": "c1"}}), "context is not of"),
        (of_orders({"context": {**CONTEXT, "more": "m"}}), "context is not of"),
        (of_orders({"context": {**CONTEXT, "companyId": 5}}), r"\('companyId' is no text\)"),
        (of_orders({"context": CONTEXT}, {"context": CONTEXT}), "two partitions are of connection"),
        (of_orders({"context": CONTEXT, "sync_id": 5}), r"\('sync_id' is no text\)"),
        (of_orders({"context": CONTEXT, "seen": []}), r"\('seen' is no text\)"),
        (of_orders({"context": CONTEXT, "full_read": "soon"}), "damaged"),
        (of_orders("c1"), "damaged"),
    ],
)
def test_which_states_are_taken(state: Any, what: str | None) -> None:
    if what is None:
        check_state(state, ["orders"])
        return
    with pytest.raises(StateError, match=what) as found:
        check_state(state, ["orders"])
    assert str(found.value).endswith("Give the state that this tap wrote last, or none to read everything.")


@pytest.mark.parametrize(
    ("change", "fits"),
    [(float, True), (lambda n: Decimal(f"{n}.0"), True), (str, True), (lambda _: math.nan, False)],
)
def test_a_read_is_known_though_a_store_changed_its_numbers(change: Callable[[int], Any], *, fits: bool) -> None:
    state: dict[str, Any] = {}
    bookmarks(state).move(CONTEXT, replace(KNOWN, read=replace(READ, arrived=True)))
    (partition,) = state["bookmarks"]["orders"]["partitions"]
    partition["read"] = [number if number is None else change(number) for number in partition["read"]]
    check_state(state, {"orders"})
    found = bookmarks(state)
    assert (found.find(CONTEXT).read is not None) is fits
    assert not list(found.newly_arrived())
