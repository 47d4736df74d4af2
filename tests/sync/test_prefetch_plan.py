"""What comes next is asked for while the present is written: the same comes out, sooner, and nothing more is asked."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from codat_mock.faults import Fault
from codat_mock.platforms import BY_KEY
from conftest import API_KEY, Meanwhile
from engine import Engine
from tap_codat_commerce.codat.prefetcher import Prefetcher
from tap_codat_commerce.singer.messages import LosslessWriter
from tap_codat_commerce.tap import TapCodatCommerce

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

ORDERS = "commerce-orders"


class Silent(LosslessWriter):
    """Writes nothing."""

    def _write(self, *texts: bytes | bytearray, flush: bool = False) -> None:
        """Do nothing."""


class TestRuns:
    """The tap as a process."""

    @pytest.mark.slow
    def test_the_same_comes_out_and_no_more_is_asked(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=4, connections=2, records=60)
        shops.gate.latency = 0.005
        one = shops.run(page_size=25, max_concurrent_requests=1).ok()
        assert shops.gate.most_in_flight == 1
        asked = sorted(shops.requests())
        shops.wait_for(10, "page=2")  # before anything was answered, as the sizes are not known, there are fewer
        ten = shops.run(page_size=25).ok()
        assert shops.gate.most_in_flight == 10
        assert sorted(shops.requests()) == asked
        assert ten.content == one.content

    def test_what_was_never_synced_does_not_slow_the_others(
        self, stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Were it still expected, requests that fit into a minute would go out as if they did not."""
        shops = stage(companies=3, connections=1, extras=False)
        for company_id in shops.world.companies:
            shops.world.set_status(company_id, ORDERS, None, after_good=False)
        expected: list[int] = []
        close = Prefetcher.close

        def counting(prefetcher: Prefetcher) -> None:
            expected.append(prefetcher._client.limiter._expected)  # noqa: SLF001
            close(prefetcher)

        monkeypatch.setattr(Prefetcher, "close", counting)
        Engine(shops.running, "orders", "payments").run()
        assert expected == [0]

    def test_a_test_asks_nothing_ahead(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=3, connections=2, records=300)
        shops.run("--test", page_size=20).ok()
        pages = [a.query.get("page") for a in shops.gate.asked if "/data/commerce" in a.path]
        assert set(pages) <= {"1", None}
        assert {a.path.split("/")[2] for a in shops.gate.asked if "dataStatus" in a.path} == {
            next(iter(shops.world.companies))
        }

    def test_a_sync_between_looking_ahead_and_reading_is_not_taken_for_read(self, stage: Callable[..., Stage]) -> None:
        """Payments come ahead; then a sync changes them, of which the proof of the orders' pages sees the status."""
        shops = stage(companies=1, connections=1, records=30, platforms=(BY_KEY["fztf"],))
        connection = shops.world.connections()[0]
        catalog = shops.catalog("orders", "payments")
        sync = lambda: shops.world.sync(connection.company_id, connection.id, ("commerce-payments",), restamp=30)  # noqa: E731
        shops.gate.faults.append(Meanwhile(sync, path="dataStatus", skip=1))
        first = shops.run(page_size=15, catalog=catalog).ok()
        second = shops.run(page_size=15, catalog=catalog, state=first.state).ok()
        held = {(key[2], r["modifiedDate"][:19]) for key, r in shops.held("commerce-payments").items()}
        came = {(r["id"], r["modifiedDate"][:19]) for run in (first, second) for r in run.records["payments"]}
        assert held <= came

    def test_what_was_asked_in_vain_is_let_go_of(
        self, stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As above; what came ahead would otherwise be held to the end, and count."""
        shops = stage(companies=1, connections=1, records=30, platforms=(BY_KEY["fztf"],))
        connection = shops.world.connections()[0]
        begin = lambda: shops.world.begin(connection.company_id, connection.id, "commerce-payments", "Mapping")  # noqa: E731
        shops.gate.faults.append(Meanwhile(begin, path="dataStatus", skip=1))
        left: list[int] = []
        close = Prefetcher.close

        def counting(prefetcher: Prefetcher) -> None:
            left.append(prefetcher.open)
            close(prefetcher)

        monkeypatch.setattr(Prefetcher, "close", counting)
        config = {"api_key": API_KEY, "api_url": shops.url, "page_size": 15, "sync_wait": 0}
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            TapCodatCommerce(config=config, message_writer=Silent()).sync_all()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        assert left == [0]

    @pytest.mark.slow
    def test_a_long_run_is_paced_from_the_beginning(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=30, connections=1, records=1, extras=False)
        config = shops.folder / "config.json"
        config.write_text(json.dumps({"api_key": API_KEY, "api_url": shops.url, "requests_per_minute": 300}))
        process = subprocess.Popen(
            [sys.executable, "-m", "tap_codat_commerce", "--config", str(config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ),
        )
        deadline = time.monotonic() + 60
        while len(shops.gate.asked) < 15:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.communicate()
        assert process.returncode == 143
        times = [a.at for a in shops.gate.asked][2:]
        gaps = [b - a for a, b in itertools.pairwise(times)]
        assert sum(gaps) / len(gaps) == pytest.approx(61 / 300, rel=0.1)

    def test_an_early_end_leaves_nobody_waiting(self, stage: Callable[..., Stage]) -> None:
        """The list of companies can't be read to its end, while other pages of it are on their way for a long time."""
        shops = stage(companies=30, connections=0)
        shops.gate.faults.append(Fault(path="/companies$", page=2, status=402, times=0))
        shops.gate.faults.append(Fault("slow", path="/companies$", page=3, seconds=60, times=0))
        began = time.monotonic()
        run = shops.run(page_size=10)
        assert run.code == 1
        assert "answered 402" in run.problems[-1]
        assert time.monotonic() - began < 20


def test_all_companies_are_looked_at_ahead(stage: Callable[..., Stage]) -> None:
    """The first page is answered only once all others have been asked for: whoever asks one by one waits for ever."""
    shops = stage(companies=5, connections=1, records=3, extras=False, platforms=(BY_KEY["fztf"],))
    shops.wait_for(5, ORDERS)
    engine = Engine(shops.running, "orders")
    assert engine.run().summary.outcomes == {"read": 5}
    assert len(engine.sinks["orders"].records) == 5 * 3


def test_an_entry_that_can_not_be_read_holds_up_no_other(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=3, extras=False, platforms=(BY_KEY["fztf"],))
    shops.gate.faults.append(
        Fault("spoil", "dataStatus", find=r'"commerce-customers":\s*\{[^}]*\}', body='"commerce-customers": 5', times=0)
    )
    engine = Engine(shops.running, "locations", "customers", "orders")
    shops.wait_for(2, "/data/commerce-")
    assert engine.run().summary.outcomes == {"read": 2, "failed": 1}


def test_companies_without_a_shop_are_not_looked_at(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=0)
    engine = Engine(shops.running, "orders")
    assert engine.run().summary.companies_done == 2
    assert engine.asked() == ["companies"]
