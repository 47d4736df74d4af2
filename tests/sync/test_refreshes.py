"""Syncs that a run queues: what may be refreshed, and when no more are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from conftest import client
from tap_codat_commerce.codat.errors import BadRequest, CodatError, Forbidden, NoAnswer, NotFound, UnderWay, WrongKey
from tap_codat_commerce.sync.company_selection import ConnectionRef
from tap_codat_commerce.sync.data_status import SyncStatus
from tap_codat_commerce.sync.outcome import Outcome
from tap_codat_commerce.sync.refreshes import A_FEW, ANOTHER, ASKED_FOR, Refresh, Refreshes
from tap_codat_commerce.sync.run_summary import RunSummary

GOOD = SyncStatus("Complete", "2026-03-02T10:00:00Z", "s1", "s1")
LATER = replace(GOOD, sync_id="s2")
SHOP = ConnectionRef("c1", "A", "k1", {"status": "Linked"}, several=False, number=0, index=0)


@dataclass
class Codat:
    """Takes what is queued, or refuses it; keeps what was asked for."""

    error: CodatError | None = None
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    begun: set[object] = field(default_factory=set)

    def refresh(self, company_id: str, connection_id: str, data_type: str, _: object) -> SimpleNamespace:
        self.asked.append((company_id, connection_id, data_type))
        if self.error:
            raise self.error
        return SimpleNamespace(id=f"sync {len(self.asked)}")

    def prefetch_refresh(self, *_: object) -> None:
        """Take it."""

    def withdraw(self, token: object) -> bool:
        return token not in self.begun

    def refreshes(self, hours: int | None = 1) -> Refreshes:
        return Refreshes(self, hours)  # type: ignore[arg-type]


def refresh(
    refreshes: Refreshes, name: str = "orders", shop: ConnectionRef = SHOP, summary: RunSummary | None = None
) -> Refresh:
    """Return that of a data set of a shop."""
    outcome = Outcome(name, shop, summary or RunSummary(client()))
    return Refresh(refreshes, shop, f"commerce-{name}", (1,), outcome)


@pytest.mark.parametrize(
    ("status", "linked", "hours", "due"),
    [
        (GOOD, "Linked", 1, True),
        (replace(GOOD, current="FetchError"), "Linked", 1, True),
        (replace(GOOD, current="AuthError"), "Linked", 1, False),
        (replace(GOOD, current="Fetching"), "Linked", 1, False),
        (replace(GOOD, last_good_sync="9999-01-01T00:00:00Z"), "Linked", 1, False),
        (GOOD, "Unlinked", 1, False),
        (GOOD, "Linked", None, False),
    ],
)
def test_what_may_be_refreshed(status: SyncStatus, linked: str, hours: int | None, *, due: bool) -> None:
    shop = replace(SHOP, details={"status": linked})
    assert refresh(Codat().refreshes(hours), shop=shop).is_due(status) is due


def test_each_is_tried_once_and_awaited_until_the_status_moves() -> None:
    codat = Codat()
    refreshes = codat.refreshes()
    orders, payments, customers = (refresh(refreshes, name) for name in ("orders", "payments", "customers"))
    for one in (orders, payments):
        assert one.is_due(GOOD)
        assert one.queue(GOOD)
        assert one.sync_id == f"sync {len(codat.asked)}"
        assert one.is_open
        assert not one.is_due(GOOD)
    assert codat.asked == [("c1", "k1", "commerce-orders"), ("c1", "k1", "commerce-payments")]
    assert [orders.is_awaited(GOOD) for _ in range(9)] == [True] * 9
    assert not payments.is_awaited(LATER)
    assert not payments.is_awaited(replace(GOOD, current="FetchError")), "without ids"
    assert not customers.is_awaited(GOOD)
    orders.end()
    customers.end()
    assert not orders.is_open
    assert not orders.is_due(GOOD)
    assert customers.is_due(GOOD)


def test_one_that_is_under_way_is_waited_for() -> None:
    one = refresh(Codat(UnderWay("under way", status=400)).refreshes())
    assert one.queue(GOOD)
    assert one.sync_id is None
    assert one.is_open
    assert one.is_awaited(GOOD)


def test_beside_other_shops_what_is_under_way_may_be_theirs_and_it_is_asked_for_again() -> None:
    codat = Codat(UnderWay("under way", status=400))
    one = refresh(codat.refreshes(), shop=replace(SHOP, several=True))
    for _ in range(3):
        assert one.is_due(GOOD)
        assert one.queue(GOOD)
        assert one.is_awaited(GOOD)
        assert one.awaits == ANOTHER
    codat.error = BadRequest("not offered", status=400)
    assert not one.queue(GOOD)
    assert not one.is_awaited(GOOD)
    codat.error = None
    assert one.queue(GOOD)
    assert one.sync_id == "sync 5"
    assert one.awaits == ASKED_FOR
    assert not one.is_due(GOOD)


@pytest.mark.parametrize(
    ("error", "times", "named"),
    [
        (NoAnswer("gone"), A_FEW, 11 * A_FEW),
        (Forbidden("no", status=403), A_FEW, 11 * A_FEW),
        (WrongKey("no", status=401), 1, 11),
        (NotFound("not there", status=404), 110, 110),
        (BadRequest("not offered", status=400), 110, 110),
    ],
)
def test_after_a_few_companies_in_trouble_no_more_are_asked_for(error: CodatError, times: int, named: int) -> None:
    """What speaks of one data set alone does not count. Of a company in trouble no others are asked for.

    What would end the run ends refreshes alone.
    """
    codat = Codat(error)
    refreshes = codat.refreshes()
    begun, offered = (refresh(refreshes, name, replace(SHOP, company_id="z")) for name in ("begun", "offered"))
    for one in (begun, offered):
        one.prefetch()
    codat.begun = {begun._token}  # noqa: SLF001
    summary = RunSummary(client())
    for number in range(110):
        one = refresh(refreshes, f"set {number}", replace(SHOP, company_id=f"c{number // 11}"), summary)
        if one.is_due(GOOD):
            assert not one.queue(GOOD)
            assert not one.is_open
            assert not one.is_awaited(GOOD)
    assert len(codat.asked) == times
    (reason,) = summary.findings.as_json().values()
    assert sum(map(len, reason.values())) == named
    assert refreshes.have_ended is (times < 110)
    assert summary.left_old == 110 - named
    codat.error = None
    assert begun.queue(GOOD), "its answer is waited for"
    assert offered.queue(GOOD) is not refreshes.have_ended
    refreshes.went_wrong(NoAnswer("gone"), "of one that was under way")
    assert refreshes.have_ended is (times < 110), "once and for all"


def test_what_one_company_was_asked_for_ahead_is_taken_back_when_it_is_in_trouble() -> None:
    codat = Codat()
    refreshes = codat.refreshes()
    failing, begun, offered = (refresh(refreshes, name) for name in ("orders", "payments", "products"))
    other = refresh(refreshes, shop=replace(SHOP, company_id="c2"))
    for one in (failing, begun, offered, other):
        one.prefetch()
    codat.begun = {failing._token, begun._token}  # noqa: SLF001
    codat.error = NoAnswer("gone")
    assert not failing.queue(GOOD)
    codat.error = None
    assert [one.queue(GOOD) for one in (begun, offered, other)] == [True, False, True]
    assert len(codat.asked) == 3


def test_one_that_is_queued_ends_the_row() -> None:
    codat = Codat()
    refreshes = codat.refreshes()
    for number in range(30):
        codat.error = None if number % A_FEW == 0 else NoAnswer("gone")
        refresh(refreshes, shop=replace(SHOP, company_id=f"c{number}")).queue(GOOD)
        assert refresh(refreshes, shop=replace(SHOP, company_id="another")).is_due(GOOD)
