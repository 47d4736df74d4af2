"""A data set is read, proven and gone on from, with no tap at all: `sync`, a sink, and the stand-in."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from codat_mock.faults import Fault
from codat_mock.platforms import BY_KEY
from conftest import Meanwhile
from engine import Engine, as_text
from tap_codat_commerce.sync.run_summary import RecordError
from validity import same_form

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage
    from tap_codat_commerce.sync.data_set_sync import DataSetSync

SHOPIFY = (BY_KEY["fztf"],)
FULL = "the file is full"
ALL = ("customers", "orders", "locations", "company_info")


@pytest.fixture
def shop(stage: Callable[..., Stage]) -> Stage:
    """Return a company with one shop of 20 orders."""
    return stage(companies=1, connections=1, records=20, extras=False, platforms=SHOPIFY)


def test_every_record_comes_once_and_the_bookmark_moves(shop: Stage) -> None:
    engine = Engine(shop.running, *ALL)
    run = engine.run(page_size=7)
    connection = shop.world.connections()[0]
    for name, sink in engine.sinks.items():
        held = [r for key, r in shop.held(sink.data_set.data_type).items()]
        ids = {"companyId": connection.company_id, "connectionId": connection.id}
        assert len(sink.records) == len(held), name
        assert all(r.items() >= ids.items() for r in sink.records)
        came = {r.get("id"): same_form(as_text(r))["modifiedDate"] for r in sink.records if "modifiedDate" in r}
        assert came.items() <= {r.get("id"): same_form(r)["modifiedDate"] for r in held}.items(), name
        assert sink.bookmarks[connection.id].sync_id
    assert run.summary.outcomes == {"read": 4}


def test_what_is_unchanged_is_not_asked_for_again(shop: Stage) -> None:
    engine = Engine(shop.running, *ALL)
    engine.run()
    engine.asked()
    bookmarks = [b for sink in engine.sinks.values() for b in sink.bookmarks.values()]
    assert engine.run().summary.outcomes == {"unchanged": 4}
    assert engine.asked() == ["companies", "dataStatus"]
    after = [b for sink in engine.sinks.values() for b in sink.bookmarks.values()]
    assert list(map(id, after)) == list(map(id, bookmarks)), "none was moved"


def test_an_unfinished_read_is_gone_on_from(shop: Stage) -> None:
    engine = Engine(shop.running, "orders")
    shop.gate.faults.append(Fault(path="commerce-orders", page=4, times=0))
    assert list(engine.run(page_size=5).summary.failed)
    connection = shop.world.connections()[0]
    assert not engine.sinks["orders"].bookmarks
    assert engine.sinks["orders"].begun[connection.id].page == 3
    shop.gate.faults.clear()
    engine.run(page_size=5)
    assert {r["id"] for r in engine.sinks["orders"].records} == {key[2] for key in shop.held("commerce-orders")}
    assert engine.sinks["orders"].bookmarks[connection.id].sync_id


def test_a_sink_that_stops_leaves_no_bookmark(shop: Stage) -> None:
    """As a signal does: at the second page."""
    engine = Engine(shop.running, "orders")
    sink, pages = engine.sinks["orders"], []

    def stop() -> None:
        pages.append(len(sink.records))
        if len(pages) == 2:
            raise SystemExit(143)

    sink.after_page = stop
    with pytest.raises(SystemExit):
        engine.run(page_size=5)
    assert not sink.bookmarks


def test_without_a_second_look_nothing_is_proven(shop: Stage) -> None:
    """The data sets of a company share it: all of them are read again by the next run."""
    shop.gate.faults.append(Fault(path="dataStatus", skip=1, status=500, times=0))
    engine = Engine(shop.running, *ALL)
    assert engine.run().summary.outcomes == {"failed": 4}
    assert all(sink.records and not sink.bookmarks and not sink.reads for sink in engine.sinks.values())
    shop.gate.faults.clear()
    assert engine.run().summary.outcomes == {"read": 4}
    assert all(sink.bookmarks for sink in engine.sinks.values())


def test_bookmarks_of_a_company_move_together(shop: Stage) -> None:
    """A sync of one data set while another is read: that one alone is read again."""
    connection = shop.world.connections()[0]

    def sync() -> None:
        shop.world.sync(connection.company_id, connection.id, ("commerce-customers",), restamp=1)

    shop.gate.faults.append(Meanwhile(sync, path="commerce-orders", times=1))
    engine = Engine(shop.running, "customers", "orders")
    assert engine.run(max_concurrent_requests=1).summary.outcomes == {"read": 2}
    read = ["commerce-customers", "commerce-orders", "dataStatus", "commerce-customers", "dataStatus"]
    assert engine.asked() == ["companies", "dataStatus", *read]
    assert [len(sink.reads) for sink in engine.sinks.values()] == [1, 1]


def test_a_refused_data_set_is_counted_and_the_rest_is_read(shop: Stage) -> None:
    shop.gate.faults.append(Fault(path="commerce-orders", status=409, times=0))
    engine = Engine(shop.running, *ALL)
    run = engine.run()
    assert run.summary.outcomes == {"read": 3, "not ready": 1}
    assert not engine.sinks["orders"].bookmarks


@pytest.mark.parametrize(("failing", "begun"), [(2, None), (3, 2), (4, 3)])
def test_from_where_an_interrupted_read_is_gone_on(shop: Stage, failing: int, begun: int | None) -> None:
    engine = Engine(shop.running, "orders")
    shop.gate.faults.append(Fault(path="commerce-orders", page=failing, times=0))
    engine.run(page_size=5)
    checkpoint = engine.sinks["orders"].begun.get(shop.world.connections()[0].id)
    assert (checkpoint and checkpoint.page) == begun


@pytest.mark.parametrize("last", [False, True])
def test_what_can_not_be_written_counts_as_failed_alone(shop: Stage, *, last: bool) -> None:
    engine = Engine(shop.running, "customers", "orders")
    sink = engine.sinks["orders"]

    def refuse() -> None:
        if not last or len(sink.records) == 20:
            raise RecordError(FULL)

    sink.after_page = refuse
    run = engine.run(page_size=5)
    assert run.summary.outcomes == {"read": 1, "failed": 1}
    assert not sink.bookmarks
    assert not sink.begun


def test_what_can_not_be_written_when_all_was_read_is_not_read(shop: Stage) -> None:
    engine = Engine(shop.running, "orders")
    sink = engine.sinks["orders"]

    def write(data_set: DataSetSync) -> None:
        list(data_set.pages())
        data_set.fail(RecordError(FULL))

    sink.write = write  # type: ignore[method-assign]
    run = engine.run()
    assert run.summary.outcomes == {"failed": 1}
    assert not sink.bookmarks


def test_ten_records_that_can_not_be_read_are_named(shop: Stage) -> None:
    results = [5] * 12
    body = json.dumps({"results": results, "totalResults": 12})
    shop.gate.faults.append(Fault("json", "commerce-orders", body=body, times=0))
    run = Engine(shop.running, "orders").run()
    (said,) = run.summary.failed.values()
    assert "12 of its records can't be read: page 1, entry 1: " in said
    assert said.count("page 1, entry ") == 10


@pytest.mark.parametrize(
    ("status", "certain", "said"),
    [
        ("FetchError", False, "the first sync failed (FetchError)"),
        ("Complete", False, "Codat answered 409"),
        ("Complete", True, "Codat answered 409"),
    ],
)
def test_the_word_of_a_data_set_that_is_not_ready(
    stage: Callable[..., Stage], status: str, said: str, *, certain: bool
) -> None:
    shops = stage(companies=1, connections=1 if certain else 2, records=5, extras=False, platforms=SHOPIFY)
    company_id = next(iter(shops.world.companies))
    shops.world.set_status(company_id, "commerce-orders", status, after_good=False)
    shops.gate.faults.append(Fault(path="commerce-orders", status=409, message="Not synced yet.", times=0))
    if not certain:
        shops.gate.faults.append(Fault(path="data/history", status=403, times=0))
    run = Engine(shops.running, "orders").run()
    (reason,) = run.summary.findings.as_json()
    assert said in reason


@pytest.mark.parametrize("order", ["refused", "taken"])
def test_an_unfinished_read_is_begun_anew_in_another_order(shop: Stage, order: str) -> None:
    engine = Engine(shop.running, "orders")
    shop.gate.faults.append(Fault(path="commerce-orders", page=4, times=0))
    engine.run(page_size=5)
    shop.gate.faults.clear()
    if order == "refused":
        shop.gate.faults.append(Fault(path="commerce-orders", asked="orderBy=id", status=400, times=0))
    engine.asked()
    engine.run(page_size=5)
    assert {r["id"] for r in engine.sinks["orders"].records} == {key[2] for key in shop.held("commerce-orders")}
    assert engine.sinks["orders"].bookmarks


def test_a_data_set_that_never_adds_up_is_read_three_times(shop: Stage) -> None:
    body = json.dumps({"results": [{"id": "r1"}], "totalResults": 2})
    shop.gate.faults.append(Fault("json", "commerce-orders", body=body, times=0))
    engine = Engine(shop.running, "orders")
    run = engine.run()
    assert run.summary.outcomes == {"failed": 1}
    assert engine.asked().count("commerce-orders") == 3


def test_pages_never_get_smaller_than_one_record(shop: Stage) -> None:
    body = json.dumps({"results": [{"id": "r1"}], "totalResults": 99})
    shop.gate.faults.append(Fault("json", "commerce-orders", body=body))
    engine = Engine(shop.running, "orders")
    assert engine.run(page_size=1).summary.outcomes == {"read": 1}
    assert engine.sinks["orders"].reads[0].records == 20


@pytest.mark.parametrize(("incremental", "more"), [(True, 2), (False, 20 + 1)])
def test_what_is_asked_for_again(shop: Stage, more: int, *, incremental: bool) -> None:
    engine = Engine(shop.running, "orders")
    sink = engine.sinks["orders"]
    sink.incremental = incremental
    shop.world._behind = timedelta()  # noqa: SLF001 - all was synced a day ago
    engine.run()
    connection = shop.world.connections()[0]
    shop.world.stamp()  # else the sync would begin within a minute of the read, and might have run during it
    shop.world.sync(connection.company_id, restamp=1, add=1)
    before = len(sink.records)
    engine.run()
    assert len(sink.records) - before == more
    assert sink.reads[-1].full is not incremental


@pytest.mark.parametrize(("incremental", "stamp"), [(True, "2020-01-01T00:00:00.0000000Z"), (False, None)])
def test_where_a_data_set_begins_that_has_no_records(shop: Stage, stamp: str | None, *, incremental: bool) -> None:
    body = json.dumps({"results": [], "totalResults": 0})
    shop.gate.faults.append(Fault("json", "commerce-orders", body=body, times=0))
    engine = Engine(shop.running, "orders")
    engine.sinks["orders"].incremental = incremental
    assert engine.run(start_date="2020-01-01").summary.outcomes == {"read": 1}
    (bookmark,) = engine.sinks["orders"].bookmarks.values()
    assert bookmark.stamp == stamp


@pytest.mark.parametrize("days", [None, 7])
def test_when_a_data_set_was_read_whole_is_kept_for_whoever_asks(shop: Stage, days: int | None) -> None:
    engine = Engine(shop.running, "orders")
    engine.run(full_read_every_days=days)
    sink = engine.sinks["orders"]
    (bookmark,) = sink.bookmarks.values()
    assert bookmark.full_read == (sink.reads[0].started_at if days else None)


def test_the_word_of_a_data_set_that_it_is_not_offered_holds_until_something_moves(shop: Stage) -> None:
    message = "Datatype [commerce-orders] not supported by platform(s) [Shopify]"
    shop.gate.faults.append(Fault(path="commerce-orders", status=404, message=message, times=0))
    engine = Engine(shop.running, "orders")
    for asked in (["companies", "dataStatus", "commerce-orders"], ["companies", "dataStatus"]):
        engine.asked()
        assert engine.run().summary.outcomes == {"not supported": 1}
        assert engine.asked() == asked
        (bookmark,) = engine.sinks["orders"].bookmarks.values()
        assert bookmark.not_supported
        assert not engine.sinks["orders"].reads


def test_beside_other_shops_nothing_is_remembered_while_a_sync_is_under_way(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=2, records=5, extras=False, platforms=SHOPIFY)
    engine = Engine(shops.running, "orders")
    assert engine.run().summary.outcomes == {"read": 2}
    read = dict(engine.sinks["orders"].bookmarks)
    shop = shops.world.connections()[0]
    shops.world.begin(shop.company_id, shop.id, "commerce-orders", "Fetching")
    assert engine.run().summary.outcomes == {"not ready": 1, "unchanged": 1}
    assert engine.sinks["orders"].bookmarks[shop.id] == read[shop.id]
    seen = engine.sinks["orders"].bookmarks[shops.world.connections()[1].id].seen
    assert seen
    assert seen != read[shops.world.connections()[1].id].seen


def test_a_refresh_that_gets_no_answer_costs_nothing(shop: Stage, caplog: pytest.LogCaptureFixture) -> None:
    shop.world._behind = timedelta(hours=24)  # noqa: SLF001 - so long ago all was synced
    shop.gate.faults.append(Fault("reset", "/data/queue/", method="POST", times=0))
    run = Engine(shop.running, "orders").run(refresh_older_than_hours=1)
    assert run.summary.outcomes == {"read": 1}
    (reason,) = run.summary.findings.as_json()
    assert reason == "A refresh could not be queued (see above), what is there is read."
    first = next(r.getMessage() for r in caplog.records if r.levelno == logging.WARNING)
    assert first.startswith("A refresh could not be queued: orders of ")
    assert "POST /companies/" in first


def test_what_will_be_read_is_said(shop: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Engine(shop.running, "orders").run()
    assert caplog.records[0].message == "Reading 1 streams: companies 1, connections 1."
