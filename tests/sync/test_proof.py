"""No record is missing, whatever Codat does while its pages are being read."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from codat_mock.faults import Fault
from codat_mock.language import ticks
from codat_mock.platforms import BY_KEY
from conftest import API_KEY, Meanwhile, Run, rest

if TYPE_CHECKING:
    from collections.abc import Callable

    from codat_mock.platforms import Platform
    from codat_mock.world import Connection, Operation
    from conftest import Stage

pytestmark = pytest.mark.slow
ORDERS = "commerce-orders"


class Shop:
    """One shop with many orders, and what may happen to it."""

    def __init__(self, shops: Stage) -> None:
        self.shops = shops
        self.connection: Connection = shops.world.connections()[0]
        self.catalog = shops.catalog("orders")

    def sync(self, **found: int) -> None:
        """Let a sync of the orders happen."""
        self.shops.world.sync(self.connection.company_id, self.connection.id, (ORDERS,), **found)

    def begin(self) -> None:
        """Let a sync of the orders begin that does not finish."""
        self.shops.world.begin(self.connection.company_id, self.connection.id, ORDERS, "Fetching")

    def before(self, page: int | None, happening: Callable[[], object], times: int = 1) -> None:
        """Let something happen before a page is answered, or before each."""
        self.shops.gate.faults.append(Meanwhile(happening, path=ORDERS, page=page, times=times))

    def run(self, **settings: Any) -> Run:
        """Read the orders."""
        return self.shops.run(catalog=self.catalog, **{"page_size": 1000, "sync_wait": 0, **settings})

    def missing(self, *runs: Run) -> int:
        """Return how many orders did not come in their latest version."""
        came = {(r["id"], micros(r["modifiedDate"])) for run in runs for r in run.records["orders"]}
        held = {(key[2], micros(r["modifiedDate"])) for key, r in self.shops.held(ORDERS).items()}
        return len(held - came)


def with_orders(stage: Callable[..., Stage], orders: int, platform: Platform = BY_KEY["fztf"], **more: int) -> Shop:
    """Return a shop with so many orders, and one record of everything else."""
    shops = stage(**{"companies": 1, "connections": 1, **more}, records=1, extras=False, platforms=(platform,))
    shop = Shop(shops)
    shop.sync(add=orders - 1, restamp=1)
    return shop


def micros(stamp: str) -> int:
    """Return a stamp as microseconds: what is beyond is cut off on the way."""
    return (ticks(stamp) or 0) // 10


def plain_loop(shop: Shop, page_size: int = 1000) -> set[str]:
    """Read the orders as is usually done: pages in the order of modification, while there is a next one."""
    ids: set[str] = set()
    url = f"/companies/{shop.connection.company_id}/connections/{shop.connection.id}/data/{ORDERS}"
    url += f"?pageSize={page_size}&orderBy=modifiedDate"
    headers = {"Authorization": "Basic " + base64.b64encode(API_KEY.encode()).decode()}
    while url:
        page = requests.get(shop.shops.url + url, headers=headers, timeout=30).json()
        ids |= {r["id"] for r in page["results"]}
        url = page["_links"].get("next", {}).get("href", "")
    return ids


@pytest.fixture
def shop(stage: Callable[..., Stage]) -> Shop:
    """Return a shop with 4,000 orders."""
    return with_orders(stage, 4000)


DRIFTS: dict[str, Callable[[Shop], None]] = {
    "re-stamps between the first and the second page": lambda s: s.before(2, lambda: s.sync(restamp=120)),
    "re-stamps before each of the first six pages": lambda s: s.before(None, lambda: s.sync(restamp=120), times=6),
    "deletions": lambda s: s.before(2, lambda: s.sync(remove=35)),
    "deletions and as many new ones": lambda s: s.before(3, lambda: s.sync(remove=35, add=35)),
    "a sync that starts and goes on": lambda s: s.before(2, s.begin),
    "an unstable order among ties": lambda s: setattr(s.shops.world, "unstable_ties", True),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_drift(shop: Shop, drift: str) -> None:
    DRIFTS[drift](shop)
    run = shop.run().ok()
    assert shop.missing(run) == 0


@pytest.mark.parametrize("drift", [d for d in DRIFTS if "starts" not in d])
def test_a_plain_loop_loses_records(shop: Shop, drift: str) -> None:
    DRIFTS[drift](shop)
    missing = {key[2] for key in shop.shops.held(ORDERS)} - plain_loop(shop)
    assert missing


def test_what_never_rests_is_a_failure_that_loses_nothing(shop: Shop) -> None:
    shop.before(None, lambda: shop.sync(restamp=120), times=0)
    run = shop.run()
    assert run.code == 1
    assert run.says("orders of ", "what came may be incomplete, as")
    assert run.problems[-1].startswith("1 data set failed (see above).")
    assert len([a for a in shop.shops.gate.asked if a.query.get("orderBy") == "id"]) == 4 + 5 + 5
    shop.shops.gate.faults.clear()
    assert shop.missing(run, shop.run(state=run.state).ok()) == 0


def test_a_sync_that_does_not_finish_is_waited_for_then_left_for_the_next_run(shop: Shop) -> None:
    shop.before(2, shop.begin)
    run = shop.run(sync_wait=1).ok()
    assert shop.missing(run) == 0
    assert "Not ready: the sync is under way (Fetching)" in run.log
    assert "Waiting for 1 data sets" in run.log
    assert not run.state["bookmarks"]["orders"].get("partitions")
    shop.sync()
    assert shop.missing(shop.run(state=run.state).ok()) == 0


def test_a_sync_that_finishes_is_waited_for(shop: Shop) -> None:
    shop.shops.world.sync_seconds = 0.6
    shop.before(2, lambda: shop.shops.world.begin(shop.connection.company_id, shop.connection.id, ORDERS))
    run = shop.run(sync_wait=30).ok()
    assert shop.missing(run) == 0
    assert run.state["bookmarks"]["orders"]["partitions"][0]["sync_id"]
    assert "data sets: read 1 " in run.log


@pytest.mark.parametrize(("page_size", "pages"), [(5000, 1), (1000, 4)])
def test_a_read_asks_for_the_status_once_more_however_many_its_pages(shop: Shop, page_size: int, pages: int) -> None:
    shop.run(page_size=page_size).ok()
    paths = [p.rpartition("/")[2] for p in shop.shops.requests()]
    assert paths == ["companies", "dataStatus", *[ORDERS] * pages, "dataStatus"]


def test_all_data_sets_of_a_company_are_looked_at_again_by_one_request(shop: Shop) -> None:
    catalog = shop.shops.catalog("customers", "orders", "products")
    shop.shops.run(catalog=catalog, page_size=5000, max_concurrent_requests=1).ok()
    paths = [p.rpartition("/")[2] for p in shop.shops.requests()]
    read = ["commerce-customers", ORDERS, "commerce-products"]
    assert paths == ["companies", "dataStatus", *read, "dataStatus"]


class TestSeveralConnections:
    """The data status speaks for the company: a sync of one shop may hide behind one of another."""

    @pytest.fixture
    def shop(self, stage: Callable[..., Stage]) -> Shop:
        """Return the first of two shops of a company whose status tells of the sync requested last."""
        shop = with_orders(stage, 4000, connections=2)
        shop.shops.world.status_by_request = True
        return shop

    def begin_hidden(self, shop: Shop) -> Operation:
        """Let a sync of the shop begin, and one of the other shop begin and end after it."""
        operation = shop.shops.world.begin(shop.connection.company_id, shop.connection.id, ORDERS, "Fetching")[0]
        other = shop.shops.world.connections()[1]
        shop.shops.world.sync(other.company_id, other.id, (ORDERS,))
        return operation

    def test_a_hidden_sync_between_two_runs(self, shop: Shop) -> None:
        operation = self.begin_hidden(shop)
        first = shop.run(page_size=5000).ok()
        shop.shops.world.finish(operation, restamp=3, add=2)
        shop.shops.requests()
        second = shop.run(page_size=5000, state=first.state).ok()
        assert shop.missing(first, second) == 0
        assert len(shop.shops.requests("history")) == 2, "before the read, and after it"
        assert len({r["connectionId"] for r in second.records["orders"]}) == 1, (
            "the other shop is known to be unchanged"
        )

        third = shop.run(page_size=5000, state=second.state).ok()
        assert [p.rpartition("/")[2] for p in shop.shops.requests()] == ["companies", "dataStatus"]
        assert not third.records["orders"]

    def test_a_hidden_sync_while_pages_are_read(self, shop: Shop) -> None:
        begun: list[Operation] = []
        shop.before(2, lambda: begun.append(self.begin_hidden(shop)))
        shop.before(3, lambda: shop.shops.world.finish(begun[0], add=35, remove=35))
        run = shop.run(max_concurrent_requests=1).ok()
        assert shop.missing(run) == 0
        assert "Read again, as a sync began or ended meanwhile." in run.log

    def test_a_hidden_sync_that_goes_on_is_waited_for(self, shop: Shop) -> None:
        """Three reads and a failure, it was; nothing is asked of the data set before its own sync has ended."""
        operation = self.begin_hidden(shop)
        run = shop.run().ok()
        assert "Not ready: the sync is under way (Fetching)" in run.log
        assert {r["connectionId"] for r in run.records["orders"]} == {shop.shops.world.connections()[1].id}
        shop.shops.world.finish(operation, restamp=3)
        assert shop.missing(run, shop.run(state=run.state).ok()) == 0

    def test_a_sync_of_another_data_set_costs_two_looks_at_the_history(self, shop: Shop) -> None:
        catalog = shop.shops.catalog("customers", "orders", "products", "transactions")
        first = shop.shops.run(catalog=catalog, page_size=5000).ok()
        shop.shops.world.sync(shop.connection.company_id, shop.connection.id, ("commerce-products",), restamp=1)
        shop.shops.requests()
        second = shop.shops.run(catalog=catalog, page_size=5000, state=first.state).ok()
        paths = [p.rpartition("/")[2] for p in shop.shops.requests()]
        assert sorted(paths) == ["commerce-products", "companies", "dataStatus", "history", "history"]
        assert not second.records["orders"]


class TestResume:
    """An interrupted read of many pages goes on at its page."""

    @pytest.fixture
    def shop(self, stage: Callable[..., Stage]) -> Shop:
        """Return a shop with 3,600 orders, three to a stamp: with pages of 900, no stamp is on two of them."""
        return with_orders(stage, 3600, BY_KEY["zsth"])

    def broken(self, shop: Shop, page: int, **settings: Any) -> Run:
        """Run until a page fails."""
        shop.shops.gate.faults.append(Fault(path=ORDERS, page=page, status=500, times=0))
        run = shop.run(**{"max_retries": 0, "page_size": 900, **settings})
        assert run.code == 1
        shop.shops.gate.faults.clear()
        rest(shop.shops.running)  # what it asked ahead in vain
        shop.shops.requests()
        return run

    def asked(self, shop: Shop, what: str) -> list[str]:
        """Return a parameter of the requests for orders."""
        return [a.query[what] for a in shop.shops.gate.asked if ORDERS in a.path]

    def test_at_its_page(self, shop: Shop) -> None:
        first = self.broken(shop, 4)
        second = shop.run(state=first.state, page_size=900).ok()
        assert shop.missing(first, second) == 0
        assert (len(first.records["orders"]), len(second.records["orders"])) == (2700, 900)
        assert self.asked(shop, "page") == ["3", "4"]
        assert "reading" not in second.state["bookmarks"]["orders"]["partitions"][0]

    def test_over_many_interruptions(self, shop: Shop) -> None:
        runs: list[Run] = []
        for page in (2, 3, 4):
            shop.shops.gate.faults.append(Fault(path=ORDERS, page=page, skip=page > 2, status=500, times=0))
            state = runs[-1].state if runs else {}
            runs.append(shop.run(max_retries=0, page_size=900, state=state))
            shop.shops.gate.faults.clear()
        runs.append(shop.run(state=runs[-1].state, page_size=900).ok())
        assert shop.missing(*runs) == 0
        assert sum(len(r.records["orders"]) for r in runs) < 3600 + 2 * 900

    def test_from_the_start_if_there_was_a_sync(self, shop: Shop) -> None:
        first = self.broken(shop, 4)
        shop.sync(restamp=120)
        second = shop.run(state=first.state, page_size=900).ok()
        assert len(second.records["orders"]) == 3600
        assert shop.missing(second) == 0

    @pytest.mark.parametrize("settings", [{"page_size": 500}, {"start_date": "2020-01-01"}])
    def test_from_the_start_if_the_pages_are_others(self, shop: Shop, settings: dict[str, Any]) -> None:
        first = self.broken(shop, 4)
        again = shop.run(state=first.state, **{"page_size": 900, **settings}).ok()
        assert len(again.records["orders"]) == 3600

    def test_not_where_the_totals_differed(self, shop: Shop) -> None:
        """A record that went before the second page made another slip through."""
        shop.before(
            2, lambda: shop.shops.world.remove(shop.connection, ORDERS, [min(shop.connection.data[ORDERS].records)])
        )
        first = self.broken(shop, 4)
        assert not first.state["bookmarks"].get("orders", {}).get("partitions")

    def test_where_one_stamp_is_on_all(self, stage: Callable[..., Stage]) -> None:
        shop = with_orders(stage, 4000)
        first = self.broken(shop, 3, page_size=1000)
        second = shop.run(state=first.state).ok()
        assert shop.missing(first, second) == 0
        assert self.asked(shop, "page") == ["2", "3", "4"]
        assert (len(first.records["orders"]), len(second.records["orders"])) == (2000, 2000)

    def test_after_a_signal(self, shop: Shop) -> None:
        shop.shops.gate.faults.append(Fault("slow", ORDERS, page=3, seconds=30, times=0))
        config = {"api_key": API_KEY, "api_url": shop.shops.url, "page_size": 900}
        files = {name: shop.shops.folder / f"{name}.json" for name in ("config", "catalog")}
        files["config"].write_text(json.dumps(config))
        files["catalog"].write_text(json.dumps(shop.catalog))
        command = [sys.executable, "-m", "tap_codat_commerce"]
        command += [part for name, path in files.items() for part in (f"--{name}", str(path))]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout
        head = "".join(process.stdout.readline() for _ in range(1 + 1800))
        deadline = time.monotonic() + 20
        while not shop.shops.gate.in_flight:
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGTERM)
        first = Run(143, head + process.stdout.read(), "")
        assert process.wait(30) == 143
        shop.shops.gate.faults.clear()
        second = shop.run(state=first.state, page_size=900).ok()
        assert shop.missing(first, second) == 0
        assert len(second.records["orders"]) in {1800, 2700}, "on from the second page, or from the third"
