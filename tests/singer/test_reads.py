"""`reads`: a row for each read that was proven complete."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.faults import Fault
from codat_mock.platforms import BY_KEY
from conftest import DATA_SETS, aged, batches

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run, Stage


def rows(run: Run, data_type: str = "commerce-orders", *, arrived: bool = False) -> list[dict[str, Any]]:
    """Return the rows of a data type: those of this run's reads, or those of the last run's that have arrived."""
    return [row for row in run.records["reads"] if (row["dataType"], row["arrived"]) == (data_type, arrived)]


def test_a_row_for_each_read_and_none_for_what_is_unchanged(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=30, platforms=(BY_KEY["fztf"],))
    connection = shops.world.connections()[0]
    began = datetime.now(UTC)
    first = shops.run(page_size=9).ok()
    assert sorted(row["dataType"] for row in first.records["reads"]) == sorted(DATA_SETS.values())
    (row,) = rows(first)
    assert (row["companyId"], row["connectionId"]) == (connection.company_id, connection.id)
    assert (row["full"], row["records"], row["total"]) == (True, 30, 30)
    assert began <= datetime.fromisoformat(row["startedAt"]) <= datetime.fromisoformat(row["endedAt"])
    status = next(r for r in first.records["data_status"] if r["dataType"] == "commerce-orders")
    assert (row["syncId"], row["syncedAt"]) == (status["latestSuccessfulSyncId"], status["lastSuccessfulSync"])
    extracted = [m["time_extracted"] for m in first.messages if m.get("stream") == "orders" and "record" in m]
    assert min(map(datetime.fromisoformat, extracted)) >= datetime.fromisoformat(row["startedAt"])
    (one,) = rows(first, "commerce-companyInfo")
    assert (one["full"], one["records"], one["total"]) == (True, 1, 1)

    unchanged = shops.run(state=first.state).ok()
    assert not any(rows(unchanged, data_type) for data_type in DATA_SETS.values())
    shops.world.stamp(3600)
    shops.world.sync(connection.company_id, connection.id, ("commerce-orders",), add=2)
    (second,) = shops.run(state=unchanged.state).ok().records["reads"]
    assert (second["full"], second["total"]) == (False, None)
    assert second["records"] >= 2
    assert second["startedAt"] > row["endedAt"]


def test_a_row_comes_again_once_its_records_have_arrived(stage: Callable[..., Stage]) -> None:
    """A target hands back a state when it has kept what came before: the next run begins with that, and tells it."""
    shops = stage(companies=2, connections=1, records=5)
    first = shops.run().ok()
    told = first.records["reads"]
    assert told
    assert not any(row["arrived"] for row in told)
    second = shops.run(state=first.state).ok()
    assert by_key(second.records["reads"]) == by_key([{**row, "arrived": True} for row in told])
    streams = [m["stream"] for m in second.messages if m["type"] == "RECORD"]
    assert streams[: len(told)] == ["reads"] * len(told), "it is the first that comes"
    assert not shops.run(state=second.state).ok().records["reads"]
    assert by_key(shops.run(state=first.state).ok().records["reads"]) == by_key(second.records["reads"]), (
        "the state of the second run was lost: it is said again"
    )


def test_of_a_data_set_that_is_not_selected_nothing_has_arrived_yet(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=5)
    first = shops.run().ok()
    second = shops.run(state=first.state, catalog=shops.catalog("orders", "reads")).ok()
    assert {row["dataType"] for row in second.records["reads"]} == {"commerce-orders"}
    third = shops.run(state=second.state).ok()
    assert {row["dataType"] for row in third.records["reads"]} == {*DATA_SETS.values()} - {"commerce-orders"}


def test_a_full_read_arrives_also_if_another_read_follows_in_its_run(stage: Callable[..., Stage]) -> None:
    """Otherwise nobody could tell, where each night's reads are refreshed and read again, what is gone."""
    shops = stage(companies=1, connections=1, records=5)
    shops.world.sync_seconds = 0.1
    chosen = shops.catalog("orders", "reads")
    first = shops.run(catalog=chosen, refresh_older_than_hours=1, sync_wait=60).ok()
    told = rows(first)
    assert [row["full"] for row in told] == [True, False]
    second = shops.run(catalog=chosen, state=first.state).ok()
    assert second.records["reads"] == [{**row, "arrived": True} for row in told]
    assert not shops.run(catalog=chosen, state=second.state).ok().records["reads"]


def test_a_read_that_was_interrupted_began_when_it_began_first(stage: Callable[..., Stage]) -> None:
    """Otherwise the rows that came before would look as if they were gone."""
    shops = stage(companies=1, connections=1, records=30, platforms=(BY_KEY["zsth"],))
    shops.gate.faults.append(Fault(path="commerce-orders", page=3, status=500, times=0))
    broken = shops.run(page_size=9, max_retries=0)
    assert broken.code == 1
    assert not rows(broken), "it was not proven"
    shops.gate.faults.clear()
    (row,) = rows(shops.run(page_size=9, state=broken.state).ok())
    extracted = [m["time_extracted"] for m in broken.messages if m.get("stream") == "orders" and "record" in m]
    assert extracted
    assert all(datetime.fromisoformat(row["startedAt"]) <= datetime.fromisoformat(time) for time in extracted)
    assert (row["full"], row["total"]) == (True, 30)


def test_a_row_is_out_before_its_bookmark_also_in_batches(stage: Callable[..., Stage], tmp_path: Path) -> None:
    run = stage(companies=1, connections=1, records=5).run(batch_config=batches(tmp_path, "jsonl")).ok()
    order = [m for m in run.messages if m.get("stream") in {"orders", "reads"} and m["type"] != "SCHEMA"]
    kinds = [(m["type"], m["stream"]) for m in order if m["stream"] == "orders" or m["record"] in rows(run)]
    assert kinds == [("BATCH", "orders"), ("RECORD", "reads")]


def test_it_may_be_left_out_and_stands_alone_with_its_data_sets(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=5)
    assert not shops.run(catalog=shops.catalog("orders")).ok().records["reads"]
    run = shops.run(catalog=shops.catalog("orders", "reads")).ok()
    assert set(run.records) == {"orders", "reads"}
    mapped = shops.run(stream_maps={"reads": {"syncId": None, "of": "'here'"}}).ok().records["reads"]
    assert mapped
    assert all("syncId" not in row and row["of"] == "here" for row in mapped)


def test_a_data_set_is_read_whole_when_it_is_time(stage: Callable[..., Stage]) -> None:
    """Days are counted from the last full read, whether or not there was a sync."""
    shops = stage(companies=1, connections=1, records=20)
    connection = shops.world.connections()[0]

    def night(state: dict[str, Any]) -> Run:
        shops.world.sync(connection.company_id, connection.id, ("commerce-orders",), add=1)
        return shops.run(state=state, full_read_every_days=7).ok()

    first = shops.run(full_read_every_days=7).ok()
    second = night(first.state)
    assert [row["full"] for row in rows(second)] == [False]
    third = night(aged(second.state, days=6, stream="orders"))
    assert [row["full"] for row in rows(third)] == [False]
    old = aged(third.state, days=2, stream="orders")
    unsynced = shops.run(state=old, full_read_every_days=7).ok()
    assert [(row["full"], row["total"]) for row in rows(unsynced)] == [(True, len(shops.held("commerce-orders")))]
    assert not unsynced.records["customers"], "its days are not over"
    assert not rows(shops.run(state=unsynced.state, full_read_every_days=7).ok())
    whole = night(old)
    assert [(row["full"], row["total"]) for row in rows(whole)] == [(True, len(shops.held("commerce-orders")))]
    assert [row["full"] for row in rows(night(whole.state))] == [False]
    assert "full_read" not in str(shops.run().ok().state), "nobody asks for it"


def test_what_left_the_cache_does_not_come_with_a_full_read(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=20)
    connection = shops.world.connections()[0]
    first = shops.run(full_read_every_days=7).ok()
    deleted = [r["id"] for r in first.records["orders"]][:3]
    shops.world.remove(connection, "commerce-orders", deleted[:2])  # the cache keeps the third
    shops.world.sync(connection.company_id, connection.id, ("commerce-orders",), add=1)
    whole = shops.run(state=aged(first.state, days=8), full_read_every_days=7).ok()
    (row,) = rows(whole)
    current = {m["record"]["id"] for m in whole.messages if m.get("stream") == "orders" and "record" in m}
    assert (row["full"], row["total"]) == (True, 19)
    assert set(deleted) - current == set(deleted[:2])


def test_of_a_connection_that_is_listed_no_more_nothing_is_left(stage: Callable[..., Stage]) -> None:
    """That is told once, as a full read of nothing; if the connection comes back, it is read whole."""
    shops = stage(companies=2, connections=2, records=5, extras=False)
    first = shops.run().ok()
    connection = shops.world.connections()[0]
    company = shops.world.companies[connection.company_id]
    of_it = {row["dataType"] for row in first.records["reads"] if row["connectionId"] == connection.id}

    def of_connection(run: Run, *, arrived: bool) -> list[dict[str, Any]]:
        return [r for r in run.records["reads"] if (r["connectionId"], r["arrived"]) == (connection.id, arrived)]

    gone = company.connections.pop(connection.id)
    second = shops.run(state=first.state).ok()
    told = of_connection(second, arrived=False)
    assert {row["dataType"] for row in told} == of_it
    assert all((row["full"], row["records"], row["total"], row["syncId"]) == (True, 0, 0, None) for row in told)
    soon = shops.run(state=second.state).ok()
    assert not of_connection(soon, arrived=True), "the list may be behind"
    shops.world.stamp(7200)
    third = shops.run(state=soon.state).ok()
    assert {(row["dataType"], row["records"]) for row in of_connection(third, arrived=True)} == {(t, 0) for t in of_it}
    assert not of_connection(third, arrived=False)
    assert not shops.run(state=third.state).ok().records["reads"]

    company.connections[connection.id] = gone
    back = shops.run(state=third.state).ok()
    assert {row["dataType"] for row in of_connection(back, arrived=False)} == of_it
    assert {r["connectionId"] for r in back.records["orders"]} == {connection.id}


def test_a_connection_that_a_list_lacked_once_is_not_gone(stage: Callable[..., Stage]) -> None:
    """It is listed again when that would be told as having arrived, and can't be read yet."""
    shops = stage(companies=1, connections=2, records=5, extras=False)
    first = shops.run().ok()
    connection = shops.world.connections()[0]
    company = shops.world.companies[connection.company_id]
    behind = company.connections.pop(connection.id)
    second = shops.run(state=first.state).ok()
    shops.world.stamp(7 * 3600)
    company.connections[connection.id] = behind
    (begun,) = shops.world.begin(company.id, connection.id, "commerce-orders", "Fetching")
    third = shops.run(state=second.state, sync_wait=0).ok()
    told = [r for r in third.records["reads"] if r["connectionId"] == connection.id]
    assert all(row["records"] for row in told if row["arrived"])
    assert not third.records["orders"]
    del company.connections[connection.id]
    once_more = shops.run(state=third.state).ok()
    told = [r for r in once_more.records["reads"] if r["connectionId"] == connection.id]
    assert [r["arrived"] for r in told if r["dataType"] == "commerce-orders"] == [False], "it was listed in between"
    company.connections[connection.id] = behind
    shops.world.finish(begun)
    shops.world.stamp(7 * 3600)
    shops.world.no_data = {"commerce-orders"}
    no_data = shops.run(state=third.state).ok()
    assert no_data.says("Codat says that it has no data, though it had some", "orders")
    assert not [r for r in no_data.records["reads"] if r["dataType"] == "commerce-orders" and not r["records"]]
    shops.world.no_data = set()
    last = shops.run(state=no_data.state).ok()
    assert len([r for r in last.records["orders"] if r["connectionId"] == connection.id]) == 5
    assert not [r for r in last.records["reads"] if r["arrived"] and not r["records"] and r["full"]]


@pytest.mark.parametrize("connections", [None, [], [{"id": 7}], "x"])
def test_a_list_of_connections_that_can_not_be_read_makes_none_of_them_gone(
    stage: Callable[..., Stage], connections: Any
) -> None:
    shops = stage(companies=1, connections=1, records=5, extras=False)
    state = shops.run().ok().state
    company = {"id": next(iter(shops.world.companies)), "dataConnections": connections}
    body = json.dumps({"results": [company], "totalResults": 1})
    shops.gate.faults.append(Fault("json", "/companies$", body=body))
    told = [row["records"] for row in shops.run(state=state).records["reads"] if not row["arrived"]]
    assert told == ([0] * len(told) if connections == [] else [])
    assert bool(told) is (connections == [])


def by_key(reads: list[dict[str, Any]]) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """Return rows by their key."""
    found = {(r["companyId"], r["connectionId"], r["dataType"], r["startedAt"]): r for r in reads}
    assert len(found) == len(reads)
    return found
