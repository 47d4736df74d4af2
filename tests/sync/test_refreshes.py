"""Syncs that a run queues: what may be refreshed, and how long a refresh that does not show is waited for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tap_codat_commerce.codat.errors import CodatError, NoAnswer, UnderWay
from tap_codat_commerce.sync.company_selection import ConnectionRef
from tap_codat_commerce.sync.data_status import SyncStatus
from tap_codat_commerce.sync.refreshes import MOST_LAGS, Refreshes

GOOD = SyncStatus("Complete", "2026-03-02T10:00:00Z", "s1", "s1")
LATER = replace(GOOD, sync_id="s2")
SHOP = ConnectionRef("c1", "A", "k1", {"status": "Linked"}, several=False, number=0, index=0)


@dataclass
class Codat:
    """Takes what is queued, or refuses it; keeps what was asked for."""

    error: CodatError | None = None
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def refresh(self, *ids: str) -> None:
        company_id, connection_id, data_type = ids
        self.asked.append((company_id, connection_id, data_type))
        if self.error:
            raise self.error

    def refreshes(self, hours: int | None = 1) -> Refreshes:
        return Refreshes(self, hours)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "linked", "hours", "due"),
    [
        (GOOD, "Linked", 1, True),
        (replace(GOOD, current="FetchError"), "Linked", 1, True),
        (replace(GOOD, current="Fetching"), "Linked", 1, False),
        (replace(GOOD, last_good_sync="9999-01-01T00:00:00Z"), "Linked", 1, False),
        (GOOD, "Unlinked", 1, False),
        (GOOD, "Linked", None, False),
    ],
)
def test_what_may_be_refreshed(status: SyncStatus, linked: str, hours: int | None, *, due: bool) -> None:
    shop = replace(SHOP, details={"status": linked})
    assert Codat().refreshes(hours).are_due(shop, status) is due


def test_a_refresh_that_never_shows_is_believed_a_few_times() -> None:
    codat = Codat()
    refreshes = codat.refreshes()
    assert not refreshes.tried("orders")
    for key in ("orders", "payments"):
        refreshes.queue(key, SHOP, f"commerce-{key}", GOOD)
        assert refreshes.tried(key)
    assert codat.asked == [("c1", "k1", "commerce-orders"), ("c1", "k1", "commerce-payments")]
    awaited = [refreshes.are_awaited("orders", GOOD) for _ in range(MOST_LAGS + 2)]
    assert awaited == [True] * MOST_LAGS + [False] * 2
    assert refreshes.are_awaited("payments", GOOD)
    assert not refreshes.are_awaited("payments", LATER)


def test_one_that_is_under_way_is_waited_for() -> None:
    refreshes = Codat(UnderWay("under way", status=400)).refreshes()
    refreshes.queue("orders", SHOP, "commerce-orders", GOOD)
    assert refreshes.tried("orders")
    assert refreshes.are_awaited("orders", GOOD)


def test_one_that_could_not_be_queued_is_neither_waited_for_nor_tried_again() -> None:
    refreshes = Codat(NoAnswer("gone")).refreshes()
    with pytest.raises(NoAnswer):
        refreshes.queue("orders", SHOP, "commerce-orders", GOOD)
    assert refreshes.tried("orders")
    assert not refreshes.are_awaited("orders", GOOD)
