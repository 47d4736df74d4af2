"""Histories in which a connector loses records, each played against the stand-in; none may be lost, or in silence."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import simplejson

from codat_mock import views
from codat_mock.faults import Fault
from codat_mock.holdings import Change
from codat_mock.language import ticks
from codat_mock.platforms import BY_KEY
from conftest import Meanwhile, aged, rest
from engine import DATA_SETS, Engine
from tap_codat_commerce.codat import clock, history
from tap_codat_commerce.records import dates
from tap_codat_commerce.sync import pending_syncs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from codat_mock.world import Connection, DataSet, Operation
    from conftest import Run, Stage
    from engine import KeepingSink

ORDERS = "commerce-orders"
SHOPIFY, STRIPE = BY_KEY["fztf"], BY_KEY["exgd"]


class Played(Engine):
    """A company, its shops, and what has come of their orders."""

    def __init__(self, shops: Stage, name: str = "orders") -> None:
        super().__init__(shops.running, name)
        self.shops, self.world, self.name = shops, shops.world, name
        self.first = shops.world.connections()[0]

    def sync(self, connection: Connection | None = None, **found: int) -> Operation:
        """Let a whole sync happen."""
        over = connection or self.first
        return self.world.sync(over.company_id, over.id, (f"commerce-{self.name}",), **found)[0]

    def begin(self, **found: int) -> Operation:
        """Let a sync of the first shop begin, and fix what it will change."""
        over = self.first
        operation = self.world.begin(over.company_id, over.id, f"commerce-{self.name}", "Fetching")[0]
        self.world.plan(operation, **found)
        return operation

    def before(self, page: int, happening: Callable[[], object]) -> None:
        """Let something happen before a page is answered."""
        self.shops.gate.faults.append(Meanwhile(happening, path=f"commerce-{self.name}", page=page, times=1))

    def stop_at(self, page: int, page_size: int) -> None:
        """Run until that page has been handed over, and stop there as a signal does."""
        pages: list[int] = []

        def stop() -> None:
            pages.append(1)
            if len(pages) == page:
                raise SystemExit(143)

        sink = self.sinks[self.name]
        sink.after_page = stop
        with pytest.raises(SystemExit):
            self.run(page_size=page_size)
        sink.after_page = lambda: None

    def missing(self) -> set[str]:
        """Return the ids of records of which the newest version has not come."""
        came = {(r["connectionId"], r["id"], micros(r.get("modifiedDate"))) for r in self.sinks[self.name].records}
        held = self.world.visible(f"commerce-{self.name}")
        return {key[1] for key, r in held.items() if (*key, micros(r.get("modifiedDate"))) not in came}


def micros(stamp: str | None) -> int:
    """Return a stamp as microseconds: what is beyond is cut off on the way."""
    return (ticks(stamp or "") or 0) // 10


@pytest.fixture
def play(stage: Callable[..., Stage]) -> Callable[..., Played]:
    """Return how to begin with shops of a company."""

    def set_up(name: str = "orders", **shops: Any) -> Played:
        chosen = {"companies": 1, "connections": 1, "records": 10, "extras": False, "platforms": (SHOPIFY,), **shops}
        return Played(stage(**chosen), name)

    return set_up


def test_a_status_of_another_shop_says_that_it_is_not_offered(play: Callable[..., Played]) -> None:
    """A's platform has locations, B's has none; B's sync was the last."""
    played = play("locations", connections=2, platforms=(SHOPIFY, STRIPE))
    played.world.not_supported_operations = played.world.status_by_request = True
    other = played.world.connections()[1]
    played.world.begin(other.company_id, other.id, "commerce-locations")
    run = played.run()
    assert played.sinks["locations"].records
    assert not played.missing()
    assert run.summary.outcomes == {"read": 1, "not supported": 1}
    played.asked()
    assert played.run().summary.outcomes == {"unchanged": 1, "not supported": 1}
    assert played.asked() == ["companies", "dataStatus"]


def test_a_page_holds_the_first_records_of_a_sync_that_has_just_begun(play: Callable[..., Played]) -> None:
    """They are stamped in another order than that in which they become visible."""
    played = play(records=5)
    played.world.stamps = "shuffled"
    begun: list[Operation] = []

    def begin() -> None:
        begun.append(played.begin(restamp=4))
        latest = max(begun[0].planned or [], key=lambda change: change.stamp or "")
        played.world.connections()[0].data[ORDERS].apply([latest])
        begun[0].planned = [c for c in begun[0].planned or [] if c is not latest]

    played.before(1, begin)
    played.run()
    played.world.finish(begun[0])
    played.run()
    assert not played.missing()


@pytest.mark.parametrize("last_sync_moves", ["begin", "end", "never"])
def test_a_sync_hidden_behind_that_of_another_shop(play: Callable[..., Played], last_sync_moves: Any) -> None:
    played = play(connections=2)
    world = played.world
    world.status_by_request, world.stamps, world.last_sync_moves = True, "shuffled", last_sync_moves
    other = world.connections()[1]
    played.run()
    operation = played.begin(restamp=5)
    played.sync(other, restamp=1)
    run = played.run()
    assert run.summary.outcomes["not ready"] == 1
    world.reveal(operation, 2)
    played.run()
    world.finish(operation)
    assert played.run().summary.outcomes == {"read": 1, "unchanged": 1}
    assert not played.missing()


def test_a_record_goes_while_pages_are_read_and_the_run_is_stopped(play: Callable[..., Played]) -> None:
    """Nothing but the total tells of it."""
    played = play(records=1000)
    oldest = sorted(played.first.data[ORDERS].records)[4]
    played.before(4, lambda: played.world.remove(played.first, ORDERS, [oldest]))
    played.stop_at(6, 100)
    played.run(page_size=100)
    assert not played.missing()


@pytest.mark.parametrize("found", [{"restamp": 3, "remove": 5}, {"remove": 5, "add": 5}], ids=["fewer", "as many"])
def test_a_sync_that_changes_the_cache_and_fails(play: Callable[..., Played], found: dict[str, int]) -> None:
    """The good sync stays the same; in the second history, so do all numbers."""
    played = play(records=1000)

    def fail() -> None:
        operation = played.begin(**found)
        played.world.reveal(operation, 1000)
        played.world.fail(operation)

    played.before(4, fail)
    played.run(page_size=100, max_concurrent_requests=1)
    assert not played.missing()


def test_a_record_is_stamped_ahead_of_the_clock(play: Callable[..., Played]) -> None:
    played = play()
    played.world.skew, played.world.skewed = timedelta(minutes=5), 1
    played.sync(restamp=1)
    played.run()
    played.world.skew = timedelta()
    played.sync(restamp=1)
    played.run()
    assert not played.missing()


def test_records_without_a_stamp(play: Callable[..., Played], caplog: pytest.LogCaptureFixture) -> None:
    """A later version of one, and another such one."""
    caplog.set_level("INFO")
    played = play()
    ids = list(played.first.data[ORDERS].records)
    played.world.unstamped = {ids[0]}
    played.run()
    played.world.unstamped = {ids[0], ids[5]}
    played.sync(restamp=6, add=2)
    played.sinks["orders"].records.clear()
    played.run()
    assert {r["id"] for r in played.sinks["orders"].records} == set(played.first.data[ORDERS].records)
    assert "Read whole each time: a record has no modifiedDate." in caplog.text


@pytest.mark.parametrize("name", ["replication-method", "forced-replication-method"])
def test_a_catalog_whose_metadata_alone_says_full_table(stage: Callable[..., Stage], name: str) -> None:
    shops = stage(companies=1, connections=1, records=10, extras=False, platforms=(SHOPIFY,))
    catalog = shops.catalog("orders")
    first = shops.run(catalog=catalog).ok()
    connection = shops.world.connections()[0]
    shops.world.sync(connection.company_id, connection.id, (ORDERS,), restamp=1)
    for entry in (e for s in catalog["streams"] for e in s["metadata"] if not e["breadcrumb"]):
        entry["metadata"][name] = "FULL_TABLE"
    second = shops.run(catalog=catalog, state=first.state).ok()
    assert len(second.records["orders"]) == 10


def test_a_shop_goes_while_a_sync_of_the_other_is_under_way(play: Callable[..., Played]) -> None:
    """The company has one shop left, but its status is still that of the other."""
    played = play(connections=2)
    world = played.world
    world.status_by_request, world.stamps = True, "shuffled"
    other = world.connections()[1]
    played.run()
    operation = played.begin(restamp=5)
    played.sync(other, restamp=1)
    del world.companies[other.company_id].connections[other.id]
    world.reveal(operation, 2)
    played.run()
    world.finish(operation)
    played.run()
    assert not played.missing()


class TestOperationsThatDoNotTell:
    """Of one of two shops: what its operations do not tell for sure is read, and never taken for unchanged."""

    @pytest.fixture
    def played(self, play: Callable[..., Played]) -> Played:
        """Return two shops that were read, and of which the first was synced since."""
        played = play(connections=2)
        played.run()
        self.before = self.history(played)
        played.sync(restamp=2, add=5)
        return played

    def history(self, played: Played) -> list[dict[str, Any]]:
        """Return the operations of the company as they are listed, the latest first."""
        company = next(iter(played.world.companies.values()))
        listed = [views.operation(o, company.id) for o in reversed(company.operations)]
        return sorted(listed, key=lambda o: str(o["requested"]), reverse=True)

    def answer(self, played: Played, entries: list[Any], times: int = 0) -> None:
        """Have the history answered with these entries."""
        body = json.dumps({"results": entries, "totalResults": 5000})
        played.shops.gate.faults.append(Fault("json", "data/history", body=body, times=times))

    def test_that_are_behind_the_status(self, played: Played) -> None:
        self.answer(played, self.before, times=1)
        played.run()
        assert not played.missing()

    def test_that_are_the_oldest(self, played: Played) -> None:
        self.answer(played, self.history(played)[::-1])
        played.run()
        assert not played.missing()

    @pytest.mark.parametrize("entry", [None, 7, {}, {"connectionId": ["x"]}, {"id": "x", "requested": None}])
    def test_of_which_one_cannot_be_read(self, played: Played, entry: Any) -> None:
        self.answer(played, [entry, *self.history(played)])
        assert played.run().summary.outcomes == {"read": 2}
        assert not played.missing()

    def test_that_lag_as_the_status_does(self, played: Played) -> None:
        played.world.lag = 2
        played.sync(restamp=2, add=5)
        for _ in range(4):
            played.run()
        assert not played.missing()


def test_a_sync_without_ids_is_told_by_its_end(play: Callable[..., Played]) -> None:
    """One that adds and removes one between two pages, so that all numbers stay."""
    played = play(records=30)
    company = next(iter(played.world.companies.values()))

    def status() -> None:
        entry = views.data_status(played.world, company)[ORDERS]
        body = json.dumps({ORDERS: {k: v for k, v in entry.items() if not k.endswith("SyncId")}})
        played.shops.gate.faults[:] = [f for f in played.shops.gate.faults if f.kind != "json"]
        played.shops.gate.faults.append(Fault("json", "dataStatus", body=body, times=0))

    def change() -> None:
        played.sync(add=1, remove=1)
        status()

    status()
    played.before(2, change)
    played.run(page_size=10, max_concurrent_requests=1)
    assert not played.missing()


def test_two_torn_reads_alike_are_no_records_held_twice(play: Callable[..., Played]) -> None:
    """Locations come in no order that was asked for: two that change places at a page's border, in each read."""
    played = play("locations", records=12)
    played.sync(add=2)
    a, b, c, _ = played.world.visible("commerce-locations").values()
    path = f"/companies/{played.first.company_id}/connections/{played.first.id}/data/commerce-locations"
    for _ in range(3):
        for some, links in (([a, b], {"next": {"href": f"{path}?page=2"}}), ([b, c], {})):
            answer = {"results": some, "totalResults": 4, "_links": links}
            body = simplejson.dumps(answer, use_decimal=True)
            played.shops.gate.faults.append(Fault("json", "commerce-locations", body=body))
    assert "3 different records came" in str(played.run().summary.failed)
    assert not played.sinks["locations"].bookmarks
    assert played.run().summary.outcomes == {"read": 1}
    assert not played.missing()


def test_other_words_with_not_supported_are_no_word_of_the_platform(play: Callable[..., Played]) -> None:
    played = play()
    message = "This API version is not supported."
    played.shops.gate.faults.append(Fault(path=ORDERS, status=404, message=message))
    assert list(played.run().summary.failed)
    assert played.run().summary.outcomes == {"read": 1}
    assert not played.missing()


class TestCost:
    """What cost requests or failed, and lost nothing."""

    def test_a_hidden_sync_is_waited_for_without_reading(self, play: Callable[..., Played]) -> None:
        played = play(connections=2)
        played.world.status_by_request, played.world.sync_seconds = True, 1.5
        other = played.world.connections()[1]
        played.world.begin(played.first.company_id, played.first.id, ORDERS)
        played.sync(other)
        run = played.run(sync_wait=60)
        assert run.summary.outcomes == {"read": 2}
        assert played.asked().count(ORDERS) == 2
        assert not played.missing()

    def test_the_older_of_two_shops_is_refreshed(self, play: Callable[..., Played]) -> None:
        played = play(connections=2)
        played.world.sync_seconds = 0.1
        other = played.world.connections()[1]
        played.run()
        played.world._behind = timedelta()  # noqa: SLF001 - the other shop is synced now, a day later
        played.sync(other)
        run = played.run(refresh_older_than_hours=12, sync_wait=30)
        asked = [a for a in played.running.gate.asked if a.method == "POST"]
        assert [a.query["connectionId"] for a in asked] == [played.first.id]
        assert run.summary.outcomes == {"read": 2}

    def test_anothers_failure_is_not_told_to_a_merchant(
        self, play: Callable[..., Played], caplog: pytest.LogCaptureFixture
    ) -> None:
        played = play(connections=2)
        other = played.world.connections()[1]
        played.world.begin(other.company_id, other.id, ORDERS, "AuthError")
        run = played.run()
        assert run.summary.outcomes == {"read": 2}
        said = [r.getMessage() for r in caplog.records if "AuthError" in r.getMessage()]
        assert len(said) == 1
        assert f"connection {other.id}" in said[0]

    def test_a_sync_that_changes_nothing_brings_nothing_from_the_second_night_on(
        self, play: Callable[..., Played]
    ) -> None:
        played = play(records=200)
        played.run()
        came = []
        for _ in range(3):
            played.world._latest += timedelta(days=1)  # noqa: SLF001 - a night passes
            played.sync()
            played.sinks["orders"].records.clear()
            played.run()
            came.append(len(played.sinks["orders"].records))
        assert came == [200, 0, 0]
        played.sync(restamp=2, add=1)
        played.run()
        assert {r["id"] for r in played.sinks["orders"].records} >= set(list(played.first.data[ORDERS].records)[-3:])

    def test_an_idle_shop_beside_a_busy_one(self, play: Callable[..., Played], monkeypatch: pytest.MonkeyPatch) -> None:
        """Its own operations are asked for, once those of the other fill the page."""
        monkeypatch.setattr(history, "SIZE", 12)
        played = play(records=10, connections=2)
        for _ in range(3):
            for _ in range(13):
                played.world.stamp(3600)
                played.sync(add=1)
            run = played.run()
            assert not played.missing()
            played.asked()
        assert run.summary.outcomes == {"read": 1, "unchanged": 1}

    def test_a_refresh_that_fails_each_night_brings_nothing_again(self, play: Callable[..., Played]) -> None:
        played = play(records=50)
        played.world.stamp(7200)
        counts = []
        for _ in range(4):
            before = len(played.sinks["orders"].records)
            played.run()
            counts.append(len(played.sinks["orders"].records) - before)
            played.world.stamp(86400)
            played.world.fail(played.begin())
        assert counts == [50, 0, 0, 0]
        played.asked()
        played.sync(add=1)
        played.run()
        assert played.asked() == ["companies", "dataStatus", "history", ORDERS, "dataStatus"], "a lone shop still"

    def test_a_long_read_is_gone_on_from_where_it_was(self, play: Callable[..., Played]) -> None:
        """Sixty pages of one stamp, stopped at the 36th."""
        played = play(records=600)
        played.stop_at(36, 10)
        rest(played.running)
        played.asked()
        played.run(page_size=10)
        assert len(played.asked()) <= 30
        assert not played.missing()

    @pytest.mark.parametrize("page_size", [1000, 3, 4])
    def test_ids_that_are_held_twice_are_named(
        self, play: Callable[..., Played], caplog: pytest.LogCaptureFixture, page_size: int
    ) -> None:
        played = play()
        played.world.twice = {sorted(played.first.data[ORDERS].records)[3]}  # with 4 to a page, it spans two of them
        run = played.run(page_size=page_size)
        assert run.summary.outcomes == {"read": 1}
        assert "Codat holds records twice" in caplog.text
        assert "orders (1)" in caplog.text
        played.asked()
        assert played.run(page_size=page_size).summary.outcomes == {"unchanged": 1}

    @pytest.mark.parametrize(("name", "knob"), [("orders", "same_page"), ("locations", "circular_links")])
    def test_pages_without_end_are_a_failure(self, play: Callable[..., Played], name: str, knob: str) -> None:
        played = play(name, records=12)
        setattr(played.world, knob, True)
        run = played.run(page_size=3)
        assert [("no new record" in line or "in all" in line) for line in run.summary.failed.values()] == [True]
        assert len(played.asked()) < 15

    @pytest.mark.parametrize("lag", [2, 6])
    def test_a_status_that_lags_after_a_refresh_is_waited_for(
        self, play: Callable[..., Played], monkeypatch: pytest.MonkeyPatch, lag: int
    ) -> None:
        monkeypatch.setattr(pending_syncs, "FIRST_PAUSE", 0.1)
        played = play()
        played.run()
        played.world.lag, played.world.sync_seconds = lag, 0.1
        run = played.run(refresh_older_than_hours=1, sync_wait=60)
        assert run.summary.outcomes == {"read": 1}
        assert not played.missing()

    @pytest.mark.parametrize("history", ["", "403", "after a failed sync"])
    def test_a_shop_is_refreshed_when_another_ones_sync_of_the_same_company_has_ended(
        self, play: Callable[..., Played], monkeypatch: pytest.MonkeyPatch, history: str
    ) -> None:
        """Codat refuses a second sync of a company's data type, whatever connection it is over."""
        monkeypatch.setattr(pending_syncs, "FIRST_PAUSE", 0.1)
        played = play(connections=2)
        played.run()
        played.world.sync_seconds = 0.1
        played.world.in_progress_of = "company"
        (company,), (_, second) = played.world.companies.values(), played.world.connections()
        if history == "after a failed sync":
            played.world.fail(played.world.begin(second.company_id, second.id, ORDERS, "Fetching")[0])
        elif history:
            played.world.history_refused = int(history)
        played.shops.gate.asked.clear()
        run = played.run(refresh_older_than_hours=1, sync_wait=100)
        assert run.summary.outcomes == {"read": 2}
        assert not any("Not refreshed" in line for line in run.summary.findings.as_json())
        assert not played.missing()
        queued = [operation for operation in company.operations if operation.good]
        assert sorted(o.connection_id for o in queued[-2:]) == sorted(company.connections)
        assert sum(a.method == "POST" for a in played.shops.gate.asked) <= 4
        played.world.history_refused = None
        played.world._behind += timedelta(hours=3)  # noqa: SLF001
        played.world.sync_seconds = 3600
        run = played.run(refresh_older_than_hours=1, sync_wait=0)
        said = [line.partition(". ")[0] for line in run.summary.findings.as_json() if "Not refreshed" in line]
        assert sorted(said) == [
            "Not refreshed: another sync of the company has kept Codat from beginning it",
            "Not refreshed: the sync that was asked for has not ended",
        ]

    def test_what_shows_to_be_under_way_elsewhere_is_not_asked_for(
        self, play: Callable[..., Played], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pending_syncs, "FIRST_PAUSE", 0.1)
        played = play(companies=2, connections=3)
        played.run()
        played.world.sync_seconds, played.world.in_progress_of = 3600, "company"
        played.shops.gate.asked.clear()
        run = played.run(refresh_older_than_hours=1, sync_wait=2)
        assert run.summary.outcomes == {"unchanged": 6}
        assert sum(a.method == "POST" for a in played.shops.gate.asked) == 6, "each once"

    def test_a_refresh_that_never_shows_is_named(self, play: Callable[..., Played]) -> None:
        played = play()
        played.run()
        played.shops.gate.faults.append(Fault("json", "/queue/", method="POST", body="{}", times=0))
        run = played.run(refresh_older_than_hours=1, sync_wait=1)
        assert run.summary.outcomes == {"unchanged": 1}
        assert [line.partition(":")[0] for line in run.summary.findings.as_json()] == ["Not refreshed"]

    @pytest.mark.parametrize("wait", [0, 1])
    def test_a_refresh_that_outlasts_the_night_keeps_nothing_out(self, play: Callable[..., Played], wait: int) -> None:
        """Each night queues one, and the next night reads first what that has brought."""
        played = play()
        played.world.sync_seconds = 3600
        for night in range(3):
            run = played.run(refresh_older_than_hours=1, sync_wait=wait)
            assert run.summary.outcomes == {"read": 1}
            assert [line.partition(":")[0] for line in run.summary.findings.as_json()] == ["Not refreshed"]
            assert not played.missing()
            assert [read.full for read in played.sinks["orders"].reads] == [True, False, False][: night + 1]
            (company,) = played.world.companies.values()
            played.world.finish(company.operations[-1], restamp=2, add=1)
            played.world.pass_time()
            assert played.missing()
        played.asked()
        assert played.run().summary.outcomes == {"read": 1}
        assert not played.missing()

    def test_what_was_read_is_refreshed_and_read_again(self, play: Callable[..., Played]) -> None:
        """What a refresh has brought is asked for alone, though its sync began just after the read."""
        played = play()
        played.world.sync_seconds = 0.1
        played.world._behind = timedelta()  # noqa: SLF001 - all was synced a day ago
        run = played.run(refresh_older_than_hours=1, sync_wait=0)
        assert played.asked().count(ORDERS) == 2, "a read, and the refresh"
        (company,) = played.world.companies.values()
        played.world.finish(company.operations[-1], restamp=1)
        played.world.pass_time()
        run = played.run()
        assert run.summary.outcomes == {"read": 1}
        assert [read.full for read in played.sinks["orders"].reads] == [True, False]
        assert not played.missing()

    @pytest.mark.parametrize(("settings", "asked"), [({}, 2), ({"skip_unchanged": False}, 3)])
    def test_what_a_refresh_brings_is_read_once(
        self, play: Callable[..., Played], settings: dict[str, Any], asked: int
    ) -> None:
        """What would be read in any case is read before it."""
        played = play()
        played.world.sync_seconds = 0.1
        played.run()
        played.asked()
        run = played.run(refresh_older_than_hours=1, sync_wait=60, **settings)
        assert run.summary.outcomes == {"read": 1}
        assert played.asked().count(ORDERS) == asked, "the refresh, and what is read"
        assert not played.missing()

    @pytest.mark.parametrize("status", [400, 403, 404])
    def test_without_a_history_shops_are_read_and_not_skipped(self, play: Callable[..., Played], status: int) -> None:
        played = play(connections=2)
        played.world.history_refused = status
        for _ in range(2):
            assert played.run().summary.outcomes == {"read": 2}
            played.sync(restamp=2)
        played.run()
        assert not played.missing()

    def test_without_an_order_by_id(self, play: Callable[..., Played], caplog: pytest.LogCaptureFixture) -> None:
        played = play()
        played.world.refused_orders = {"id"}
        assert played.run(page_size=4).summary.outcomes == {"read": 1}
        assert not played.missing()
        said = [r for r in caplog.records if "refuses orderBy=id" in r.getMessage()]
        assert len(said) == 1


def test_a_second_shop_is_linked_after_the_list_of_companies_was_read(play: Callable[..., Played]) -> None:
    """Its sync ends while the first shop's is under way: the company's status is Complete, by the wrong shop.

    It is the last of so many companies that its status is not asked for with the list.
    """
    played = play(companies=12)
    early, *_, played.first = played.world.connections()
    played.run(max_concurrent_requests=1)
    begun: list[Operation] = []

    def link() -> None:
        played.world.stamps = "shuffled"
        begun.append(played.begin(restamp=3, add=10))
        played.world.stamp(600)
        other = played.world.connect(played.first.company_id, SHOPIFY.key, status="Linked")
        played.sync(other, add=5)
        played.world.stamp(600)
        played.world.reveal(begun[0], 7)

    played.shops.gate.faults.append(Meanwhile(link, path=f"{early.company_id}/dataStatus", times=1))
    assert played.run(max_concurrent_requests=1).summary.outcomes == {"unchanged": 11, "read": 1}
    played.world.finish(begun[0])
    played.run()
    assert not played.missing()


def read_torn(played: Played) -> None:
    """Let a sync be hidden within a read: the status is one answer behind."""
    played.world.stamps = "shuffled"
    played.sync(restamp=len(played.first.data[ORDERS].records))
    played.world.stamp(7200)
    played.sync(add=1)

    def torn() -> None:
        played.world.lag = 1
        played.sync(add=1, remove=1)

    played.before(2, torn)
    played.run(page_size=10, max_concurrent_requests=1)
    played.world.lag = 0


@pytest.mark.parametrize("pages", [3, 30])
def test_a_status_that_is_one_answer_behind_hides_a_sync_within_a_read(play: Callable[..., Played], pages: int) -> None:
    played = play(records=10 * pages)
    read_torn(played)
    assert played.run(page_size=10).summary.outcomes == {"read": 1}
    assert not played.missing()
    assert played.run().summary.outcomes == {"unchanged": 1}
    played.world.stamp(3600)
    played.sync(add=1)
    played.asked()
    played.run(page_size=10)
    assert played.asked().count(ORDERS) <= 2, "a read that was not disturbed is believed"


@pytest.mark.parametrize("known", ["at once", "on a later page", "not at all"])
def test_a_sync_that_was_hidden_within_a_read_is_found_behind_many_others(
    play: Callable[..., Played], monkeypatch: pytest.MonkeyPatch, known: str
) -> None:
    """A day later, with a sync in each hour: nothing of the status tells of it any more."""
    played = play(records=30)
    read_torn(played)
    for _ in range(24):
        played.world.stamp(3600)
        played.sync(add=1)
    if known == "on a later page":
        monkeypatch.setattr(history, "SIZE", 10)
    elif known == "not at all":
        played.world.history_refused = 403
    assert played.run(page_size=10).summary.outcomes == {"read": 1}
    assert not played.missing()


def test_a_platform_that_had_a_data_set_does_not_lack_it(play: Callable[..., Played]) -> None:
    """One answer says so, wrongly: the next run asks again."""
    played = play()
    played.world.stamp(7200)
    played.run()
    played.sync(add=2)
    message = "Datatype [commerce-orders] not supported by platform(s) [Shopify]"
    played.shops.gate.faults.append(Fault(path=ORDERS, status=404, message=message))
    assert played.run().summary.outcomes == {"not ready": 1}
    assert played.run().summary.outcomes == {"read": 1}
    assert not played.missing()


def test_no_data_where_there_was_some_is_no_failure(play: Callable[..., Played]) -> None:
    """Whether or not queries are known to find what there is."""
    played = play()
    played.world.stamp(7200)
    played.run()
    played.sync(add=2)
    played.world.no_data = {ORDERS}
    assert played.run().summary.outcomes == {"not ready": 1}
    played.world.no_data = set()
    assert played.run().summary.outcomes == {"read": 1}
    assert not played.missing()


@pytest.mark.parametrize("ends", ["well", "badly", "much later"])
def test_a_sync_that_was_hidden_within_a_read_is_found_behind_the_next_one(
    play: Callable[..., Played], ends: str
) -> None:
    played = play(records=30)
    played.world.stamps = "shuffled"
    played.sync(restamp=30)
    played.world.stamp(7200)
    begun: list[Operation] = []

    def torn() -> None:
        played.world.lag = 2
        begun.append(played.begin(add=1, remove=1))
        played.world.reveal(begun[0], 2)
        if ends == "well":
            played.world.finish(begun[0])
        elif ends == "badly":
            played.world.fail(begun[0])

    played.before(2, torn)
    assert played.run(page_size=10, max_concurrent_requests=1).summary.outcomes == {"read": 1}
    played.world.lag = 0
    played.world.stamp(7200)
    if ends == "much later":
        played.world.finish(begun[0])
    if ends != "badly":
        played.world.stamp(7200)
        played.sync(add=1)
    for _ in range(2):
        assert played.run(page_size=10).summary.outcomes == {"read": 1}
        assert not played.missing()
        played.world.stamp(7200)
        played.sync(add=1)


def test_a_full_read_of_a_cache_that_a_sync_has_emptied(play: Callable[..., Played]) -> None:
    """It is one page, and all rows of before would count as gone."""
    played = play(records=30)
    played.run(full_read_every_days=7)
    sink, held = played.sinks["orders"], played.first.data[ORDERS]
    sink.bookmarks = {c: replace(b, full_read=days_ago(8)) for c, b in sink.bookmarks.items()}
    played.world.stamp(7200)
    played.sync(restamp=1)

    def empty() -> None:
        played.begin(restamp=1)
        held.apply([Change(i) for i in list(held.records)])

    played.before(1, empty)
    assert played.run(full_read_every_days=7).summary.outcomes == {"not ready": 1}
    assert len(sink.reads) == 1, "it was not proven"


def test_what_is_to_be_read_whole_is_so_whatever_start_date_is(play: Callable[..., Played]) -> None:
    """Of a data set that is known: a record without a stamp is on no day."""
    played = play(records=10)
    played.run(full_read_every_days=7, start_date=days_ago(400))
    assert not played.missing()
    sink = played.sinks["orders"]
    sink.bookmarks = {c: replace(b, full_read=days_ago(8)) for c, b in sink.bookmarks.items()}
    played.sync(add=1)
    played.world.unstamped = {min(played.first.data[ORDERS].records)}
    played.run(full_read_every_days=7, start_date=days_ago(400))
    came = len(sink.records)
    played.sync(add=1)
    played.run(start_date=days_ago(400))
    assert len(sink.records) == came + 12
    played.world.unstamped = set()


def test_a_shop_without_records_since_start_date_is_not_read_whole(play: Callable[..., Played]) -> None:
    played = play(records=10)
    tomorrow = played.world.stamp(86400).isoformat().replace("+00:00", "Z")
    played.run(start_date=tomorrow)
    assert not played.sinks["orders"].records
    played.world.stamp(86400)
    played.sync(add=2)
    played.run(start_date=tomorrow)
    assert len(played.sinks["orders"].records) == 2


def test_a_status_without_ids_beside_a_last_sync_that_stays(
    play: Callable[..., Played], monkeypatch: pytest.MonkeyPatch
) -> None:
    played = play(records=10, connections=2)
    played.world.last_sync_moves = "never"
    status = views.data_status

    def without_ids(*args: Any) -> dict[str, Any]:
        ids = {"latestSyncId", "latestSuccessfulSyncId"}
        return {k: v and {n: x for n, x in v.items() if n not in ids} for k, v in status(*args).items()}

    monkeypatch.setattr(views, "data_status", without_ids)
    for _ in range(3):
        played.run()
        assert not played.missing()
        played.world.stamp(86400)
        played.sync(restamp=2, add=2)


def test_records_are_stamped_by_a_clock_that_is_a_minute_behind(play: Callable[..., Played]) -> None:
    played = play(records=12)
    played.world.stamps = "shuffled"
    played.sync(restamp=12)
    played.run()
    played.world.skew, played.world.skewed = timedelta(seconds=-60), 2
    played.world.stamp(20)
    played.sync(add=5)
    played.run()
    assert not played.missing()


def test_the_end_of_the_last_good_sync_is_told_in_local_time(
    play: Callable[..., Played], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine hours ahead: the bookmark does not pass the time at which the status was asked for."""
    played = play(records=12)
    played.world.stamps = "shuffled"
    status = views.data_status

    def local(*args: Any) -> dict[str, Any]:
        entries = status(*args)
        for entry in filter(None, entries.values()):
            if ended := entry.get("lastSuccessfulSync"):
                moment = datetime.fromisoformat(ended) + timedelta(hours=9)
                entry["lastSuccessfulSync"] = moment.replace(tzinfo=None).isoformat()
        return entries

    monkeypatch.setattr(views, "data_status", local)
    played.run()
    played.sync(add=1)
    begun: list[Operation] = []

    def begin() -> None:
        begun.append(played.begin(add=12))
        played.world.stamp(600)
        played.world.reveal(begun[0], 6)

    played.before(1, begin)
    played.run()
    played.world.finish(begun[0])
    played.run()
    assert not played.missing()


def test_a_record_without_a_stamp_that_comes_later_is_brought_by_the_next_full_read(
    play: Callable[..., Played],
) -> None:
    played = play(records=12)
    played.run(full_read_every_days=7)
    known = set(played.first.data[ORDERS].records)
    played.sync(add=3)
    played.world.unstamped = {min(set(played.first.data[ORDERS].records) - known)}
    played.run(full_read_every_days=7)
    assert played.missing(), "it can't be asked for"
    sink = played.sinks["orders"]
    sink.bookmarks = {c: replace(b, full_read=days_ago(8)) for c, b in sink.bookmarks.items()}
    assert played.run(full_read_every_days=7).summary.outcomes == {"read": 1}, "though nothing was synced"
    assert not played.missing()
    assert [read.full for read in sink.reads] == [True, False, True]


def days_ago(number: int) -> str:
    """Return a stamp of so many days ago."""
    return f"{(datetime.now(UTC) - timedelta(days=number)).replace(tzinfo=None).isoformat()}Z"


class Warehouse:
    """What a target has kept: of orders when they were extracted, of reads their latest row."""

    def __init__(self) -> None:
        self.orders: dict[tuple[str, str], datetime] = {}
        self.reads: dict[tuple[str, str], dict[str, Any]] = {}

    def take(self, run: Run, orders: int | None = None) -> None:
        """Keep what a run brought, or only so many of its orders: streams are kept one by one, in no sure order."""
        rows = [m for m in run.messages if m["type"] == "RECORD" and m["stream"] == "orders"][:orders]
        ids = [(m["record"]["connectionId"], m["record"]["id"]) for m in rows]
        self.orders |= zip(ids, (datetime.fromisoformat(m["time_extracted"]) for m in rows), strict=True)
        told = [r for r in run.records["reads"] if r["dataType"] == ORDERS]
        self.reads |= {(r["connectionId"], r["startedAt"]): r for r in told}

    def gone(self, *, arrived: bool = True) -> set[str]:
        """Return the ids of orders that are older than the last full read, of those that have arrived or of all."""
        full = [r for r in self.reads.values() if r["full"] and (r["arrived"] or not arrived)]
        last = max((datetime.fromisoformat(r["startedAt"]) for r in full), default=datetime.min.replace(tzinfo=UTC))
        return {key[1] for key, extracted in self.orders.items() if extracted < last}


class TestOneRule:
    """What each special case beside the one rule for every read once lost."""

    def test_a_loader_that_dies_within_a_full_refresh_marks_no_order_as_gone(self, stage: Callable[..., Stage]) -> None:
        """It has kept the row of the read and 5 of 20 orders, and no state: the nights after go on from the old one."""
        shops = stage(companies=1, connections=1, records=20, extras=False, platforms=(SHOPIFY,))
        catalog, warehouse = shops.catalog("orders", "reads"), Warehouse()
        shop = shops.world.connections()[0]
        shops.world.stamp(7200)
        state: dict[str, Any] = {}
        for night in range(6):
            if night:
                shops.world.sync(shop.company_id, shop.id, (ORDERS,), add=3)
                shops.world.stamp(86400)
            run = shops.run(catalog=catalog, state=state).ok()
            warehouse.take(run)
            state = run.state
            if not night:
                warehouse.take(shops.run(catalog=catalog).ok(), orders=5)
                assert len(warehouse.gone(arrived=False)) == 15, "what the row says if it is believed at once"
        assert len(warehouse.orders) == 35
        assert not warehouse.gone()

    @pytest.mark.parametrize("odd", ["held twice", "filtered"])
    def test_a_deleted_order_is_gone_whatever_the_counts(self, stage: Callable[..., Stage], odd: str) -> None:
        """As many rows as the read's total never come: no rule may wait for them."""
        shops = stage(companies=1, connections=1, records=20, extras=False, platforms=(SHOPIFY,))
        shop, warehouse = shops.world.connections()[0], Warehouse()
        ids = sorted(shop.data[ORDERS].records)
        catalog, maps = shops.catalog("orders", "reads"), {"orders": {"__filter__": f"id != '{ids[9]}'"}}
        settings: dict[str, Any] = {"full_read_every_days": 7, **({"stream_maps": maps} if odd == "filtered" else {})}
        if odd == "held twice":
            shops.world.twice = {ids[9]}
        state: dict[str, Any] = {}
        for night in range(3):
            run = shops.run(catalog=catalog, state=aged(state, days=8), **settings).ok()
            warehouse.take(run)
            state = run.state
            told = [row["records"] for row in run.records["reads"] if not row["arrived"]]
            assert told == [len({order["id"] for order in run.records["orders"]}) + (odd == "filtered")]
            if not night:
                shops.world.remove(shop, ORDERS, ids[:3])
        assert warehouse.gone() == set(ids[:3])

    @pytest.mark.parametrize("read_before", [False, True])
    def test_a_page_from_a_machine_that_has_not_got_the_sync_yet(
        self, play: Callable[..., Played], caplog: pytest.LogCaptureFixture, *, read_before: bool
    ) -> None:
        """A webhook has started the run; the shop is unlinked, so that no other sync will ever bring what is new."""
        caplog.set_level("INFO")
        played = play()
        world, held, sink = played.world, played.first.data[ORDERS], played.sinks["orders"]
        if read_before:
            played.run()
        world.stamp(7200)
        world.settles, before = timedelta(), held.records
        played.sync(restamp=2, add=5)
        played.first.status = "Unlinked"
        after, known = held.records, dict(sink.bookmarks)
        show(held, before)
        assert played.run().summary.outcomes == {"read": 1}
        assert "Read again by the next run: the sync had just ended." in caplog.text
        assert sink.bookmarks == known
        show(held, after)
        world.stamp(60)
        assert played.run().summary.outcomes == {"read": 1}
        assert not played.missing()
        assert played.run().summary.outcomes == {"unchanged": 1}

    def test_a_sync_that_has_just_ended_is_waited_for(
        self, play: Callable[..., Played], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        played = play()
        played.world.stamp(7200)
        played.world.settles = timedelta()
        played.sync(add=5)
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            played.world.stamp(round(seconds))
            began, monotonic = clock.BEGAN
            monkeypatch.setattr(clock, "BEGAN", (began, monotonic - round(seconds)))

        monkeypatch.setattr(pending_syncs, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: sum(slept)))
        assert played.run(sync_wait=300).summary.outcomes == {"read": 1}
        assert len(slept) == 1, "when it will have settled is known"
        assert played.asked().count(ORDERS) == 1
        assert played.run().summary.outcomes == {"unchanged": 1}

    def test_a_long_read_that_began_too_soon_is_begun_anew(self, play: Callable[..., Played]) -> None:
        """Its first page may be of a machine that had not got the sync: it is not gone on from, nor kept for ever."""
        played = play(records=30)
        held = played.first.data[ORDERS]
        played.world.stamp(7200)
        played.world.settles, before = timedelta(), held.records
        played.sync(restamp=5)
        after = held.records
        show(held, before)
        played.before(3, lambda: show(held, after))
        played.run(page_size=10, max_concurrent_requests=1)
        assert not played.sinks["orders"].bookmarks
        played.world.stamp(600)
        played.run(page_size=10)
        assert not played.missing()
        assert played.run(page_size=10).summary.outcomes == {"unchanged": 1}

    @pytest.mark.parametrize("shops", [1, 2], ids=["alone", "beside another, without a history"])
    def test_a_page_within_a_sync_that_takes_records_out_and_puts_them_back(
        self, play: Callable[..., Played], shops: int
    ) -> None:
        """With their old stamps: a bookmark that had moved would pass them, and a full read would have them deleted."""
        played = play(records=20, connections=shops)
        played.world.history_refused = 403
        held, sink = played.first.data[ORDERS], played.sinks["orders"]
        begun: list[Operation] = []
        taken = dict(list(held.records.items())[:7])

        def take_out() -> None:
            begun.append(played.begin())
            held.apply([Change(i) for i in taken])

        played.before(1, take_out)
        assert played.run(full_read_every_days=7).summary.outcomes == {"not ready": shops}
        assert not sink.reads
        held.apply([Change(i, record=record) for i, record in taken.items()])
        played.world.finish(begun[0])
        played.run(full_read_every_days=7)
        assert not played.missing()
        assert [(read.full, read.records) for read in sink.reads] == [(True, 20)] * shops

    @pytest.mark.parametrize("last_read", ["full", "of what was new", "of what was new, and disturbed"])
    def test_no_data_where_there_was_some_is_no_full_read_of_nothing(
        self, play: Callable[..., Played], last_read: str
    ) -> None:
        """After a sync that failed; the last good one is over six hours old, and a full read is due."""
        played = play()
        sink, world = played.sinks["orders"], played.world
        world.stamp(7200)
        played.run(full_read_every_days=7)
        if last_read != "full":
            played.sync(add=1)
            played.run(full_read_every_days=7)
        told = len(sink.reads)
        if "disturbed" in last_read:
            world.settles = timedelta()
            world.fail(played.begin())
        world.stamp(7 * 3600)
        world.fail(played.begin())
        world.no_data = {ORDERS}
        age(sink)
        known = dict(sink.bookmarks)
        assert played.run(full_read_every_days=7).summary.outcomes == {"not ready": 1}
        assert len(sink.reads) == told
        assert sink.bookmarks == known
        world.no_data = set()
        played.run(full_read_every_days=7)
        held = len(played.first.data[ORDERS].records)
        assert [(read.full, read.records) for read in sink.reads[told:]] == [(True, held)]

    @pytest.mark.parametrize("records", [0, 10])
    def test_a_start_date_that_is_set_later_holds_for_no_data_set_that_was_read(
        self, play: Callable[..., Played], records: int
    ) -> None:
        """Without a history no sync id of two shops is ever known; they were read all the same."""
        played = play(records=records, connections=2)
        played.world.history_refused = 403
        played.run()
        played.sync(restamp=records and 2, add=5)
        played.run(start_date=days_ago(-3))
        assert not played.missing()

    @pytest.mark.parametrize("shops", [1, 2])
    def test_what_codat_stamps_anew_without_a_sync_comes_when_a_full_read_is_due(
        self, play: Callable[..., Played], shops: int
    ) -> None:
        """A property was added to all records; the shop is unlinked, and never synced again."""
        played = play(connections=shops)
        sink, held = played.sinks["orders"], played.first.data[ORDERS]
        played.run(full_read_every_days=7)
        played.first.status = "Unlinked"
        played.world.stamp(7200)
        held.apply([Change(i, days_ago(0)) for i in held.records])
        assert played.run(full_read_every_days=7).summary.outcomes == {"unchanged": shops}
        age(sink)
        assert played.run(full_read_every_days=7).summary.outcomes == {"read": shops}
        assert not played.missing()
        assert played.run(full_read_every_days=7).summary.outcomes == {"unchanged": shops}

    @pytest.mark.parametrize("shops", [1, 2])
    def test_a_bookmark_that_is_set_back_by_hand_is_read_from(self, play: Callable[..., Played], shops: int) -> None:
        played = play(connections=shops)
        sink = played.sinks["orders"]
        played.world.stamp(7200)
        played.run()
        known, came = sink.bookmarks[played.first.id], len(sink.records)
        month_ago = dates.moved(known.stamp or "", -30 * 86_400)
        sink.bookmarks[played.first.id] = replace(known, stamp=month_ago)
        played.asked()
        run = played.run()
        assert run.summary.outcomes == Counter({"read": 1, "unchanged": shops - 1} if shops > 1 else {"read": 1})
        assert len(sink.records) == came + 10
        assert (sink.reads[-1].full, sink.bookmarks[played.first.id].stamp) == (False, known.stamp)
        assert played.run().summary.outcomes == {"unchanged": shops}

    def test_a_sync_that_fails_within_a_long_read_is_told_by_its_status_alone(
        self, play: Callable[..., Played], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The status has no ids: it is Complete before and FetchError after, and the good sync is the same."""
        played = play(records=30)
        status = views.data_status

        def without_ids(*args: Any) -> dict[str, Any]:
            ids = {"latestSyncId", "latestSuccessfulSyncId"}
            return {k: v and {n: x for n, x in v.items() if n not in ids} for k, v in status(*args).items()}

        def fail() -> None:
            operation = played.begin(add=1, remove=1)
            played.world.reveal(operation, 2)
            played.world.fail(operation)

        monkeypatch.setattr(views, "data_status", without_ids)
        played.before(2, fail)
        played.run(page_size=10, max_concurrent_requests=1)
        assert not played.missing()


def show(held: DataSet, records: dict[str, Any]) -> None:
    """Let a data set be what it was, or will be, on another machine of Codat's."""
    held.records, held.version = records, held.version + 1


def age(sink: KeepingSink) -> None:
    """Let it be eight days since the last full reads."""
    sink.bookmarks = {c: replace(b, full_read=days_ago(8)) for c, b in sink.bookmarks.items()}


# The tap as a process


PAGED = r"/companies$|/data/history$|/data/commerce-(?!info)"
WITH_IDS = {name: data_set.data_type for name, data_set in DATA_SETS.items() if "id" in data_set.keys}


@contextmanager
def one_answer_behind(url: str, which: str, after: int) -> Iterator[tuple[str, list[str]]]:
    """Stand between the tap and Codat, and mix up the answers to the paths that fit: on each connection, once so many
    were right, a request gets the answer to the one before it. Yields the address, and of what the wrong answers were.
    """
    mixed: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        """One connection, kept alive."""

        protocol_version, right, before = "HTTP/1.1", 0, ("", 0, b"")

        def do_GET(self) -> None:
            asked = Request(url + self.path, headers={"Authorization": self.headers["Authorization"]})
            try:
                with urlopen(asked) as response:
                    answer = self.path, response.status, response.read()
            except HTTPError as error:
                answer = self.path, error.code, error.read()
            of, status, body = answer
            if re.search(which, self.path.partition("?")[0]):
                if self.right >= after:
                    of, status, body = self.before
                    mixed.extend([of] if of != self.path else [])
                self.right, self.before = self.right + 1, answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", mixed
    server.shutdown()
    server.server_close()


def misplaced(shops: Stage, run: Run) -> Counter[str]:
    """Return how many records came, by stream, that the shop they are said to be of does not hold."""
    return Counter(
        stream
        for stream, data_type in WITH_IDS.items()
        for record in run.records[stream]
        if (record["companyId"], record["connectionId"], record["id"]) not in shops.held(data_type)
    )


def lacking(shops: Stage, run: Run) -> dict[str, int]:
    """Return how many records did not come, or came twice, by stream."""
    counts = {stream: len(shops.held(name)) - len(run.records[stream]) for stream, name in WITH_IDS.items()}
    return {stream: number for stream, number in counts.items() if number}


@pytest.mark.parametrize("at_once", [2, 10])
def test_a_proxy_is_one_answer_behind(stage: Callable[..., Stage], at_once: int) -> None:
    shops = stage(companies=3, connections=2, records=8, extras=False, platforms=(SHOPIFY,))
    settings: dict[str, Any] = {"page_size": 3, "max_retry_wait": 0, "max_concurrent_requests": at_once}
    calm = shops.run(**settings).ok()
    asked = len(shops.requests())
    with one_answer_behind(shops.url, PAGED, after=4) as (address, mixed):
        run = shops.run(api_url=address, **settings).ok()
    assert mixed
    assert len(shops.requests()) == asked + len(mixed), "each of them is asked for once more"
    assert (misplaced(shops, run), lacking(shops, run)) == ({}, {})
    assert run.content[:2] == calm.content[:2]


def test_a_proxy_mixes_up_what_does_not_tell_either(stage: Callable[..., Stage]) -> None:
    """A data status in the place of a page, and the other way round: what fails is named."""
    shops = stage(companies=4, connections=1, records=8, extras=False)
    with one_answer_behind(shops.url, "", after=4) as (address, mixed):
        run = shops.run(api_url=address, page_size=3, max_retry_wait=0)
    assert mixed
    assert not misplaced(shops, run)
    missing = {stream for stream, number in lacking(shops, run).items() if number > 0}
    assert not missing or run.code == 1
    for stream in missing:
        assert stream in run.log


def test_an_answer_that_stays_another_one_fails_its_data_set(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=8, extras=False, platforms=(SHOPIFY,))
    other = r"/commerce-orders(?=\?)"
    shops.gate.faults.append(Fault("spoil", "commerce-orders$", find=other, body="/commerce-customers", times=0))
    run = shops.run(max_retries=2, max_retry_wait=0)
    assert run.code == 1
    (line,) = [line for line in run.problems if "orders of " in line]
    assert re.search(r"commerce-orders: an answer came that says that it is /companies/\S+/commerce-customers\b", line)
    assert "mixes answers up: check api_url and any proxy" in line
    assert list(lacking(shops, run)) == ["orders"]
    assert len(shops.requests("commerce-orders")) == 3


def pages_of(number: int, size: int) -> int:
    """Return how many requests so many records take."""
    return max(1, -(-number // size))


def expected(shops: Stage, size: int) -> Counter[str]:
    """Return how many requests the lists take, by the ends of their paths."""
    lists = Counter({"companies": pages_of(len(shops.world.companies), size)})
    for connection in shops.world.connections():
        for data_type in WITH_IDS.values():
            if data_type not in connection.platform.lacks:
                lists[data_type] += pages_of(len(connection.data[data_type].records), size)
    return lists


def asked_for(shops: Stage) -> Counter[str]:
    """Return how many requests for lists were made, by the ends of their paths."""
    return Counter(path.rpartition("/")[2] for path in shops.requests() if re.search(PAGED, path))


SMALLER = "Codat hands out pages of 7 records where 20 are asked for"


@pytest.mark.parametrize("at_once", [1, 10])
@pytest.mark.parametrize("told", ["own", "asked"])
def test_pages_are_smaller_than_asked_for(stage: Callable[..., Stage], told: str, at_once: int) -> None:
    shops = stage(companies=9, connections=1, records=24, extras=False, platforms=(SHOPIFY,))
    shops.world.max_page, shops.world.told_page_size = 7, told  # type: ignore[assignment]
    run = shops.run(page_size=20, max_concurrent_requests=at_once).ok()
    assert lacking(shops, run) == {}
    assert len(run.records["companies"]) == 9
    assert asked_for(shops) == expected(shops, 7)
    assert run.problems == []
    assert run.log.count(SMALLER) == 1


@pytest.mark.parametrize("told", ["own", "asked"])
def test_a_read_of_smaller_pages_is_gone_on_from_in_the_next_run(stage: Callable[..., Stage], told: str) -> None:
    shops = stage(companies=1, connections=1, records=50, extras=False, platforms=(SHOPIFY,))
    shops.world.max_page, shops.world.told_page_size = 7, told  # type: ignore[assignment]
    shops.gate.faults.append(Fault(path="commerce-orders$", page=5, status=500))
    first = shops.run(page_size=20, max_retries=0)
    assert first.code == 1
    shops.requests()
    second = shops.run(state=first.state, page_size=20).ok()
    assert sorted(a.query["page"] for a in shops.gate.asked if a.path.endswith("commerce-orders")) == [*"45678"]
    orders = [r["id"] for run in (first, second) for r in run.records["orders"]]
    assert sorted(orders) == sorted(record_id for *_, record_id in shops.held("commerce-orders"))


def test_ids_that_are_held_twice_on_two_smaller_pages(play: Callable[..., Played]) -> None:
    played = play(records=30)
    played.world.max_page = 7
    seventh = sorted(played.first.data[ORDERS].records)[6]
    played.world.twice = {seventh}
    run = played.run(page_size=20)
    assert run.summary.outcomes == {"read": 1}
    assert not played.missing()


@pytest.mark.parametrize("most", [7, 1000])
def test_a_history_of_smaller_pages_reaches_less_far_back(stage: Callable[..., Stage], most: int) -> None:
    """It is asked for its latest page alone."""
    shops = stage(companies=2, connections=2, records=3, extras=False)
    state = shops.run().ok().state
    shops.world.max_page = most
    for company_id in shops.world.companies:
        shops.world.sync(company_id, restamp=1)
    run = shops.run(state=state).ok()
    held = {key: record["modifiedDate"][:19] for key, record in shops.held("commerce-orders").items()}
    came = {(r["companyId"], r["connectionId"], r["id"]): r["modifiedDate"][:19] for r in run.records["orders"]}
    assert {key for key, stamp in held.items() if stamp == max(held.values())} <= came.keys()
