"""The pre-sync check: what each status leads to, alone and after an earlier good sync."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.faults import Fault
from conftest import DATA_SETS
from tap_codat_commerce.sync.data_status import STATUSES as KNOWN
from tap_codat_commerce.sync.data_status import Action, Kind, SyncStatus, judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

ORDERS = "commerce-orders"
UNDER_WAY = {s for s, kind in KNOWN.items() if kind is Kind.UNDER_WAY}
FAILED = {s for s, kind in KNOWN.items() if kind is Kind.FAILED}
STATUSES = [*sorted(UNDER_WAY), "Complete", "NotSupported", *sorted(FAILED), None, "Pondering"]


def expected(status: str | None, *, after_good: bool) -> tuple[bool, str]:
    """Return whether the data is read, and what the log says of it."""
    if status == "Complete" or (status is None and after_good):
        return True, ""
    if status in UNDER_WAY:
        return False, f"Not ready: the sync is under way ({status}). Run again when it is complete, or raise sync_wait."
    if status == "NotSupported":
        return False, ""
    if status is None:
        return False, "Not ready: never synced. `codat-commerce refresh COMPANY` queues a sync now"
    if status not in FAILED:
        return False, f"Not ready: the status '{status}' is unknown to this version. Look for a newer version."
    if after_good:
        return True, f"Stale: the latest sync failed ({status}). "
    return False, f"Not ready: the first sync failed ({status}). "


NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("synced", "hours", "older"),
    [
        ("2026-03-02T09:59:59Z", 2, True),
        ("2026-03-02T10:00:00Z", 2, False),
        ("2026-03-02T10:00:01Z", 2, False),
        ("2026-03-02T09:59:59Z", None, False),
        ("2020-03-02T09:59:59Z", 0, False),
        ("0001-01-01T00:00:00", 2, False),
        ("yesterday", 2, False),
        (None, 2, False),
    ],
)
def test_what_is_older_than_so_many_hours(synced: str | None, hours: int | None, *, older: bool) -> None:
    assert SyncStatus("Complete", synced).older_than(hours, NOW) is older


@pytest.mark.parametrize(
    ("status", "has_data"),
    [
        (SyncStatus("Complete"), True),
        (SyncStatus("FetchError", "2026-03-02T10:00:00Z"), True),
        (SyncStatus("FetchError", good_sync_id="s1"), True),
        (SyncStatus("FetchError", sync_id="s1"), False),
        (SyncStatus(), False),
    ],
)
def test_what_was_ever_synced_well(status: SyncStatus, *, has_data: bool) -> None:
    assert status.has_data is has_data


@pytest.mark.parametrize("other", ["current", "last_good_sync", "sync_id", "good_sync_id"])
def test_the_mark_of_a_status_tells_of_syncs(other: str) -> None:
    status = SyncStatus("Complete", "2026-03-02T10:00:00Z", "s2", "s1")
    changes: dict[str, Any] = {other: "Fetching"}
    assert (replace(status, **changes).mark == status.mark) is (other == "current")


@pytest.mark.parametrize("unchanged", [False, True])
@pytest.mark.parametrize(
    ("status", "action", "reason", "stale_since"),
    [
        (SyncStatus("Fetching", "2026-03-02T10:00:00Z"), Action.WAIT, "the sync is under way (Fetching)", None),
        (SyncStatus("Complete"), Action.READ, "", None),
        (SyncStatus("FetchError", certain=False), Action.READ, "", None),
        (SyncStatus("NotSupported", good_sync_id="s1"), Action.READ, "", None),
        (SyncStatus("NotSupported"), Action.NOT_SUPPORTED, "the platform does not offer it", None),
        (SyncStatus("FetchError", "T"), Action.READ, "the latest sync failed (FetchError)", "T"),
        (
            SyncStatus("FetchError", None, "s2", "s1"),
            Action.READ,
            "the latest sync failed (FetchError)",
            "an unknown time",
        ),
        (SyncStatus("FetchError"), Action.NOT_READY, "the first sync failed (FetchError)", None),
        (SyncStatus(), Action.NOT_READY, "never synced", None),
        (SyncStatus(last_good_sync="2026-03-02T06:00:00Z", good_sync_id="s1"), Action.READ, "", None),
        (SyncStatus("Odd"), Action.NOT_READY, "the status 'Odd' is unknown to this version", None),
    ],
)
def test_what_is_done_with_a_data_set(
    status: SyncStatus, action: Action, reason: str, stale_since: str | None, *, unchanged: bool
) -> None:
    found = judge(status, unchanged=unchanged, alone=True)
    assert found.action is (Action.UNCHANGED if unchanged and action is Action.READ else action)
    assert (found.reason, found.stale_since) == (reason, stale_since)
    assert bool(found.advice) is (bool(stale_since) or action is Action.NOT_READY)


@pytest.mark.parametrize("after_good", [False, True], ids=["alone", "after a good sync"])
@pytest.mark.parametrize("status", STATUSES)
def test_each_status(stage: Callable[..., Stage], status: str | None, *, after_good: bool) -> None:
    shops = stage(companies=1, connections=1, extras=False)
    company = next(iter(shops.world.companies))
    shops.world.set_status(company, ORDERS, status, after_good=after_good)
    run = shops.run(catalog=shops.catalog("orders", "customers"), sync_wait=0).ok()
    read, line = expected(status, after_good=after_good)

    assert bool(run.records["orders"]) is read
    assert len(run.records["customers"]) == 12, "the rest is read whatever happens to one"
    said = run.problems
    assert len(said) == bool(line)
    place = f"(company {company}), Shopify (connection {shops.world.connections()[0].id}): orders"
    assert all(entry.startswith(line) and place in entry for entry in said)
    assert bool(said and "orders since 20" in said[0]) is (read and bool(line))
    if status == "NotSupported" and not after_good:
        assert "not supported 1" in run.log
    if status == "AuthError":
        assert "`codat-commerce status --links` shows the link" in said[0]
    if status == "NotSupported" and after_good:
        assert len(shops.requests(ORDERS)) == 1, "it may be said of another connection: the data set itself is asked"
    elif not read:
        assert shops.requests(ORDERS) == []
        assert "orders" not in run.state["bookmarks"] or not run.state["bookmarks"]["orders"]


@pytest.mark.parametrize(("status", "outcome"), [(409, "not ready"), (404, "not supported")])
def test_a_data_set_that_answers_so_is_not_ready(stage: Callable[..., Stage], status: int, outcome: str) -> None:
    shops = stage(companies=1, connections=1)
    message = "Datatype [x] not supported by platform(s) [y]"
    shops.gate.faults.append(Fault(path=ORDERS, status=status, message=message, times=0))
    run = shops.run().ok()
    assert run.records["orders"] == []
    assert len(run.records["payments"]) == 12
    assert run.says("Not ready: Codat answered 409. Queue a refresh", ": orders.") is (status == 409)
    assert f"{outcome} 1" in run.log
    assert len(shops.requests(ORDERS)) == 1


@pytest.mark.parametrize("broken", ["cut", "silent", "long"])
def test_so_it_is_where_that_answer_is_broken_off_once_or_long(stage: Callable[..., Stage], broken: str) -> None:
    """The status alone does not tell whether it is a failure."""
    shops = stage(companies=1, connections=1)
    told = '{"error": "Datatype [x] not supported by platform(s) [y]", "statusCode": 404}'
    body = told + " " * 40_000 if broken == "long" else told[:20]
    head = f"HTTP/1.1 404 Not Found\r\nContent-Length: {max(len(body), len(told))}\r\nConnection: close\r\n\r\n"
    more = {"piece": " ", "seconds": 5} if broken == "silent" else {}
    shops.gate.faults.append(Fault("raw", path=ORDERS, body=head + body, **more))  # type: ignore[arg-type]
    shops.gate.faults.append(Fault(path=ORDERS, status=404, message="Datatype [x] not supported by platform(s) [y]"))
    run = shops.run(request_timeout=1, max_retry_wait=0).ok()
    assert "not supported 1" in run.log


def test_no_data_available_is_nothing_there(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=20, extras=False)
    shops.world.no_data = {ORDERS, "commerce-locations", "commerce-companyInfo"}
    shops.world._behind = timedelta()  # noqa: SLF001 - it is a day after the sync now
    first = shops.run(page_size=7).ok()
    assert not any(first.records[s] for s in ("orders", "locations", "company_info"))
    assert first.problems == []
    rows = {r["dataType"]: (r["full"], r["records"], r["total"]) for r in first.records["reads"]}
    assert {rows[t] for t in shops.world.no_data} == {(True, 0, 0)}
    shops.requests()
    assert shops.run(state=first.state).ok().problems == []
    assert shops.requests("/data/") == [], "what is proven is not asked for again"
    company = next(iter(shops.world.companies))
    shops.world.no_data = set()
    shops.world.sync(company, add=1)
    third = shops.run(state=first.state).ok()
    assert len(third.records["orders"]) == 21, "the bookmark stands before the first record"
    shops.world.no_data = {ORDERS}
    shops.world.sync(company, add=2)
    fourth = shops.run(state=third.state).ok()
    assert fourth.says("Not ready: Codat says that it has no data, though it had some")
    told = {r["dataType"] for r in fourth.records["reads"] if not r["arrived"]}
    assert ORDERS not in told, "so that no row counts as gone"
    shops.world.no_data = set()
    shops.world.sync(company, add=1)
    came = third.records["orders"] + shops.run(state=fourth.state).ok().records["orders"]
    assert {r["id"] for r in came} == {i for _, _, i in shops.held(ORDERS)}, "and stays where it was"


def test_no_data_is_not_believed_soon_after_a_sync(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=0, extras=False)
    shops.world.sync(next(iter(shops.world.companies)), data_types=(ORDERS,), add=20)
    shops.world.no_data = {ORDERS}
    first = shops.run().ok()
    assert first.problems == []
    shops.world.no_data = set()
    assert len(shops.run(state=first.state).ok().records["orders"]) == 20, "by the same sync"


def test_no_data_available_is_no_end_of_a_read_that_has_begun(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=20, extras=False)
    message = f"No data available for {ORDERS} for ID e5889b45"
    shops.gate.faults.append(Fault(path=ORDERS, page=3, status=404, message=message, times=0))
    first = shops.run(page_size=7, catalog=shops.catalog("orders"))
    assert first.code == 1
    shops.gate.faults[:] = [Fault(path=ORDERS, page=2, status=404, message=message)]
    again = shops.run(page_size=7, state=first.state, catalog=shops.catalog("orders")).ok()
    assert len({r["id"] for r in again.records["orders"]}) == 20, "what was read in part is read from its first page"


def test_links_are_in_no_log(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1)
    shops.world.set_status(next(iter(shops.world.companies)), ORDERS, "AuthError", after_good=True)
    run = shops.run(env={"TAP_CODAT_COMMERCE_LOGLEVEL": "debug"}).ok()
    assert all("?otp=" in r["linkUrl"] for r in run.records["connections"])
    assert all("?otp=" in r["redirect"] for r in run.records["companies"])
    assert "shows the link" in run.log
    assert "otp=" not in run.log
    assert "/link/" not in run.log


def test_data_status_tells_how_fresh_the_data_is(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1)
    company = next(iter(shops.world.companies))
    shops.world.set_status(company, ORDERS, "AuthError", after_good=True)
    shops.world.set_status(company, "commerce-disputes", None, after_good=False)
    rows = {r["dataType"]: r for r in shops.run().ok().records["data_status"]}
    assert len(rows) == len(DATA_SETS)
    assert rows[ORDERS]["currentStatus"] == "AuthError"
    assert rows[ORDERS]["latestSyncId"] != rows[ORDERS]["latestSuccessfulSyncId"]
    assert rows[ORDERS]["lastSuccessfulSync"].endswith("Z")
    assert rows["commerce-disputes"] == {"companyId": company, "dataType": "commerce-disputes"}
    assert len(shops.requests("dataStatus")) == 2, "before its data sets are read, and after"


def test_409_without_a_word_of_codats_is_a_failure(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1)
    shops.gate.faults.append(Fault("raw", ORDERS, body="HTTP/1.0 409 Conflict\r\n\r\n<html>Try later</html>", times=0))
    run = shops.run()
    assert run.code == 1
    assert run.says("answered 409", "is api_url right?")


@pytest.mark.parametrize("status", [429, 503])
def test_words_of_a_refresh_change_nothing_elsewhere(stage: Callable[..., Stage], status: int) -> None:
    shops = stage(companies=1, connections=1)
    shops.gate.faults.append(Fault(path=ORDERS, status=status, message="DatasetAlreadyInProgress", times=1))
    assert len(shops.run(max_retry_wait=1).ok().records["orders"]) == 12


@pytest.mark.parametrize("answer", [{}, {"message": "Please log in"}, {"results": [], "totalResults": 0}])
def test_an_object_that_is_no_shop_is_not_taken_for_one(stage: Callable[..., Stage], answer: dict[str, Any]) -> None:
    shops = stage(companies=1, connections=1)
    shops.gate.faults.append(Fault("json", "commerce-info", body=json.dumps(answer), times=0))
    run = shops.run()
    assert run.code == 1
    assert not run.records["company_info"]
    assert run.says("company_info of ", "none of the fields")
    shops.gate.faults.clear()
    assert len(shops.run(state=run.state).ok().records["company_info"]) == 1


def test_not_supported_by_an_accounting_connection_hides_no_sync_of_the_shop(stage: Callable[..., Stage]) -> None:
    """The company's latest operation is the accounting connection's; the shop's first sync is still under way."""
    shops = stage(companies=1, connections=1, records=5, extras=False)
    world, (shop,) = shops.world, shops.world.connections()
    company = world.companies[shop.company_id]
    ledger = world.connect(company.id, "gbol", status="Linked")
    world.set_status(company.id, "commerce-orders", "Fetching", after_good=False)
    (sync,) = (o for o in company.operations if o.data_type == "commerce-orders")
    company.operations.append(replace(sync, id=world.uuid(), connection_id=ledger.id, status="NotSupported"))
    run = shops.run(on_not_ready="fail", sync_wait=0)
    assert run.code == 1
    assert "Not ready: Codat answered 409" in run.log
    world.finish(sync, add=7)
    assert len(shops.run(state=run.state).ok().records["orders"]) == 5 + 7


@pytest.mark.parametrize(("alone", "action"), [(True, Action.NOT_SUPPORTED), (False, Action.READ)])
def test_that_a_platform_has_no_such_data_is_believed_of_a_lone_connection(action: Action, *, alone: bool) -> None:
    """Of any other company the data set itself is asked: the status may be that of an accounting connection."""
    assert judge(SyncStatus("NotSupported"), unchanged=False, alone=alone).action is action
