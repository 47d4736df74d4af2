"""Bookmarks in the state: what goes in comes out, and what is none of this tap's is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_codat_commerce.records import dates
from tap_codat_commerce.singer.bookmarks import Bookmarks, check_state
from tap_codat_commerce.singer.errors import StateError
from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint

CONTEXT = {"companyId": "a", "connectionId": "b"}
STAMPS = st.none() | st.integers(0, 10**12).map(lambda n: dates.written(datetime.fromtimestamp(n / 10**3, UTC)))
STAMP = "2026-03-02T00:00:00.0000000Z"
IDS = st.none() | st.text("abc-", min_size=1)
CHECKPOINT = Checkpoint("s1", None, None, 5, 2, 11, "f00d", None, unstamped=False, started_at="2026-03-02T00:00:00Z")
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
}
BOOKMARKS = st.builds(Bookmark, STAMPS, st.booleans(), IDS, IDS, STAMPS, STAMPS, STAMPS, st.none(), st.booleans())


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
        assert bookmarks(state).find(CONTEXT) == bookmark
        assert None not in state["bookmarks"]["orders"]["partitions"][0].values()


def test_an_unfinished_read_stays_until_the_bookmark_moves_or_it_is_forgotten() -> None:
    state: dict[str, Any] = {}
    some = bookmarks(state)
    some.move(CONTEXT, Bookmark(sync_id="s0"))
    some.note(CONTEXT, CHECKPOINT)
    assert bookmarks(written(state)).find(CONTEXT) == Bookmark(sync_id="s0", checkpoint=CHECKPOINT)
    some.note(CONTEXT, None)
    some.note({**CONTEXT, "connectionId": "never seen"}, None)
    assert bookmarks(written(state)).find(CONTEXT) == Bookmark(sync_id="s0")
    some.note(CONTEXT, CHECKPOINT)
    some.move(CONTEXT, Bookmark(sync_id="s1"))
    assert bookmarks(written(state)).find(CONTEXT) == Bookmark(sync_id="s1")
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
    ],
)
def test_what_a_partition_stands_for(partition: dict[str, Any], bookmark: Bookmark) -> None:
    state = {"bookmarks": {"orders": {"partitions": [{"context": CONTEXT, **partition}]}}}
    assert bookmarks(state).find(CONTEXT) == bookmark
    assert not bookmarks(state).is_new(CONTEXT)
    assert bookmarks({}).is_new(CONTEXT)


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
        (of_orders({"context": CONTEXT, "read_until": "soon"}), "damaged"),
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
