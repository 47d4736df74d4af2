"""The state that a run is given: gone on from, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.platforms import BY_KEY
from tap_codat_commerce.records import dates

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

ORDERS = "commerce-orders"
SHOPIFY = (BY_KEY["fztf"],)
PARTITION = {"context": {"companyId": "a", "connectionId": "b"}, "sync_id": "s"}


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ({"bookmarks": []}, "state: it is no state of this tap, as it has no object 'bookmarks'"),
        ({"value": {"bookmarks": {}}}, "state: it is no state of this tap"),
        ({"bookmarks": {"users": {}}}, "state: it has a bookmark of 'users', which is no stream of this tap"),
        ({"bookmarks": {"orders": []}}, "state: the bookmarks of 'orders' are damaged"),
        ({"bookmarks": {"orders": {"partitions": {}}}}, "are damaged ('partitions' is no list)"),
        ({"bookmarks": {"orders": {"partitions": ["x"]}}}, "state: the bookmarks of 'orders' are damaged"),
        ({"bookmarks": {"orders": {"partitions": [{"context": {"id": "a"}}]}}}, "(a partition's context is not of"),
        ({"bookmarks": {"orders": {"partitions": [PARTITION, PARTITION]}}}, "(two partitions are of connection b)"),
        ({"bookmarks": {"orders": {"partitions": [{**PARTITION, "sync_id": 5}]}}}, "('sync_id' is no text)"),
        (
            {"bookmarks": {"orders": {"partitions": [{**PARTITION, "replication_key_value": "soon"}]}}},
            "state: the bookmarks of 'orders' are damaged (Invalid isoformat string: 'soon')",
        ),
    ],
)
def test_a_damaged_or_foreign_state_is_refused(stage: Callable[..., Stage], state: dict[str, Any], line: str) -> None:
    shops = stage(companies=1)
    run = shops.run(state=state)
    assert run.code == 1
    assert len(run.problems) == 1
    assert line in run.problems[0]
    assert "Give the state that this tap wrote last, or none to read everything." in run.problems[0]
    assert shops.requests() == []


@pytest.mark.parametrize("state", [{}, {"bookmarks": {}}, {"bookmarks": {"orders": {}}}])
def test_an_empty_state_is_a_first_run(stage: Callable[..., Stage], state: dict[str, Any]) -> None:
    assert len(stage(companies=1).run(state=state).ok().records["orders"]) == 12


@pytest.mark.parametrize("spelled", ["{}+00:00", "{}Z", "{}.000000Z", "{}"])
def test_bookmarks_of_the_plain_sdk_are_gone_on_from(stage: Callable[..., Stage], spelled: str) -> None:
    shops = stage(companies=1, connections=1, records=6, extras=False, platforms=SHOPIFY)
    connection = shops.world.connections()[0]
    shops.world.sync(connection.company_id, connection.id, restamp=2)
    stamp = max(r["modifiedDate"] for r in connection.data[ORDERS].records.values()).removesuffix("Z")
    partition = {
        "context": {"companyId": connection.company_id, "connectionId": connection.id},
        "replication_key": "modifiedDate",
        "replication_key_value": spelled.format(stamp),
        "starting_replication_value": None,
        "progress_markers": {"Note": "Progress is not resumable if interrupted."},
    }
    run = shops.run(state={"bookmarks": {"orders": {"partitions": [partition]}}}).ok()
    assert len(run.records["orders"]) == 2
    assert len(run.records["customers"]) == 6


READINGS: dict[str, Any] = {
    "of the version before": {
        "sync_id": "s",
        "last_sync": None,
        "since": None,
        "order": "modifiedDate",
        "page_size": 5,
        "page": 2,
        "fingerprint": "0123456789abcdef",
        "latest": "2026-01-31T06:00:00.000000Z",
    },
    "of a later one": {"anything": 1},
    "no object": 7,
    "a page that is none": {
        "sync_id": "s",
        "latest_sync_id": "s",
        "query": None,
        "page_size": 5,
        "page": -1,
        "total": 12,
        "fingerprint": "0123456789abcdef",
        "latest": None,
        "unstamped": False,
    },
}


@pytest.mark.parametrize("reading", READINGS)
def test_an_unfinished_read_that_is_not_understood_is_begun_anew(stage: Callable[..., Stage], reading: str) -> None:
    shops = stage(companies=1, connections=1, records=12, extras=False, platforms=SHOPIFY)
    connection = shops.world.connections()[0]
    context = {"companyId": connection.company_id, "connectionId": connection.id}
    state = {"bookmarks": {"orders": {"partitions": [{"context": context, "reading": READINGS[reading]}]}}}
    run = shops.run(state=state, page_size=5).ok()
    assert len(run.records["orders"]) == 12
    assert "reading" not in run.state["bookmarks"]["orders"]["partitions"][0]


def test_bookmarks_of_the_version_before_are_gone_on_from(stage: Callable[..., Stage]) -> None:
    """With a stamp of six digits, and `last_sync` where there are several shops."""
    shops = stage(companies=1, connections=2, records=12, extras=False, platforms=SHOPIFY)
    first = shops.run().ok()
    for partition in (p for s in first.state["bookmarks"].values() for p in s.get("partitions", [])):
        partition.pop("seen", None)
        partition.pop("read", None)
        partition["last_sync"] = "2026-01-31T06:00:00.000000Z"
        if "replication_key_value" in partition:
            partition["replication_key_value"] = partition["replication_key_value"][:-2] + "Z"
    shops.requests()
    second = shops.run(state=first.state).ok()
    assert not second.records["orders"]
    assert [p.rpartition("/")[2] for p in shops.requests()] == ["companies", "dataStatus", "history"]
    assert "last_sync" not in second.state["bookmarks"]["orders"]["partitions"][0]
    shops.run(state=second.state).ok()
    assert [p.rpartition("/")[2] for p in shops.requests()] == ["companies", "dataStatus"]


@pytest.mark.parametrize("stamp", ["2206-01-31T00:00:00.0000000Z", "9999-12-31T23:59:59.0000000Z"])
def test_a_bookmark_after_the_sync_that_it_is_of_is_not_believed(stage: Callable[..., Stage], stamp: str) -> None:
    shops = stage(companies=1, connections=1, records=12, extras=False)
    first = shops.run(page_size=5).ok()
    for partition in first.state["bookmarks"]["orders"]["partitions"]:
        partition["replication_key_value"] = stamp
        partition["read"][0] = round(1000 * dates.seconds(stamp))
    shops.world.sync(next(iter(shops.world.companies)), add=1)
    second = shops.run(state=first.state).ok()
    assert len(second.records["orders"]) == 13
    assert second.state["bookmarks"]["orders"]["partitions"][0]["replication_key_value"] < "2100"
