"""What is known of a data set before it is read, and what is fetched for that: by answers that are written here."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import conftest
from engine import KeepingSink
from tap_codat_commerce.codat.answers import Operation
from tap_codat_commerce.sync import proof
from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint
from tap_codat_commerce.sync.company_selection import ConnectionRef
from tap_codat_commerce.sync.data_status import Action, SyncStatus, mark
from tap_codat_commerce.sync.pre_sync_check import PreSyncCheck
from tap_codat_commerce.sync.pull_history import Operations

if TYPE_CHECKING:
    from tap_codat_commerce.sync.options import SyncOptions

ORDERS = "commerce-orders"


def at(clock: str) -> str:
    return f"2026-03-02T{clock}.0000000Z"


GOOD = SyncStatus("Complete", at("10:00:00"), "s1", "s1")
MOVED = replace(GOOD, sync_id="s2", good_sync_id="s2", last_good_sync=at("11:00:00"))
READ = Bookmark(at("09:00:00"), exclusive=True, sync_id="s1", seen=GOOD.mark)
TORN = replace(READ, read_from=at("10:30:00"), read_until=at("10:40:00"))
PLAIN = conftest.options()
ALWAYS_READ = conftest.options(skip_unchanged=False)
REFRESHING = conftest.options(refresh_older_than_hours=1)


def operation(ident: str, connection: str, requested: str, completed: str | None) -> Operation:
    return Operation(ident, connection, ORDERS, requested, "Complete", completed)


class Known:
    """What a run knows: the status of the company, and operations of the company or of one connection."""

    def __init__(self, company: SyncStatus = GOOD, operations: dict[str, list[Operation]] | None = None) -> None:
        self.company, self.operations = company, operations or {}
        self.asked: list[str] = []

    def _status(self, company_id: str, data_type: str, *, anew: bool = False) -> SyncStatus:
        self.asked.append("status anew" if anew else "status")
        return self.company

    def _history(self, company_id: str, connection_id: str | None = None, *, anew: bool = False) -> Operations:
        self.asked.append(f"history of {connection_id or company_id}{' anew' if anew else ''}")
        return Operations(self.operations.get(connection_id or company_id, []))

    def check(
        self, bookmark: Bookmark = READ, options: SyncOptions = PLAIN, *, several: bool = False, **details: Any
    ) -> PreSyncCheck:
        """Return the check of the orders of a connection that has a bookmark."""
        sink = KeepingSink({"k1": replace(bookmark, checkpoint=None)})
        connection = ConnectionRef("c1", "A", "k1", {"status": "Linked", **details}, several, 0, 0)
        sink.note(connection.context, bookmark.checkpoint)
        statuses: Any = SimpleNamespace(status=self._status, asked_at=lambda _: at("12:00:00"))
        history: Any = SimpleNamespace(of=self._history)
        return PreSyncCheck(sink.as_selected(), connection, statuses, history, options)


def of_several(company: SyncStatus, last_sync: object = None) -> str:
    """Return what `seen` is where there are several shops."""
    return proof.OF_SEVERAL + mark(company.good_sync_id, company.sync_id, company.last_good_sync, str(last_sync))


@pytest.mark.parametrize(
    ("status", "unchanged"),
    [(GOOD, True), (MOVED, False), (replace(GOOD, certain=False), False)],
)
def test_what_was_read_counts_as_unchanged_unless_all_is_wanted(status: SyncStatus, *, unchanged: bool) -> None:
    assert (Known().check().verdict(status).action is Action.UNCHANGED) is unchanged
    assert Known().check(options=ALWAYS_READ).verdict(status).action is Action.READ


@pytest.mark.parametrize(
    ("stamp", "synced", "trusted"),
    [
        ("10:01:00", "10:00:00", True),
        ("10:01:01", "10:00:00", False),
        ("12:01:00", None, True),
        ("12:01:01", None, False),
    ],
)
def test_a_bookmark_after_the_sync_is_not_trusted(stamp: str, synced: str | None, *, trusted: bool) -> None:
    bookmark = replace(READ, stamp=at(stamp))
    status = replace(GOOD, last_good_sync=synced and at(synced))
    assert Known().check(bookmark).trusted(status) == (bookmark if trusted else proof.anew(bookmark))


OLD = operation("s0", "k1", at("01:00:00"), at("02:00:00"))


@pytest.mark.parametrize(
    ("operations", "synced", "trusted"),
    [
        ([operation("s2", "k1", at("10:50:00"), at("11:00:00")), OLD], "11:00:00", True),
        ([operation("s2", "k1", at("10:35:00"), at("11:00:00")), OLD], "11:00:00", False),
        ([operation("s2", "k2", at("10:35:00"), at("11:00:00")), OLD], "11:00:00", True),
        ([operation("s1", "k1", at("10:35:00"), at("11:00:00")), OLD], "11:00:00", True),
        ([operation("s2", "k1", at("10:40:59"), at("11:00:00")), OLD], "11:00:00", False),
        ([operation("s2", "k1", at("10:41:01"), at("11:00:00")), OLD], "11:00:00", True),
        ([], "11:00:00", True),
        ([], "10:40:59", False),
        ([], None, True),
    ],
)
def test_a_read_during_which_another_sync_was_under_way_is_not_trusted(
    operations: list[Operation], synced: str | None, *, trusted: bool
) -> None:
    check = Known(operations={"c1": operations}).check(TORN)
    status = replace(MOVED, last_good_sync=synced and at(synced))
    assert check.trusted(status) == (TORN if trusted else proof.anew(TORN))
    assert not check.is_plain


def test_what_is_as_it_was_read_was_not_torn() -> None:
    known = Known()
    assert known.check(TORN).trusted(replace(GOOD, last_good_sync=at("10:35:00"))) == proof.anew(TORN), "another mark"
    assert known.asked == ["history of c1"]
    assert known.check(TORN).trusted(GOOD) == TORN
    assert known.asked == ["history of c1"]


@pytest.mark.parametrize("one_page", [replace(TORN, read_from=None), replace(TORN, read_until=None)])
def test_a_read_of_one_page_needs_no_history(one_page: Bookmark) -> None:
    known = Known()
    assert known.check(one_page).trusted(MOVED) == one_page
    assert known.asked == []


@pytest.mark.parametrize(
    ("company", "own", "trusted"),
    [
        ([operation("s1", "k1", at("09:30:00"), None)], [], True),
        ([operation("s1", "k2", at("09:30:00"), None)], [], False),
        ([], [operation("s1", "k1", at("09:30:00"), None)], True),
        ([], [], False),
    ],
)
def test_a_sync_that_may_be_of_another_shop_is_not_trusted(
    company: list[Operation], own: list[Operation], *, trusted: bool
) -> None:
    check = Known(operations={"c1": company, "k1": own}).check(several=True)
    assert check.trusted(MOVED) == (READ if trusted else proof.anew(READ))
    assert check.is_plain is (bool(company) and trusted)
    assert Known().check(replace(READ, sync_id=None), several=True).is_plain
    assert Known().check().is_plain


@pytest.mark.parametrize(
    ("seen", "several", "shared"),
    [("", False, False), (None, False, False), (of_several(GOOD), False, True), ("", True, True)],
)
def test_whether_the_status_may_be_that_of_another_shop(seen: str | None, *, several: bool, shared: bool) -> None:
    assert Known().check(replace(READ, seen=seen), several=several).shared is shared


SEEN = replace(READ, seen=of_several(GOOD))


def test_what_nothing_moved_in_needs_no_history() -> None:
    known = Known()
    check = known.check(SEEN, several=True)
    before = check.verdict(MOVED).action
    assert check.status() == GOOD
    assert (before, check.verdict(MOVED).action) == (Action.READ, Action.UNCHANGED), "nothing was asked before"
    assert known.asked == ["status"]


@pytest.mark.parametrize(
    ("options", "last_sync"), [(ALWAYS_READ, None), (REFRESHING, None), (PLAIN, "now")], ids=["all", "fresh", "moved"]
)
def test_where_something_may_have_moved_the_history_is_asked_for(options: SyncOptions, last_sync: str | None) -> None:
    known = Known()
    check = known.check(SEEN, options, several=True, **({"lastSync": last_sync} if last_sync else {}))
    check.status()
    assert check.verdict(MOVED).action is Action.READ
    assert known.asked == ["status", "history of c1"]


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
    ("bookmark", "status", "several", "seen"),
    [
        (READ, GOOD, False, GOOD.mark),
        (READ, replace(GOOD, current="FetchError"), False, GOOD.mark),
        (READ, replace(GOOD, certain=False), False, None),
        (READ, GOOD, True, of_several(MOVED)),
        (READ, replace(GOOD, current="FetchError"), True, GOOD.mark),
        (READ, replace(GOOD, certain=False), True, None),
        (SEEN, MOVED, False, MOVED.mark),
        (SEEN, GOOD, False, of_several(MOVED)),
    ],
)
def test_what_a_later_run_may_know_it_by(
    bookmark: Bookmark, status: SyncStatus, seen: str | None, *, several: bool
) -> None:
    check = Known(MOVED).check(bookmark, several=several)
    check.status()
    assert check.mark(status) == seen


BEGUN = Checkpoint("s", None, None, 5, 1, 9, "f", None, unstamped=False, started_at="t")


def test_it_is_remembered_that_nothing_moved() -> None:
    check = Known().check(replace(READ, checkpoint=BEGUN), several=True)
    check.status()
    assert check.bookmark.checkpoint == BEGUN
    assert check.as_unchanged(GOOD) == SEEN


@pytest.mark.parametrize(
    ("bookmark", "options", "several"), [(READ, PLAIN, False), (SEEN, PLAIN, True), (SEEN, REFRESHING, True)]
)
def test_what_was_known_stays_as_it_is(bookmark: Bookmark, options: SyncOptions, *, several: bool) -> None:
    check = Known().check(bookmark, options, several=several)
    check.status()
    assert check.bookmark == bookmark
    assert check.as_unchanged(GOOD) is check.bookmark


@pytest.mark.parametrize("several", [False, True])
def test_the_word_of_a_data_set_that_it_is_not_offered_is_kept(*, several: bool) -> None:
    check = Known(MOVED).check(replace(READ, checkpoint=BEGUN), several=several)
    check.status()
    status = replace(GOOD, good_sync_id="s9")
    seen = of_several(MOVED) if several else status.mark
    assert check.as_not_supported(status) == replace(READ, sync_id="s9", seen=seen, not_supported=True)
