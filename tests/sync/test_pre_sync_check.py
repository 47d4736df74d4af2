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
from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint, LastRead
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
UNBOUND = Bookmark(at("09:00:00"), exclusive=True, sync_id="s1", is_new=False)
READ = replace(UNBOUND, seen=GOOD.mark)
"""By an older version of the tap: there is no read to look back at."""
LAST = LastRead(at("10:29:00"), at("10:41:00"), at("10:30:00"), at("10:40:00"), at("10:00:00"), full=True, records=7)
TORN = proof.bound(replace(UNBOUND, read=LAST), GOOD.mark)
PLAIN = conftest.options()
ALWAYS_READ = conftest.options(skip_unchanged=False)
REFRESHING = conftest.options(refresh_older_than_hours=1)
DUE = conftest.options(full_read_every_days=7)


def operation(
    ident: str, connection: str, requested: str, completed: str | None, status: str = "Complete"
) -> Operation:
    own = {"id": ident, "connection_id": connection, "data_type": ORDERS}
    return Operation(status, **own, requested=requested, completed=completed)


def anew(bookmark: Bookmark) -> Bookmark:
    """Return a bookmark that is not trusted."""
    return replace(bookmark, stamp=None, exclusive=False)


class Known:
    """What a run knows: the status of the company, and operations of the company or of one connection."""

    def __init__(self, company: SyncStatus = GOOD, operations: dict[str, list[Operation]] | None = None) -> None:
        self.company, self.operations = company, operations or {}
        self.asked: list[str] = []

    def _status(self, company_id: str, data_type: str) -> SyncStatus:
        self.asked.append("status")
        return self.company

    def _history(self, company_id: str, connection_id: str | None = None) -> Operations:
        self.asked.append(f"history of {connection_id or company_id}")
        return Operations(self.operations.get(connection_id or company_id, []))

    def _reaching(self, company_id: str, connection_id: str, begin: str) -> Operations:
        of_company = self._history(company_id)
        return of_company if of_company.reach(begin) else self._history(company_id, connection_id)

    def check(
        self, bookmark: Bookmark = READ, options: SyncOptions = PLAIN, *, several: bool = False, **details: Any
    ) -> PreSyncCheck:
        """Return the check of the orders of a connection that has a bookmark."""
        sink = KeepingSink({"k1": replace(bookmark, checkpoint=None)})
        connection = ConnectionRef("c1", "A", "k1", {"status": "Linked", **details}, several, 0, 0)
        sink.note(connection.context, bookmark.checkpoint)
        statuses: Any = SimpleNamespace(status=self._status, asked_at=lambda _: at("12:00:00"))
        history: Any = SimpleNamespace(of=self._history, reaching=self._reaching, known=lambda _: None)
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
    for wanted in (ALWAYS_READ, DUE):
        assert Known().check(options=wanted).verdict(status).action is Action.READ


@pytest.mark.parametrize(("end", "settled"), [("11:59:00", True), ("11:59:01", False), (None, True)])
def test_a_good_sync_has_settled_a_minute_before_its_status_was_asked_for(end: str | None, *, settled: bool) -> None:
    status = replace(GOOD, last_good_sync=end and at(end))
    assert Known().check().is_settled(status) is settled


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
    assert Known().check(bookmark).trusted(status) == (bookmark if trusted else anew(bookmark))


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
        ([operation("s2", "k1", at("10:50:00"), at("11:00:00"))], "11:00:00", False),
        ([], "11:00:00", False),
        ([], None, False),
    ],
)
def test_a_read_during_which_another_sync_was_under_way_is_not_trusted(
    operations: list[Operation], synced: str | None, *, trusted: bool
) -> None:
    known = Known(operations={"c1": operations})
    check, status = known.check(TORN), replace(MOVED, last_good_sync=synced and at(synced))
    assert check.trusted(status) == (TORN if trusted else anew(TORN))
    assert known.asked == ["history of c1"] if OLD in operations else ["history of c1", "history of k1"]
    assert not check.is_plain(status)


@pytest.mark.parametrize(("began", "trusted"), [("10:35:00", False), ("10:50:00", True)])
def test_a_sync_that_failed_during_a_read_is_looked_for(began: str, *, trusted: bool) -> None:
    """The good sync is still the one before: nothing of the status tells when the other one was."""
    failed = operation("s2", "k1", at(began), at("11:00:00"), "FetchError")
    check = Known(operations={"c1": [failed, OLD]}).check(TORN)
    status = replace(GOOD, current="FetchError", sync_id="s2")
    assert check.trusted(status) == (TORN if trusted else anew(TORN))
    assert not check.is_plain(status)


def test_what_is_as_it_was_read_was_not_torn() -> None:
    known = Known()
    assert known.check(TORN).trusted(replace(GOOD, last_good_sync=at("10:35:00"))) == anew(TORN), "another mark"
    known.asked.clear()
    assert known.check(TORN).trusted(GOOD) == TORN
    assert known.asked == []


def test_of_what_nobody_knows_when_it_was_read_no_history_tells() -> None:
    known = Known()
    assert known.check(READ).is_plain(MOVED)
    assert known.check(READ).trusted(MOVED) == READ
    assert known.asked == []


def test_a_bookmark_that_was_set_back_by_hand_is_read_from() -> None:
    known = Known()
    set_back = replace(TORN, stamp=at("01:00:00"))
    assert known.check(set_back).verdict(GOOD).action is Action.READ
    assert known.check(set_back).trusted(GOOD) == replace(set_back, exclusive=False)


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
    assert check.trusted(MOVED) == (READ if trusted else anew(READ))
    assert check.is_plain(MOVED) is (bool(company) and trusted)
    assert Known().check(replace(READ, sync_id=None), several=True).is_plain(MOVED)
    assert Known().check().is_plain(MOVED)


@pytest.mark.parametrize(
    ("seen", "several", "shared"),
    [("", False, False), (None, False, False), (of_several(GOOD), False, True), ("", True, True)],
)
def test_whether_the_status_may_be_that_of_another_shop(seen: str | None, *, several: bool, shared: bool) -> None:
    assert Known().check(replace(READ, seen=seen), several=several).shared is shared


SEEN = proof.bound(replace(UNBOUND, read=LAST), of_several(GOOD))


def test_what_nothing_moved_in_needs_no_history() -> None:
    known = Known()
    check = known.check(SEEN, several=True)
    before = check.verdict(MOVED).action
    assert check.status() == GOOD
    assert (before, check.verdict(MOVED).action) == (Action.READ, Action.UNCHANGED), "nothing was asked before"
    assert known.asked == ["status"]


@pytest.mark.parametrize(
    ("bookmark", "options", "last_sync"),
    [
        (SEEN, ALWAYS_READ, None),
        (SEEN, REFRESHING, None),
        (SEEN, DUE, None),
        (SEEN, PLAIN, "now"),
        (replace(SEEN, stamp=at("01:00:00")), PLAIN, None),
    ],
    ids=["all", "fresh", "a full read is due", "moved", "set back by hand"],
)
def test_where_something_may_have_moved_the_history_is_asked_for(
    bookmark: Bookmark, options: SyncOptions, last_sync: str | None
) -> None:
    known = Known()
    check = known.check(bookmark, options, several=True, **({"lastSync": last_sync} if last_sync else {}))
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
    ("operations", "status", "asked"),
    [
        ({"c1": OWN}, GOOD, ["history of c1"]),
        ({"c1": ANOTHERS, "k1": OWN}, GOOD, ["history of c1", "history of k1"]),
        ({"c1": ANOTHERS}, replace(GOOD, certain=False), ["history of c1", "history of k1"]),
        ({}, replace(GOOD, certain=False), ["history of c1"]),
    ],
)
def test_the_status_beside_other_shops(
    operations: dict[str, list[Operation]], status: SyncStatus, asked: list[str]
) -> None:
    known = Known(operations=operations)
    check = known.check(several=True)
    assert check.status() == status
    assert known.asked == ["status", *asked]
    known.asked.clear()
    assert check.status_after() == status
    if status.certain:
        assert known.asked == asked, "its own operations tell: the company's status need not be asked for"
    else:
        assert known.asked == [*asked, "status", *asked]


def test_the_status_of_a_shop_that_stands_alone() -> None:
    known = Known()
    assert (known.check().status(), known.check().status_after()) == (GOOD, GOOD)
    assert known.asked == ["status", "status"]


@pytest.mark.parametrize(
    ("bookmark", "status", "several", "seen"),
    [
        (READ, GOOD, False, GOOD.mark),
        (READ, replace(GOOD, current="FetchError"), False, proof.JUST_FAILED + GOOD.mark),
        (READ, replace(GOOD, certain=False), False, None),
        (READ, GOOD, True, of_several(MOVED)),
        (READ, replace(GOOD, current="FetchError"), True, proof.JUST_FAILED + GOOD.mark),
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


BEGUN = Checkpoint("s", None, None, 5, 1, 9, "f", None, unstamped=False, started_at="t", asked_at="t")


def test_it_is_remembered_that_nothing_moved() -> None:
    check = Known().check(replace(TORN, checkpoint=BEGUN), several=True)
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
