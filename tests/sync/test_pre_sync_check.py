"""What is known of a data set before it is read, and what of its bookmark is believed: rules without requests."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import options
from engine import DATA_SETS, KeepingSink
from tap_codat_commerce.codat.answers import Operation
from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint
from tap_codat_commerce.sync.company_selection import ConnectionRef
from tap_codat_commerce.sync.data_status import Action, SyncStatus, mark
from tap_codat_commerce.sync.pre_sync_check import OF_SEVERAL, PreSyncCheck
from tap_codat_commerce.sync.pull_history import Operations

ORDERS = "commerce-orders"


def at(clock: str) -> str:
    return f"2026-03-02T{clock}.0000000Z"


GOOD = SyncStatus("Complete", at("10:00:00"), "s1", "s1")
READ = Bookmark(at("09:00:00"), exclusive=True, sync_id="s1", seen=GOOD.mark)
TORN = replace(READ, read_from=at("10:30:00"), read_until=at("10:40:00"))


def operation(ident: str, connection: str, requested: str, completed: str | None) -> Operation:
    return Operation(ident, connection, ORDERS, requested, "Complete", completed)


class Known:
    """What a run knows: the status of the company, and operations of the company or of one connection."""

    def __init__(self, company: SyncStatus = GOOD, operations: dict[str, list[Operation]] | None = None) -> None:
        self.company, self.operations = company, operations or {}
        self.asked: list[str] = []
        statuses = SimpleNamespace(status=self._status, asked_at=lambda _: at("12:00:00"))
        self.run: Any = SimpleNamespace(statuses=statuses, history=SimpleNamespace(of=self._history), options=options())

    def _status(self, company_id: str, data_type: str, *, anew: bool = False) -> SyncStatus:
        self.asked.append("status anew" if anew else "status")
        return self.company

    def _history(self, company_id: str, connection_id: str | None = None, *, anew: bool = False) -> Operations:
        self.asked.append(f"history of {connection_id or company_id}{' anew' if anew else ''}")
        return Operations(self.operations.get(connection_id or company_id, []))

    def check(self, bookmark: Bookmark = READ, *, several: bool = False, **details: Any) -> PreSyncCheck:
        self.sink = KeepingSink(DATA_SETS["orders"])
        self.sink.bookmarks["k1"] = bookmark
        connection = ConnectionRef("c1", "A", "k1", {"status": "Linked", **details}, several, 0, 0)
        return PreSyncCheck(self.run, self.sink, connection)


def of_several(company: SyncStatus, last_sync: object = None) -> str:
    """Return what `seen` is where there are several shops."""
    return OF_SEVERAL + mark(company.good_sync_id, company.sync_id, company.last_good_sync, str(last_sync))


@pytest.mark.parametrize(
    ("bookmark", "status", "unchanged"),
    [
        (READ, GOOD, True),
        (replace(READ, seen=None), GOOD, True),
        (replace(READ, seen=None), replace(GOOD, sync_id=None), True),
        (replace(READ, seen=None), replace(GOOD, sync_id="s2"), False),
        (replace(READ, seen=None), replace(GOOD, current="FetchError"), False),
        (replace(READ, seen="another"), GOOD, False),
        (replace(READ, seen=of_several(GOOD)), GOOD, True),
        (replace(READ, sync_id="s0", seen=None), GOOD, False),
        (replace(READ, sync_id="s0"), GOOD, True),
        (replace(READ, sync_id=None), GOOD, False),
        (READ, replace(GOOD, certain=False), False),
        (READ, replace(GOOD, current="Fetching"), True),
    ],
)
def test_what_is_known_to_be_what_was_read(bookmark: Bookmark, status: SyncStatus, *, unchanged: bool) -> None:
    known = Known()
    judged = known.check(bookmark).verdict(replace(status, current="Complete") if unchanged else status)
    assert (judged.action is Action.UNCHANGED) is unchanged
    known.run.options = options(skip_unchanged=False)
    assert known.check(bookmark).verdict(status).action is not Action.UNCHANGED


@pytest.mark.parametrize(
    ("stamp", "synced", "believed"),
    [
        ("10:00:00", "10:00:00", True),
        ("10:01:00", "10:00:00", True),
        ("10:01:01", "10:00:00", False),
        ("12:01:00", None, True),
        ("12:01:01", None, False),
    ],
)
def test_a_bookmark_after_the_sync_is_not_believed(stamp: str, synced: str | None, *, believed: bool) -> None:
    bookmark = replace(READ, stamp=at(stamp))
    found = Known().check(bookmark).trusted(replace(GOOD, last_good_sync=synced and at(synced)))
    assert found == (bookmark if believed else replace(bookmark, stamp=None, exclusive=False))


MOVED = replace(GOOD, sync_id="s2", good_sync_id="s2", last_good_sync=at("11:00:00"))
OLD = operation("s0", "k1", at("01:00:00"), at("02:00:00"))


@pytest.mark.parametrize(
    ("operations", "synced", "believed"),
    [
        ([operation("s2", "k1", at("10:50:00"), at("11:00:00")), OLD], "11:00:00", True),
        ([operation("s2", "k1", at("10:35:00"), at("11:00:00")), OLD], "11:00:00", False),
        ([operation("s2", "k2", at("10:35:00"), at("11:00:00")), OLD], "11:00:00", True),
        ([operation("s1", "k1", at("10:35:00"), at("11:00:00")), OLD], "11:00:00", True),
        ([operation("s2", "k1", at("10:40:59"), at("11:00:00")), OLD], "11:00:00", False),
        ([operation("s2", "k1", at("10:41:01"), at("11:00:00")), OLD], "11:00:00", True),
        ([], "11:00:00", True),
        ([], "10:41:00", True),
        ([], "10:40:59", False),
        ([], "10:30:00", True),
        ([], "10:30:01", False),
        ([], None, True),
    ],
)
def test_a_read_during_which_another_sync_was_under_way_is_not_believed(
    operations: list[Operation], synced: str | None, *, believed: bool
) -> None:
    check = Known(operations={"c1": operations}).check(TORN)
    status = replace(MOVED, last_good_sync=synced and at(synced))
    assert check.trusted(status) == (TORN if believed else replace(TORN, stamp=None, exclusive=False))
    assert not check.is_plain


@pytest.mark.parametrize("missing", ["read_from", "read_until"])
def test_a_read_of_one_page_is_never_torn(missing: str) -> None:
    changes: dict[str, Any] = {missing: None}
    bookmark = replace(TORN, **changes)
    known = Known()
    assert known.check(bookmark).trusted(MOVED) == bookmark
    assert known.asked == []


@pytest.mark.parametrize(
    ("company", "own", "believed"),
    [
        ([operation("s1", "k1", at("09:30:00"), None)], [], True),
        ([operation("s1", "k2", at("09:30:00"), None)], [], False),
        ([], [operation("s1", "k1", at("09:30:00"), None)], True),
        ([], [], False),
    ],
)
def test_a_sync_that_may_be_of_another_shop_is_not_believed(
    company: list[Operation], own: list[Operation], *, believed: bool
) -> None:
    check = Known(operations={"c1": company, "k1": own}).check(several=True)
    assert check.trusted(MOVED) == (READ if believed else replace(READ, stamp=None, exclusive=False))
    assert check.is_plain is (bool(company) and believed)
    assert Known().check(replace(READ, sync_id=None), several=True).is_plain
    assert Known().check().is_plain


@pytest.mark.parametrize(
    ("seen", "several", "shared"),
    [("", False, False), (None, False, False), (of_several(GOOD), False, True), ("", True, True)],
)
def test_whether_the_status_may_be_that_of_another_shop(seen: str | None, *, several: bool, shared: bool) -> None:
    assert Known().check(replace(READ, seen=seen), several=several).shared is shared


def test_what_nothing_moved_in_needs_no_history() -> None:
    known = Known()
    check = known.check(replace(READ, seen=of_several(GOOD)), several=True)
    before = check.seen_before
    assert check.status() == GOOD
    assert (before, check.seen_before) == (False, True), "nothing was asked before"
    assert known.asked == ["status"]
    for chosen in (options(skip_unchanged=False), options(refresh_older_than_hours=1)):
        known.run.options = chosen
        assert not check.seen_before
    known.run.options = options()
    check = known.check(replace(READ, seen=of_several(GOOD)), several=True, lastSync="now")
    check.status()
    assert not check.seen_before


@pytest.mark.parametrize(
    ("company", "needed"), [(SyncStatus(), False), (SyncStatus(None, at("10:00:00")), True), (SyncStatus("Odd"), True)]
)
def test_when_the_history_is_needed(company: SyncStatus, *, needed: bool) -> None:
    assert Known().check(several=True).needs_history(company) is needed
    assert not Known().check().needs_history(company)


OWN = [operation("s1", "k1", at("09:30:00"), at("10:00:00"))]
ANOTHERS = [operation("s1", "k2", at("09:30:00"), at("10:00:00"))]


@pytest.mark.parametrize(
    ("operations", "anew", "status", "asked"),
    [
        ({"c1": OWN}, False, GOOD, ["status", "history of c1"]),
        ({"c1": OWN}, True, GOOD, ["history of c1 anew"]),
        ({"c1": ANOTHERS, "k1": OWN}, False, GOOD, ["status", "history of c1", "history of k1"]),
        ({"c1": ANOTHERS, "k1": OWN}, True, GOOD, ["history of c1 anew", "history of k1 anew"]),
        ({"c1": ANOTHERS}, False, replace(GOOD, certain=False), ["status", "history of c1", "history of k1"]),
        ({}, False, replace(GOOD, certain=False), ["status", "history of c1"]),
        ({}, True, replace(GOOD, certain=False), ["history of c1 anew", "status anew"]),
    ],
)
def test_the_status_beside_other_shops(
    operations: dict[str, list[Operation]], status: SyncStatus, asked: list[str], *, anew: bool
) -> None:
    known = Known(operations=operations)
    assert known.check(several=True).status(anew=anew) == status
    assert known.asked == asked


@pytest.mark.parametrize("anew", [False, True])
def test_the_status_of_a_shop_that_stands_alone(*, anew: bool) -> None:
    known = Known()
    assert known.check().status(anew=anew) == GOOD
    assert known.asked == ["status anew" if anew else "status"]


@pytest.mark.parametrize(
    ("status", "several", "seen"),
    [
        (GOOD, False, GOOD.mark),
        (replace(GOOD, current="FetchError"), False, GOOD.mark),
        (replace(GOOD, certain=False), False, None),
        (GOOD, True, of_several(MOVED)),
        (replace(GOOD, current="FetchError"), True, GOOD.mark),
        (replace(GOOD, certain=False), True, None),
    ],
)
def test_what_a_later_run_may_know_it_by(status: SyncStatus, seen: str | None, *, several: bool) -> None:
    known = Known(MOVED)
    check = known.check(several=several)
    check.status()
    assert check.seen(status) == seen


def test_where_there_were_several_shops() -> None:
    check = Known(MOVED).check(replace(READ, seen=of_several(GOOD)))
    check.status()
    assert check.seen(MOVED) == MOVED.mark
    assert check.seen(GOOD) == of_several(MOVED)


def test_it_is_remembered_that_nothing_moved() -> None:
    known = Known()
    begun = Checkpoint("s", None, None, 5, 1, 9, "f", None, unstamped=False, started_at="t")
    check = known.check(replace(READ, checkpoint=begun), several=True)
    check.status()
    check.remember(GOOD)
    assert known.sink.bookmarks["k1"] == replace(READ, seen=of_several(GOOD))
    check = known.check()
    assert check.bookmark == READ
    known.sink.bookmarks.clear()
    check.remember(GOOD)
    assert not known.sink.bookmarks, "it was known"


@pytest.mark.parametrize(("several", "seen"), [(False, GOOD.mark), (True, of_several(MOVED))])
def test_the_word_of_a_data_set_that_it_is_not_offered_is_kept(seen: str, *, several: bool) -> None:
    known = Known(MOVED)
    check = known.check(several=several)
    check.status()
    check.not_supported(replace(GOOD, good_sync_id="s9"))
    expected = GOOD.mark if not several else seen
    found = known.sink.bookmarks["k1"]
    assert (found.sync_id, found.not_supported) == ("s9", True)
    assert found.seen == (replace(GOOD, good_sync_id="s9").mark if not several else expected)


@pytest.mark.parametrize(
    ("status", "details", "hours", "may"),
    [
        (GOOD, {}, 1, True),
        (replace(GOOD, current="FetchError"), {}, 1, True),
        (replace(GOOD, current="Fetching"), {}, 1, False),
        (replace(GOOD, last_good_sync="9999-01-01T00:00:00Z"), {}, 1, False),
        (GOOD, {"status": "linked"}, 1, True),
        (GOOD, {"status": "Unlinked"}, 1, False),
        (GOOD, {}, None, False),
    ],
)
def test_what_may_be_refreshed(status: SyncStatus, details: dict[str, Any], hours: int | None, *, may: bool) -> None:
    known = Known()
    known.run.options = options(refresh_older_than_hours=hours)
    assert known.check(**details).may_refresh(status) is may
