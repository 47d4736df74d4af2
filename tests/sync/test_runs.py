"""A night's run: what it costs, how it waits, what goes wrong, what it says at the end."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.faults import Fault
from codat_mock.platforms import BY_KEY
from conftest import DATA_SETS, STREAMS, Meanwhile, start_tap
from tap_codat_commerce.sync.prefetch_plan import OPEN_FOR_EACH
from tap_codat_commerce.sync.run_summary import RunSummary

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

ORDERS = "commerce-orders"
SHOPIFY = (BY_KEY["fztf"],)


@pytest.mark.slow
class TestCost:
    """What is unchanged costs nothing."""

    def test_a_second_run_over_100_companies(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=100, connections=1, records=1, extras=False, platforms=SHOPIFY)
        shops.gate.per_minute = 10**6
        state = shops.run(requests_per_minute=10**6).ok().state
        each = 1 + len(DATA_SETS) + 1  # a look, the data sets of one page each, a look
        assert len(shops.requests()) == 1 + 100 * each

        again = shops.run(state=state).ok()
        asked = shops.requests()
        assert len(asked) == 101
        assert not [p for p in asked if "/data/" in p]
        assert len(again.schemas) == len(STREAMS), "a target makes all tables, also those that get no row this time"
        assert again.summary == {
            "read": 0,
            "unchanged": 100 * len(DATA_SETS),
            "not ready": 0,
            "failed": 0,
            "not supported": 0,
            "records": 0,
        }

        connection = shops.world.connections()[67]
        shops.world.stamp(86400)
        shops.world.sync(connection.company_id, connection.id, (ORDERS,), restamp=1)
        changed = shops.run(state=again.state).ok()
        assert len(shops.requests()) == 101 + 3, "a look back, the data set, a second look"
        held = next(iter(connection.data[ORDERS].records.values()))
        assert [(r["id"], r["modifiedDate"]) for r in changed.records["orders"]] == [(held["id"], held["modifiedDate"])]

    def test_what_is_read_whole_is_skipped_too(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=1, connections=1)
        state = shops.run().ok().state
        assert state["bookmarks"]["company_info"]["partitions"][0].keys() == {"context", "sync_id", "seen", "read"}
        shops.requests()
        shops.run(state=state).ok()
        assert len(shops.requests()) == 2


class TestWaiting:
    """What is under way is set aside until everything else is read."""

    def test_until_it_is_ready(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=2, connections=1, records=5)
        first = shops.world.connections()[0]
        finish = partial(shops.world.finish, shops.world.begin(first.company_id, None, ORDERS, "Fetching")[0])
        shops.gate.faults.append(Meanwhile(finish, path=f"{first.company_id}/dataStatus", skip=2))
        run = shops.run(sync_wait=30).ok()
        streams = [m["stream"] for m in run.messages if m["type"] == "RECORD" and m["stream"] in {"orders", "products"}]
        assert streams[-1] == "orders", "everything else came first"
        assert {r["connectionId"] for r in run.records["orders"]} == {c.id for c in shops.world.connections()}
        assert "Waiting for 1 data sets whose syncs are under way or have just ended, 30 of 30 s are left." in run.log
        assert len(shops.requests("dataStatus")) <= 2 + 6 + 3, "once more after each read"

    def test_what_was_read_does_not_wait_with_it(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=1, connections=1, records=5)
        operation = shops.world.begin(next(iter(shops.world.companies)), None, ORDERS, "Fetching")[0]
        process = start_tap(shops, {}, sync_wait=30)
        assert process.stdout
        while '"stream":"transactions","record"' not in process.stdout.readline():
            assert process.poll() is None
        shops.world.finish(operation)
        assert '"stream":"orders","record"' in process.stdout.read()
        assert process.wait(30) == 0

    @pytest.mark.parametrize(("on_not_ready", "code"), [("skip", 0), ("fail", 1)])
    def test_until_the_time_is_spent(self, stage: Callable[..., Stage], on_not_ready: str, code: int) -> None:
        shops = stage(companies=2, connections=1, records=5)
        first = shops.world.connections()[0]
        shops.world.begin(first.company_id, None, ORDERS, "Mapping")
        run = shops.run(sync_wait=2, on_not_ready=on_not_ready)
        assert run.code == code
        assert len(run.records["orders"]) == 5
        assert len(run.records["products"]) == 10
        place = f"(company {first.company_id}), Shopify (connection {first.id})"
        assert run.says("Not ready: the sync is under way (Mapping). Run again", f"{place}: orders.")
        if code:
            assert run.problems[-1] == "1 data set not ready (see above), and on_not_ready is fail."

    @pytest.mark.parametrize("status", ["FetchError", None, "Pondering"])
    def test_what_is_not_ready_can_fail_the_run(self, stage: Callable[..., Stage], status: str | None) -> None:
        shops = stage(companies=1, connections=1)
        shops.world.set_status(next(iter(shops.world.companies)), ORDERS, status, after_good=False)
        run = shops.run(on_not_ready="fail")
        assert run.code == 1
        assert run.problems[-1].startswith("1 data set not ready (see above), and on_not_ready")
        assert len(run.records["payments"]) == 12

    def test_what_is_not_supported_does_not(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=1, connections=1, platforms=(BY_KEY["exgd"],))
        shops.run(on_not_ready="fail").ok()

    def test_a_dry_run_does_not_wait(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=1, connections=1)
        shops.world.begin(next(iter(shops.world.companies)), None, ORDERS, "Mapping")
        began = time.monotonic()
        shops.run("--test").ok()
        assert time.monotonic() - began < 20


class TestRefresh:
    """What is old is fetched anew first."""

    def test_what_is_older_is_refreshed_and_waited_for(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=1, connections=2, records=5, platforms=SHOPIFY)
        shops.world.sync_seconds = 0.5
        second = shops.world.connections()[1]
        second.status = "Unlinked"
        run = shops.run(refresh_older_than_hours=1, sync_wait=60, catalog=shops.catalog("orders", "customers")).ok()
        posted = [a for a in shops.gate.asked if a.method == "POST"]
        first = shops.world.connections()[0]
        assert sorted((a.path.rpartition("/")[2], a.query["connectionId"]) for a in posted) == [
            ("commerce-customers", first.id),
            (ORDERS, first.id),
        ]
        came = {(r["connectionId"], r["id"]) for r in run.records["orders"]}
        assert came == {(c.id, i) for c in shops.world.connections() for i in c.data[ORDERS].records}
        assert len(first.data[ORDERS].records) == 6, "the refresh found a new one"

    def test_what_fails_after_it_was_refreshed_is_counted_as_that_alone(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=1, connections=1, records=5, platforms=SHOPIFY)
        shops.world.sync_seconds = 0.5
        failing = Fault(path=f"/{ORDERS}", status=500, times=0)
        shops.gate.faults.append(Meanwhile(lambda: shops.gate.faults.append(failing), path="/queue/", method="POST"))
        run = shops.run(refresh_older_than_hours=1, sync_wait=60, max_retries=0, catalog=shops.catalog("orders"))
        assert run.code == 1
        assert {name: number for name, number in run.summary.items() if number} == {"failed": 1, "records": 5}

    def test_many_are_queued_at_once(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=2, connections=1, records=5, platforms=SHOPIFY)
        state = shops.run().ok().state
        shops.gate.faults.append(Fault("slow", "/queue/", method="POST", seconds=0.3, times=0))
        shops.gate.asked.clear()
        shops.gate.most_in_flight = 0
        run = shops.run(state=state, refresh_older_than_hours=1, sync_wait=0).ok()
        posted = Counter(a.path for a in shops.gate.asked if a.method == "POST")
        assert len(posted) == run.summary["unchanged"] == 2 * len(DATA_SETS)
        assert set(posted.values()) == {1}
        assert shops.gate.most_in_flight > 4

    def test_a_dry_run_queues_none(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=1, connections=1)
        shops.run("--test", refresh_older_than_hours=1).ok()
        assert not [a for a in shops.gate.asked if a.method == "POST"]

    def test_what_is_not_so_old_is_not(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=1, connections=1)
        shops.run(refresh_older_than_hours=48).ok()
        assert not [a for a in shops.gate.asked if a.method == "POST"]

    def test_what_a_platform_does_not_offer_costs_nothing(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=1, connections=2, records=3, platforms=(*SHOPIFY, BY_KEY["exgd"]))
        state = shops.run().ok().state
        for _ in range(2):
            shops.gate.asked.clear()
            run = shops.run(state=state, refresh_older_than_hours=48).ok()
            state = run.state
            assert not shops.requests("/connections/")
        assert run.summary["not supported"] == len(BY_KEY["exgd"].lacks)

    def test_a_refresh_that_is_refused_does_not_stop_the_read(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=5, connections=1)
        for status, ends in ((403, True), (402, True), (404, False), (503, True)):
            shops.gate.faults[:] = [Fault(path="queue", method="POST", status=status, times=0, message="Not today.")]
            run = shops.run(refresh_older_than_hours=1, max_retries=0).ok()
            assert len(run.records["orders"]) == 60
            first, *others = run.problems
            assert first.startswith("A refresh could not be queued: ")
            assert "Not today" in first
            assert ("No more refreshes are asked for in this run. What there is is read." in others) is ends
            named = [line for line in others if line.startswith("A refresh could not be queued (see above), what is")]
            assert named

    def test_what_one_company_refuses_is_refreshed_at_the_others(self, stage: Callable[..., Stage]) -> None:
        """What is not refreshed is named; what is, is waited for and read, also where it was asked for ahead."""
        shops = stage(companies=8, connections=1, records=3, platforms=SHOPIFY)
        state = shops.run().ok().state
        shops.world.sync_seconds = 0.1
        first, *others = shops.world.connections()
        shops.gate.faults.append(Fault(path=f"{first.company_id}/data/queue", method="POST", status=500, times=0))
        shops.gate.asked.clear()
        run = shops.run(state=state, refresh_older_than_hours=1, sync_wait=100, max_retries=0).ok()
        posted = Counter(a.path.split("/")[2] for a in shops.gate.asked if a.method == "POST")
        assert all(posted[other.company_id] == len(DATA_SETS) for other in others)
        assert run.summary["read"] == len(others) * len(DATA_SETS)
        assert run.summary["unchanged"] == len(DATA_SETS)
        named = next(line for line in run.problems if line.startswith("A refresh could not be queued (see above)"))
        assert all(name in named for name in DATA_SETS)
        assert not run.says("No more refreshes")

    def test_what_is_under_way_is_not_refreshed(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=1, connections=1)
        shops.world.begin(next(iter(shops.world.companies)), None, ORDERS, "Fetching")
        shops.run(refresh_older_than_hours=1, sync_wait=1, catalog=shops.catalog("orders")).ok()
        assert not [a for a in shops.gate.asked if a.method == "POST"]

    @pytest.mark.parametrize("status", [400, 409, 500])
    def test_one_that_is_under_way_already_is_waited_for(self, stage: Callable[..., Stage], status: int) -> None:
        shops = stage(companies=1, connections=1)
        message = "DatasetAlreadyInProgressException: it is being synced."
        shops.gate.faults.append(Fault(path="queue", method="POST", status=status, message=message, times=0))
        run = shops.run(refresh_older_than_hours=1, sync_wait=2).ok()
        assert len(run.records["orders"]) == 12
        assert len([a for a in shops.gate.asked if a.method == "POST"]) == len(DATA_SETS), "each is tried once"


class TestFailures:
    """What goes wrong at one data set stays there."""

    def test_one_data_set_for_good(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=2, connections=1)
        first, second = shops.world.connections()
        shops.gate.faults.append(Fault(path=f"{first.id}/data/{ORDERS}", status=500, times=0))
        run = shops.run(max_retries=1)
        assert run.code == 1
        assert {r["connectionId"] for r in run.records["orders"]} == {second.id}
        assert {r["connectionId"] for r in run.records["transactions"]} == {first.id, second.id}
        assert len(shops.requests(ORDERS)) == 2 + 1

        shops.gate.faults.clear()
        again = shops.run(state=run.state).ok()
        assert {r["connectionId"] for r in again.records["orders"]} == {first.id}
        assert [p.rpartition("/")[2] for p in shops.requests("/data/")] == [ORDERS]

    def test_the_status_of_one_company(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=3, connections=2)
        first = shops.world.connections()[0].company_id
        shops.gate.faults.append(Fault(path=f"{first}/dataStatus", status=500, times=0))
        run = shops.run(max_retries=1)
        assert run.code == 1
        assert len({r["companyId"] for r in run.records["orders"]}) == 2
        assert len(shops.requests(f"{first}/dataStatus")) == 2, (
            "asked once, and tried again once, for all its data sets"
        )
        failed, not_read, last = run.problems
        assert f"data status of company {first}: GET" in failed
        assert not_read.startswith(f"Not read, as data status of company {first} failed (see above). ")
        assert all(not_read.count(name) >= 2 for name in DATA_SETS), "each is named, over both connections"
        count = 2 * len(DATA_SETS) + 1
        assert last == f"{count} data sets failed (see above). The next run reads them from where they were."

    @pytest.mark.parametrize("fault", [{"status": s} for s in (400, 403, 404, 500)] + [{"kind": "reset"}], ids=str)
    def test_one_shop_for_good(self, stage: Callable[..., Stage], fault: dict[str, Any]) -> None:
        """It is in nobody's way, though eleven data sets fail one after another."""
        shops = stage(companies=7, connections=1, records=3)
        bad = shops.world.connections()[0]
        shops.gate.faults.append(Fault(path=f"{bad.id}/data/", times=0, **fault))
        run = shops.run(max_retries=0)
        assert run.code == 1
        assert {r["connectionId"] for r in run.records["orders"]} == {
            c.id for c in shops.world.connections() if c is not bad
        }
        assert "companies 7 of 7" in run.log

    def test_a_few_shops_for_good_cost_little(self, stage: Callable[..., Stage]) -> None:
        """They are the first in each run: what comes after them is read."""
        shops = stage(companies=30, connections=1, records=3)
        bad = shops.world.connections()[:9]
        shops.gate.faults += [Fault(path=f"{c.id}/data/", status=500, times=0) for c in bad]
        catalog = shops.catalog("orders")
        run = shops.run(max_retries=1, max_concurrent_requests=1, catalog=catalog)
        assert run.code == 1
        assert len({r["connectionId"] for r in run.records["orders"]}) == 30 - 9
        paths = shops.requests("/data/")
        tried = [sum(c.id in path for path in paths) for c in shops.world.connections()]
        assert tried[:5] == [2] * 5
        assert tried[7:] == [1] * (30 - 7), "after five, each is tried once, but for two that may be under way"

    @pytest.mark.parametrize("fault", [{"status": 503}, {"status": 429}, {"kind": "reset"}])
    def test_one_shop_is_not_waited_for_at_each_of_its_data_sets(
        self, stage: Callable[..., Stage], fault: dict[str, Any]
    ) -> None:
        shops = stage(companies=3, connections=1, records=3)
        bad = shops.world.connections()[0]
        shops.gate.faults.append(Fault(path=f"{bad.id}/data/", times=0, **fault))
        run = shops.run(max_retries=3, max_retry_wait=1, max_concurrent_requests=1)
        assert run.code == 1
        assert len({r["connectionId"] for r in run.records["orders"]}) == 2
        tried = sorted(Counter(p for p in shops.requests("/data/") if bad.id in p).values())
        assert tried[-1] == 4
        assert sum(tried) <= len(DATA_SETS) - 1 + 4 + 1, "but for one that is asked for ahead"

    def test_many_shops_in_trouble_do_not_fill_the_night(self, stage: Callable[..., Stage]) -> None:
        """Also where those between them are well."""
        shops = stage(companies=16, connections=1, records=3)
        bad = shops.world.connections()[::2]
        shops.gate.faults += [Fault(path=f"{c.id}/data/", status=500, times=0) for c in bad]
        run = shops.run(max_retries=3, max_retry_wait=0, max_concurrent_requests=1, catalog=shops.catalog("orders"))
        assert run.code == 1
        assert len({r["connectionId"] for r in run.records["orders"]}) == 8
        tried = Counter(p for p in shops.requests("/data/"))
        counts = [next(n for p, n in tried.items() if c.id in p) for c in bad]
        assert counts[:4] == [4] * 4
        assert max(counts[6:]) == 2

    def test_a_wait_that_is_too_long_is_not_begun(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=2, connections=1, records=3)
        bad = shops.world.connections()[0]
        shops.gate.faults.append(Fault(path=f"{bad.id}/data/", times=0, status=503, headers={"Retry-After": "3600"}))
        run = shops.run()
        assert run.code == 1
        assert {r["connectionId"] for r in run.records["orders"]} == {shops.world.connections()[1].id}
        assert max(Counter(shops.requests("/data/")).values()) == 1

    def test_nothing_is_answered_any_more(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=9, connections=1)
        shops.gate.faults.append(Fault(path="", status=503, skip=30, times=0))
        run = shops.run(max_retries=0, max_concurrent_requests=1)
        assert run.code == 1
        assert re.search(r"and \d companies are not read, or not wholly: .* answered 503", run.problems[-1])
        assert len(shops.requests()) <= 30 + 13 * 6
        assert run.state["bookmarks"]["customers"]["partitions"], "what was read is in the state"

    def test_no_data_set_can_be_had(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=40, connections=1, records=1)
        shops.gate.faults.append(Fault(path="/data/commerce", status=503, times=0))
        run = shops.run(max_retries=1, catalog=shops.catalog("orders", "products"), max_concurrent_requests=1)
        assert run.code == 1
        said = re.search(r"and (\d+) companies are not read, or not wholly", run.problems[-1])
        assert said, run.problems
        assert int(said[1]) >= 16  # more, if all statuses were read before the first failure
        assert len(run.problems[-1]) < 700
        assert len(shops.requests("commerce-")) <= 5 * 2 * 2 + 20 * 2

    @pytest.mark.parametrize("status", [401, 402])
    def test_a_key_that_is_no_longer_good_ends_it(self, stage: Callable[..., Stage], status: int) -> None:
        """What was read of the second company is not proven yet, and is read again by the next run."""
        shops = stage(companies=2, connections=1)
        first, second = shops.world.connections()
        shops.gate.faults.append(Fault(path=ORDERS, status=status, skip=1, times=0))
        run = shops.run(max_concurrent_requests=1)
        assert run.code == 1
        assert shops.requests()[-1].endswith(ORDERS)
        assert run.problems[-1].startswith("orders of ")
        assert {r["connectionId"] for r in run.records["customers"]} == {first.id, second.id}
        proven = [p["context"]["connectionId"] for p in run.state["bookmarks"]["customers"]["partitions"]]
        assert proven == [first.id]
        shops.gate.faults.clear()
        again = shops.run(state=run.state).ok()
        assert {r["connectionId"] for r in again.records["customers"]} == {second.id}
        assert not [p for p in shops.requests("/data/") if first.id in p]

    def test_what_the_key_may_not_see_stays_there(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=2, connections=1)
        shops.gate.faults.append(Fault(path=ORDERS, status=403))
        run = shops.run()
        assert run.code == 1
        assert len(run.records["orders"]) == 12
        assert run.problems[-1].startswith("1 data set failed (see above). The next run")

    def test_a_key_that_is_outdated_meanwhile_ends_it(self, stage: Callable[..., Stage]) -> None:
        """That is said of the last company that was refused; the others are not asked for."""
        shops = stage(companies=20, connections=1)
        shops.gate.faults.append(Fault(status=403, skip=60, times=0, message="API key is outdated."))
        run = shops.run(max_concurrent_requests=1)
        assert run.code == 1
        assert "and 12 companies are not read, or not wholly: " in run.problems[-1]
        assert "API key is outdated" in run.problems[-1]
        assert len(shops.requests()) <= 60 + OPEN_FOR_EACH * (1 + len(DATA_SETS)), "what was on its way"

    def test_a_spent_quota_ends_it_with_the_time_of_its_reset(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=3, connections=1)
        shops.gate.quota = 20
        run = shops.run(max_retry_wait=0)
        assert run.code == 1
        assert len(shops.requests()) <= 20 + 10, "those that were under way already"
        assert re.search(r"requests are allowed again \w+, \d+ \w+ \d{4} 00:00:00 GMT", run.problems[-1])
        assert "left today 0 " in run.log
        shops.gate.quota = None
        rest = shops.run(state=run.state).ok()
        came = {(r["connectionId"], r["id"]) for r in run.records["orders"] + rest.records["orders"]}
        assert came == {(k[1], k[2]) for k in shops.held(ORDERS)}


class TestSummary:
    """The last lines sum the run up."""

    def test_its_lines(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=3, connections=2, records=4)
        company = next(iter(shops.world.companies))
        shops.world.set_status(company, ORDERS, "FetchError", after_good=False)
        run = shops.run(env={"TAP_CODAT_COMMERCE_LOGLEVEL": "debug"}).ok()
        lines = [line.split(" | ")[-1] for line in run.log.splitlines()]
        first = next(n for n, line in enumerate(lines) if line.startswith("companies "))
        records = sum(len(r) for s, r in run.records.items() if s in DATA_SETS)
        requests, read = len(shops.requests()), 6 * len(DATA_SETS) - 2 - 3
        assert re.fullmatch(
            rf"companies 3 of 3 +connections 6 +requests {requests} +left today {4000 - requests} +seconds \d+\.\d",
            lines[first],
        )
        assert re.fullmatch(
            rf"data sets: read {read} +unchanged 0 +not ready 2 +failed 0 +not supported 3 +records {records}",
            lines[first + 1],
        )
        assert lines[first - 1].startswith("Not ready: the first sync failed")
        assert max(map(len, lines[first : first + 2])) <= 100
        machine = json.loads(next(line for line in lines if line.startswith("summary ")).removeprefix("summary "))
        assert sum(machine["records"].values()) == records
        assert machine["requests"] == requests
        assert machine["data_sets"] == {"read": read, "not ready": 2, "not supported": 3}
        assert [len(places) for places in machine["findings"].values()] == [2]

    def test_progress_while_it_runs(self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO")
        now = 1000.0
        monkeypatch.setattr("time.monotonic", lambda: now)
        progress = RunSummary(SimpleNamespace(requests=120))  # type: ignore[arg-type]
        progress.companies, progress.companies_done, progress.records_of["orders"] = 9, 2, 345
        for seconds in (1, 8, 1, 5, 5):
            now += seconds
            progress.log_progress()
            if seconds == 1 and caplog.messages:
                progress.outcomes["not ready"] = 2
        assert caplog.messages == [
            "2 of 9 companies done, 345 records, 120 requests (720 a minute).",
            "2 of 9 companies done, 345 records, 120 requests (360 a minute), 2 not ready.",
        ]
