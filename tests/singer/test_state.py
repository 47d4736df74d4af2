"""State: only complete reads move a bookmark, and the next run asks for no more than what is new."""

from __future__ import annotations

import copy
import json
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from singer_sdk.singerlib.encoding.simple import StateMessage

from codat_mock.faults import Fault
from codat_mock.platforms import BY_KEY
from conftest import API_KEY, Meanwhile
from tap_codat_commerce.singer import messages
from tap_codat_commerce.singer.bookmarks import Bookmarks
from tap_codat_commerce.singer.messages import SECONDS_BETWEEN_STATES, LosslessWriter, StateWriter
from tap_codat_commerce.sync import pending_syncs
from tap_codat_commerce.sync.bookmark import Bookmark
from tap_codat_commerce.sync.proof import mark_of
from tap_codat_commerce.tap import TapCodatCommerce

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_sdk.helpers.types import TapState
    from singer_sdk.singerlib.encoding.simple import Message

    from conftest import Run, Stage


def state(value: dict[str, Any]) -> TapState:
    """Return any value as a state."""
    return cast("TapState", value)


CONTEXT = {"companyId": "a", "connectionId": "b"}


def bookmarks(tap_state: dict[str, Any]) -> Bookmarks:
    """Return the bookmarks of a stream in a state."""
    return Bookmarks("orders", tap_state)


def test_the_second_run_reads_what_changed_and_nothing_else(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=3, connections=2, records=20)
    state = shops.run().ok().state
    connection = shops.world.connections()[3]
    shops.world.sync(connection.company_id, connection.id, ("commerce-orders",), restamp=3, add=2)
    shops.requests()

    run = shops.run(state=state).ok()
    held = connection.data["commerce-orders"].records
    came = [(r["connectionId"], r["id"]) for r in run.records["orders"]]
    changed = [(connection.id, record_id) for record_id in list(held)[-5:]]
    assert set(came) >= set(changed)
    assert {c for c, _ in came} == {connection.id}, "the other shop's own status tells that it is unchanged"
    assert not any(run.records[s] for s in ("customers", "products", "transactions", "company_info", "locations"))
    queries = [a.query["query"] for a in shops.gate.asked if a.path.endswith("commerce-orders")]
    assert len(queries) == 1
    assert all(q.startswith("modifiedDate>=20") and q.endswith("Z") for q in queries)


def test_bookmarks_have_one_form_and_hold_the_sync(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=2)
    for stream, state in shops.run().ok().state["bookmarks"].items():
        for partition in state.get("partitions", []):
            assert set(partition["context"]) == {"companyId", "connectionId"}
            assert partition["sync_id"]
            if stream not in {"company_info", "locations"} and "replication_key_value" in partition:
                assert len(partition["replication_key_value"]) == len("2026-01-31T06:00:00.0000000Z")
                assert partition["replication_key"] == "modifiedDate"


def test_only_data_sets_that_were_read_are_in_the_state(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1)
    company = next(iter(shops.world.companies))
    shops.world.set_status(company, "commerce-orders", "FetchError", after_good=False)
    found = shops.run().ok().state["bookmarks"]
    assert not found.get("orders")
    assert all("partitions" not in found.get(s, {}) for s in ("companies", "connections", "data_status"))


def test_a_read_that_broke_off_leaves_its_bookmark_and_is_gone_on_with(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=30, platforms=(BY_KEY["zsth"],))
    shops.gate.faults.append(Fault(path="commerce-orders", page=3, status=500, times=0))
    run = shops.run(page_size=9, max_retries=0)
    assert run.code == 1
    assert len(run.records["orders"]) == 18
    assert not stamps(run, "orders")

    shops.gate.faults.clear()
    whole = shops.run(page_size=9, state=run.state).ok()
    both = run.records["orders"] + whole.records["orders"]
    assert {r["id"] for r in both} == {key[2] for key in shops.held("commerce-orders")}
    assert len(both) == 30, "it goes on at the page where it broke off"
    assert stamps(whole, "orders")
    assert whole.records["customers"] == [], "what was complete before is not read again"


def stamps(run: Run, stream: str) -> list[str]:
    """Return the bookmarks of a stream."""
    partitions = run.state["bookmarks"].get(stream, {}).get("partitions", [])
    return [p["replication_key_value"] for p in partitions if "replication_key_value" in p]


@pytest.mark.parametrize(
    "found",
    [
        pytest.param({"restamp": 5}, id="records of the first page move to the end: fewer ids than promised"),
        pytest.param({"remove": 1, "add": 1}, id="one went and one came: only the sync tells"),
        pytest.param({"remove": 1}, id="one went"),
    ],
)
def test_a_read_during_which_a_sync_took_place_is_done_again(
    stage: Callable[..., Stage], found: dict[str, int]
) -> None:
    shops = stage(companies=1, connections=1, records=30)
    connection = shops.world.connections()[0]
    orders = ("commerce-orders",)
    shops.gate.faults.append(
        Meanwhile(
            lambda: shops.world.sync(connection.company_id, connection.id, orders, **found),
            path="commerce-orders",
            page=2,
        )
    )
    run = shops.run(page_size=10, catalog=shops.catalog("orders")).ok()
    assert "Read again, as " in run.log
    assert set(connection.data["commerce-orders"].records) <= {r["id"] for r in run.records["orders"]}
    assert run.state["bookmarks"]["orders"]["partitions"][0]["sync_id"]


def test_companies_that_come_and_go_while_they_are_listed(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=9, connections=0)
    first = next(iter(shops.world.companies))
    shops.gate.faults.append(Meanwhile(lambda: shops.world.companies.pop(first), path="/companies$", page=2))
    run = shops.run(page_size=3).ok()
    assert {r["id"] for r in run.records["companies"]} == set(shops.world.companies)


@pytest.mark.parametrize(("status", "code"), [(404, 1), (409, 0)])
def test_a_data_set_that_goes_away_between_two_pages_leaves_its_bookmark(
    stage: Callable[..., Stage], status: int, code: int
) -> None:
    shops = stage(companies=1, connections=1, records=15)
    message = "Datatype [x] not supported by platform(s) [y]"
    shops.gate.faults.append(Fault(path="commerce-orders", page=2, status=status, message=message, times=0))
    run = shops.run(page_size=10)
    assert run.code == code
    connection = shops.world.connections()[0]
    assert run.says("orders", f"(connection {connection.id})")
    assert len(run.records["orders"]) == 10
    assert len(run.records["payments"]) == 15
    assert not stamps(run, "orders")


@pytest.mark.parametrize("stream", ["orders", "locations"])
def test_fewer_records_than_promised_leave_the_bookmark(stage: Callable[..., Stage], stream: str) -> None:
    shops = stage(companies=1, connections=1)
    page = {"results": [{"id": "1", "modifiedDate": "2026-01-31T06:00:00Z"}], "totalResults": 2, "_links": {}}
    shops.gate.faults.append(Fault("json", f"commerce-{stream}", body=json.dumps(page), times=0))
    run = shops.run()
    assert run.code == 1
    assert run.says(f"{stream} of ", "as 1 different records came, but the answers spoke of 2")
    assert run.problems[-1].startswith("1 data set failed (see above).")
    assert len(shops.requests(f"commerce-{stream}")) >= 3
    assert not stamps(run, stream)
    assert len(run.records["payments"]) == 12


def test_a_state_of_plain_sdk_bookmarks_is_gone_on_from(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=10)
    state = shops.run().ok().state
    for partition in (p for s in state["bookmarks"].values() for p in s.get("partitions", [])):
        del partition["sync_id"]
    run = shops.run(state=state, page_size=1000).ok()
    assert len(run.records["orders"]) >= 1, "the record at the bookmark comes again"
    assert run.state["bookmarks"]["orders"]["partitions"][0]["sync_id"]


def test_the_state_of_the_version_before_is_gone_on_from(stage: Callable[..., Stage]) -> None:
    """It bound nothing, and knew of reads of several pages only when they were; nothing is read twice."""
    shops = stage(companies=1, connections=2, records=10)
    shops.world.stamp(7200)
    state = shops.run().ok().state
    for partition in (p for s in state["bookmarks"].values() for p in s.get("partitions", [])):
        old = Bookmarks("any", {"bookmarks": {"any": {"partitions": [partition]}}}).find(partition["context"])
        times = {"read_from": old.read.asked_at, "read_until": old.read.looked_at} if old.read else {}
        partition.update({"seen": mark_of(old), **({"exclusive": True} if old.exclusive else {}), **times})
        del partition["read"]
    shops.requests()
    run = shops.run(state=state).ok()
    assert [p.rpartition("/")[2] for p in shops.requests()] == ["companies", "dataStatus"]
    assert not run.records["reads"], "nobody knows what it told"
    connection = shops.world.connections()[0]
    shops.world.stamp(3600)
    shops.world.sync(connection.company_id, connection.id, ("commerce-orders",), add=2)
    new = shops.run(state=state).ok()
    assert len(new.records["orders"]) == 2
    (read,) = new.records["reads"]
    assert (read["full"], read["arrived"]) == (False, False)


def test_state_is_written_at_the_end_and_seldom_before(stage: Callable[..., Stage]) -> None:
    run = stage(companies=20, connections=2, records=2).run().ok()
    assert len([m for m in run.messages if m["type"] == "STATE"]) <= 2
    assert run.messages[-1]["type"] == "STATE"


def test_the_state_goes_out_while_syncs_are_waited_for(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait may take hours, and a machine may be taken away meanwhile; but the same is not written again."""
    shops = stage(companies=2, connections=1)
    first, second = shops.world.connections()
    shops.world.begin(second.company_id, second.id, "commerce-orders")
    now = time.monotonic()
    states: list[Any] = []

    def pause(seconds: float) -> None:
        nonlocal now
        now += seconds

    class Counting(LosslessWriter):
        """Keeps states, and counts all else."""

        def write_message(self, message: Message) -> None:
            self.written += 1
            if isinstance(message, StateMessage):
                states.append(copy.deepcopy(cast("Any", message.value)["bookmarks"]["orders"]["partitions"]))

        def _write(self, *texts: bytes | bytearray, flush: bool = False) -> None:
            self.written += bool(texts)

    monkeypatch.setattr(pending_syncs, "time", SimpleNamespace(sleep=pause, monotonic=lambda: now))
    monkeypatch.setattr(messages, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(TapCodatCommerce, "_setup_signal_handlers", lambda _: None)
    config = {"api_key": API_KEY, "api_url": shops.url, "sync_wait": 300}
    TapCodatCommerce(config=config, message_writer=Counting()).sync_all()
    before, after = states
    assert [p["context"]["connectionId"] for p in before] == [first.id]
    assert before == after


def test_bookmarks_are_found_and_moved() -> None:
    state: dict[str, Any] = {}
    some = bookmarks(state)
    assert some.find(CONTEXT) == Bookmark()
    assert not state.get("bookmarks", {}).get("orders"), "to look for one does not make one"
    some.move(CONTEXT, Bookmark("2026-01-31T06:00:00.0000000Z", sync_id="sync"))
    some.move({**CONTEXT, "connectionId": "c"}, Bookmark())
    assert some.find(CONTEXT) == bookmarks(copy.deepcopy(state)).find(CONTEXT)
    assert state["bookmarks"]["orders"]["partitions"][0]["sync_id"] == "sync"
    some.move(CONTEXT, Bookmark("2026-02-01T06:00:00.0000000Z"))
    assert some.find(CONTEXT) == Bookmark("2026-02-01T06:00:00.0000000Z", is_new=False)
    assert len(state["bookmarks"]["orders"]["partitions"]) == 2


def test_states_are_written_seldom_but_when_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)

    class Sink:
        """Takes messages."""

        written = 0

        def __init__(self) -> None:
            self.values: list[Any] = []

        def write_message(self, message: StateMessage) -> None:
            self.values.append(copy.deepcopy(message.value))

    sink = Sink()
    writer = StateWriter(cast("Any", sink))
    writer.write_state(state({"n": 0}))
    assert sink.values == [], "it is as it was given"
    now += SECONDS_BETWEEN_STATES
    writer.write_state(state({"n": 1}))
    writer.write_state(state({"n": 2}))
    assert sink.values == [{"n": 1}]
    now += SECONDS_BETWEEN_STATES
    writer.write_state(state({"n": 3}))
    writer.write_last(state({"n": 4}))
    writer.write_last(state({"n": 4}))
    assert sink.values == [{"n": 1}, {"n": 3}, {"n": 4}, {"n": 4}]


def test_a_state_that_takes_long_to_write_comes_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("tap_codat_commerce.singer.messages.time.monotonic", lambda: now)

    class SlowSink:
        written = 0

        def write_message(self, message: StateMessage) -> None:
            nonlocal now
            now += 3.0

    writer = StateWriter(cast("Any", SlowSink()))
    now += SECONDS_BETWEEN_STATES
    writer.write_state(state({}))
    now += 59.0
    assert not writer.due
    now += 1.0
    assert writer.due
