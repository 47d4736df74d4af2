"""What comes next is asked for while the present is written: the same comes out, sooner, and nothing more is asked."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.faults import Fault
from codat_mock.platforms import BY_KEY
from conftest import API_KEY, Meanwhile, Run
from tap_codat_commerce.codat import exact
from tap_codat_commerce.codat.ahead import Ahead
from tap_codat_commerce.codat.client import Client
from tap_codat_commerce.codat.errors import CodatError, ServerTrouble, WrongKey
from tap_codat_commerce.codat.limits import Limits
from tap_codat_commerce.messages import ExactWriter
from tap_codat_commerce.tap import TapCodatCommerce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Stage

ORDERS = "commerce-orders"


class Slow:
    """Stands for Codat: each answer comes when it is let through, and is as large as its path says."""

    def __init__(self) -> None:
        self.limits = Limits(100, 10**6)
        self.asked: list[str] = []
        self.gates: dict[str, threading.Event] = {}
        self.news = threading.Condition()
        self.open = self.most_open = 0
        self.all_through = False

    def get(self, path: str, params: Any, decode: Callable[[bytes], Any]) -> Any:
        with self.news:
            self.asked.append(path)
            self.open += 1
            self.most_open = max(self.most_open, self.open)
            self.news.notify_all()
        if not self.all_through:
            assert self.gates.setdefault(path, threading.Event()).wait(20)
        with self.news:
            self.open -= 1
        if path.startswith("bad"):
            msg = path
            raise CodatError(msg)
        if path.startswith("key"):
            raise WrongKey(path, status=401)
        return decode(b'"' + b"x" * int(path.rpartition("-")[2]) + b'"')

    def through(self, *paths: str) -> None:
        for path in paths:
            self.gates.setdefault(path, threading.Event()).set()

    def wait_for(self, number: int) -> None:
        with self.news:
            assert self.news.wait_for(lambda: len(self.asked) >= number, 20), self.asked

    def let_through_after(self, number: int, path: str) -> None:
        """Let a path through once so many were asked for."""

        def wait() -> None:
            self.wait_for(number)
            self.through(path)

        threading.Thread(target=wait, daemon=True).start()


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def ahead(slow: Slow) -> Iterator[Ahead]:
    found = Ahead(slow, 3, 1000)  # type: ignore[arg-type]
    yield found
    slow.all_through = True
    slow.through(*slow.gates)
    found.close()


def offer(ahead: Ahead, *paths: str, then: Callable[[Any], None] | None = None) -> None:
    for number, path in enumerate(paths):
        ahead.offer(path, None, exact.decode, (number,), then=then)


class TestBounds:
    """How much is asked ahead, and in which order."""

    def test_in_order_and_so_many_at_once(self, slow: Slow, ahead: Ahead) -> None:
        paths = [f"a{n}-10" for n in range(9)]
        offer(ahead, *paths)
        slow.wait_for(3)
        assert sorted(slow.asked) == paths[:3]
        slow.all_through = True
        slow.through(*paths)
        assert [ahead.get(p, None) for p in paths] == ["x" * 10] * 9
        assert sorted(slow.asked) == paths
        assert slow.most_open == 3

    def test_what_is_needed_now_goes_first(self, slow: Slow, ahead: Ahead) -> None:
        offer(ahead, *(f"a{n}-10" for n in range(9)))
        slow.wait_for(3)
        slow.let_through_after(4, "a8-10")
        assert ahead.get("a8-10", None) == "x" * 10, "though all threads are busy"
        assert slow.asked[3] == "a8-10"

    def test_what_is_held_is_bounded_and_nobody_waits_for_it(self, slow: Slow, ahead: Ahead) -> None:
        slow.all_through = True
        paths = [f"part{n}/x-400" for n in range(12)]
        offer(ahead, *paths)
        assert ahead.get("part11/x-400", None), "beyond the bound, but needed now"
        deadline = time.monotonic() + 20
        while slow.open or len(slow.asked) < 3:
            assert time.monotonic() < deadline
        assert len(slow.asked) <= 1 + 3 + 1, "three were under way before the size was known"
        assert [len(ahead.get(p, None)) for p in paths[:11]] == [400] * 11
        assert sorted(slow.asked) == sorted(paths)

    def test_what_was_used_is_not_kept(self, slow: Slow, ahead: Ahead) -> None:
        class Answer:
            """Something that can be looked for."""

        slow.all_through = True
        ahead.offer("a-10", None, lambda _: Answer(), (0,), token="t")  # noqa: S106 - no password
        answer = weakref.ref(ahead.get("a-10", None, token="t"))  # noqa: S106
        assert answer() is None

    def test_what_follows_is_asked_while_another_answer_is_waited_for(self, slow: Slow, ahead: Ahead) -> None:
        slow.through("b-10")
        ahead.offer("a-10", None, exact.decode, (0,))
        ahead.offer("b-10", None, exact.decode, (1,), then=lambda _: offer(ahead, "c-10"))
        slow.let_through_after(3, "a-10")
        assert ahead.get("a-10", None)
        assert slow.asked[-1] == "c-10"

    def test_threads_that_pause_before_another_try_hold_up_nothing(self, slow: Slow, ahead: Ahead) -> None:
        """As all of them do when one data set answers 503 again and again."""
        offer(ahead, "a-10", "b-10", "c-10", "d-10")
        slow.wait_for(3)
        for number, path in enumerate(("e-10", "f-10", "g-10")):
            slow.through(path)
            assert ahead.get(path, None)
            assert slow.asked[3 + number] == path


class StoppedError(Exception):
    """What a signal's handler raises."""


def stop(*_: object) -> None:
    raise StoppedError


def test_a_signal_may_come_at_any_moment(slow: Slow, ahead: Ahead) -> None:
    """Its handler raises where the reader waits; everything can still be used and closed after it."""
    before = signal.signal(signal.SIGALRM, stop)
    try:
        for number in range(60):
            signal.setitimer(signal.ITIMER_REAL, 0.001 + number * 2e-5)
            with pytest.raises(StoppedError):
                ahead.get(f"a{number}-1", None)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    slow.all_through = True
    slow.through(*[f"a{number}-1" for number in range(60)])
    assert ahead.get("b-10", None) == "x" * 10


class TestErrors:
    """An error comes up where its answer would be used."""

    def test_at_its_place(self, slow: Slow, ahead: Ahead) -> None:
        slow.all_through = True
        offer(ahead, "bad-1", "good-10")
        assert ahead.get("good-10", None)
        with pytest.raises(CodatError, match="bad-1"):
            ahead.get("bad-1", None)

    def test_nothing_more_is_asked_ahead_when_the_key_is_wrong(self, slow: Slow, ahead: Ahead) -> None:
        slow.all_through = True
        ahead.offer("key-1", None, exact.decode, (0,))
        with pytest.raises(WrongKey):
            ahead.get("key-1", None)
        offer(ahead, "a-10", "b-10")
        assert ahead.open == 0
        assert slow.asked == ["key-1"]


class TestTokens:
    """Only who has the token may use an answer."""

    def test_another_one_asks_anew(self, slow: Slow, ahead: Ahead) -> None:
        slow.all_through = True
        ahead.offer("a-10", None, exact.decode, (0,), token="old")  # noqa: S106 - no password
        slow.wait_for(1)
        assert ahead.get("a-10", None, token="new")  # noqa: S106
        assert slow.asked == ["a-10", "a-10"]
        ahead.drop("old")
        assert ahead.open == 0

    def test_what_is_dropped_is_not_asked_any_more(self, slow: Slow, ahead: Ahead) -> None:
        offer(ahead, "a-10", "b-10", "c-10")
        ahead.offer("d-10", None, exact.decode, (9,), token="t")  # noqa: S106
        slow.wait_for(3)
        ahead.drop("t")
        slow.all_through = True
        slow.through("a-10", "b-10", "c-10")
        for path in ("a-10", "b-10", "c-10"):
            ahead.get(path, None)
        assert "d-10" not in slow.asked


def test_real_requests_go_through_it(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=1)
    shops.gate.faults.append(Fault(path="commerce-info", status=500))
    client = Client(API_KEY, api_url=shops.url, max_retries=0)
    ahead = Ahead(client, 2)
    connection = shops.world.connections()[0]
    path = f"/companies/{connection.company_id}/connections/{connection.id}/data/commerce-info"
    ahead.offer(path, None, exact.decode, (0,))
    with pytest.raises(ServerTrouble):
        ahead.get(path, None)
    assert ahead.get(path, None)["companyName"]
    ahead.close()


class Silent(ExactWriter):
    """Writes nothing."""

    def _write(self, *texts: bytes | bytearray, flush: bool = False) -> None:
        """Do nothing."""


def without_times(run: Run) -> list[dict[str, Any]]:
    return [{k: v for k, v in m.items() if k != "time_extracted"} for m in run.messages if m["type"] != "STATE"]


class TestRuns:
    """The tap as a process."""

    def test_the_same_comes_out_and_no_more_is_asked(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=4, connections=2, records=60)
        shops.gate.latency = 0.005
        one = shops.run(page_size=25, max_concurrent_requests=1).ok()
        assert shops.gate.most_in_flight == 1
        asked = sorted(shops.requests())
        ten = shops.run(page_size=25).ok()
        assert shops.gate.most_in_flight == 10
        assert sorted(shops.requests()) == asked
        assert without_times(ten) == without_times(one)
        assert ten.state == one.state

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
        close = Ahead.close

        def counting(ahead: Ahead) -> None:
            left.append(ahead.open)
            close(ahead)

        monkeypatch.setattr(Ahead, "close", counting)
        config = {"api_key": API_KEY, "api_url": shops.url, "page_size": 15, "sync_wait": 0}
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            TapCodatCommerce(config=config, message_writer=Silent()).sync_all()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        assert left == [0]

    def test_a_long_run_is_paced_from_the_beginning(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=30, connections=1, records=1, extras=False)
        config = shops.folder / "config.json"
        config.write_text(json.dumps({"api_key": API_KEY, "api_url": shops.url, "requests_per_minute": 300}))
        process = subprocess.Popen(
            [sys.executable, "-m", "tap_codat_commerce.tap", "--config", str(config)],
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
