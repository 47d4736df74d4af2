"""What comes next is asked for while the present is written: the same comes out, sooner, and nothing more is asked."""

from __future__ import annotations

import re
import signal
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.faults import Fault
from conftest import client
from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.codat.errors import CodatError, ServerTrouble, WrongKey
from tap_codat_commerce.codat.prefetcher import Prefetcher
from tap_codat_commerce.codat.rate_limiter import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Stage

ORDERS = "commerce-orders"


class Slow:
    """Stands for Codat: each answer comes when it is let through, and is as large as its path says."""

    def __init__(self) -> None:
        self.limiter = RateLimiter(100, 10**6)
        self.asked: list[str] = []
        self.gates: dict[str, threading.Event] = {}
        self.news = threading.Condition()
        self.open = self.most_open = 0
        self.all_through = False

    def release(self) -> None:
        """Do nothing: there are no connections."""

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
        return decode(b'"' + b"x" * int(re.findall(r"-(\d+)", path)[-1]) + b'"')

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
def prefetcher(slow: Slow) -> Iterator[Prefetcher]:
    found = Prefetcher(slow, 3, 1000)  # type: ignore[arg-type]
    yield found
    slow.all_through = True
    slow.through(*slow.gates)
    found.close()


def offer(prefetcher: Prefetcher, *paths: str, then: Callable[[Any], None] | None = None) -> None:
    for number, path in enumerate(paths):
        prefetcher.prefetch(path, None, lossless_json.decode, (number,), then=then)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline


def settle(prefetcher: Prefetcher, slow: Slow) -> None:
    """Wait until each thread waits for an answer or for work, and stays so."""
    for _ in range(20):
        until(lambda: prefetcher._idle + slow.open == prefetcher._threads)  # noqa: SLF001
        time.sleep(0.002)


class TestBounds:
    """How much is asked ahead, and in which order."""

    def test_in_order_and_so_many_at_once(self, slow: Slow, prefetcher: Prefetcher) -> None:
        paths = [f"a{n}-10" for n in range(9)]
        offer(prefetcher, *paths)
        slow.wait_for(3)
        assert sorted(slow.asked) == paths[:3]
        slow.all_through = True
        slow.through(*paths)
        assert [prefetcher.get(p, None) for p in paths] == ["x" * 10] * 9
        assert sorted(slow.asked) == paths
        assert slow.most_open == 3

    def test_somebody_is_told_while_an_answer_is_awaited(self, slow: Slow, prefetcher: Prefetcher) -> None:
        prefetcher.while_waiting = lambda: slow.through("a-10")
        assert prefetcher.get("a-10", None) == "x" * 10, "nobody else lets it through"

    def test_what_is_needed_now_goes_first(self, slow: Slow, prefetcher: Prefetcher) -> None:
        offer(prefetcher, *(f"a{n}-10" for n in range(9)))
        slow.wait_for(3)
        slow.let_through_after(4, "a8-10")
        assert prefetcher.get("a8-10", None) == "x" * 10, "though all threads are busy"
        assert slow.asked[3] == "a8-10"

    def test_what_is_held_is_bounded_and_nobody_waits_for_it(self, slow: Slow, prefetcher: Prefetcher) -> None:
        slow.all_through = True
        paths = [f"part{n}/x-400" for n in range(12)]
        offer(prefetcher, *paths)
        assert prefetcher.get("part11/x-400", None), "beyond the bound, but needed now"
        deadline = time.monotonic() + 20
        while slow.open or len(slow.asked) < 3:
            assert time.monotonic() < deadline
        assert len(slow.asked) <= 1 + 3 + 1, "three were under way before the size was known"
        assert [len(prefetcher.get(p, None)) for p in paths[:11]] == [400] * 11
        assert sorted(slow.asked) == sorted(paths)

    def test_what_was_used_is_not_kept(self, slow: Slow, prefetcher: Prefetcher) -> None:
        class Answer:
            """Something that can be looked for."""

        slow.all_through = True
        prefetcher.prefetch("a-10", None, lambda _: Answer(), (0,), token="t")  # noqa: S106 - no password
        answer = weakref.ref(prefetcher.get("a-10", None, token="t"))  # noqa: S106
        assert answer() is None

    def test_what_follows_is_asked_while_another_answer_is_waited_for(self, slow: Slow, prefetcher: Prefetcher) -> None:
        slow.through("b-10")
        prefetcher.prefetch("a-10", None, lossless_json.decode, (0,))
        prefetcher.prefetch("b-10", None, lossless_json.decode, (1,), then=lambda _: offer(prefetcher, "c-10"))
        slow.let_through_after(3, "a-10")
        assert prefetcher.get("a-10", None)
        assert slow.asked[-1] == "c-10"

    def test_threads_that_pause_before_another_try_hold_up_nothing(self, slow: Slow, prefetcher: Prefetcher) -> None:
        """As all of them do when one data set answers 503 again and again."""
        offer(prefetcher, "a-10", "b-10", "c-10", "d-10")
        slow.wait_for(3)
        for number, path in enumerate(("e-10", "f-10", "g-10")):
            slow.through(path)
            assert prefetcher.get(path, None)
            assert slow.asked[3 + number] == path

    def test_equal_positions_in_the_order_of_asking(self, slow: Slow) -> None:
        prefetcher = Prefetcher(slow, 1, 1000)  # type: ignore[arg-type]
        paths = [f"a{n}-1" for n in range(9)]
        for path in paths:
            prefetcher.prefetch(path, None, lossless_json.decode, (0,))
        slow.through(*paths)
        slow.wait_for(9)
        assert slow.asked == paths
        prefetcher.close()

    def test_how_large_answers_are_is_learned_for_each_kind(self, slow: Slow) -> None:
        prefetcher = Prefetcher(slow, 20, 1000)  # type: ignore[arg-type]
        some, others = ([f"{kind}{n}/{kind}-10" for n in range(12)] for kind in "ab")
        offer(prefetcher, *some)
        settle(prefetcher, slow)
        assert len(slow.asked) == 8, "each may be an eighth of the bound"
        slow.through(*some)
        slow.wait_for(12)
        settle(prefetcher, slow)
        offer(prefetcher, *others)
        settle(prefetcher, slow)
        assert len(slow.asked) == 12 + 6, "an eighth each, beside the 144 bytes that are held"
        slow.through(*others)
        prefetcher.close()

    def test_answers_that_get_smaller_again_are_trusted_slowly(self, slow: Slow) -> None:
        slow.all_through = True
        prefetcher = Prefetcher(slow, 20, 700)  # type: ignore[arg-type]
        for path in ("a-398/kind", "a-8/kind"):
            assert prefetcher.get(path, None)
        slow.all_through = False
        offer(prefetcher, *(f"b{n}-98/kind" for n in range(9)))
        settle(prefetcher, slow)
        assert len(slow.asked) == 2 + 2, "two of 350 bytes, an eighth less than were seen before"
        prefetcher.close()

    def test_threads_that_have_nothing_to_do_are_used(self, slow: Slow, prefetcher: Prefetcher) -> None:
        slow.all_through = True
        for number in range(9):
            assert prefetcher.get(f"a{number}-1", None)
            until(lambda: prefetcher._idle == prefetcher._threads)  # noqa: SLF001
        assert prefetcher._threads == 1  # noqa: SLF001

    def test_a_thread_that_was_needed_once_stays_for_what_is_needed_at_once_alone(
        self, slow: Slow, prefetcher: Prefetcher
    ) -> None:
        offer(prefetcher, "a-1", "b-1", "c-1", "d-1")
        slow.wait_for(3)
        slow.through("now-1")
        assert prefetcher.get("now-1", None)
        settle(prefetcher, slow)
        assert len(slow.asked) == 4
        slow.through("now-2")
        assert prefetcher.get("now-2", None)
        assert prefetcher._threads == 4  # noqa: SLF001


class StoppedError(Exception):
    """What a signal's handler raises."""


def stop(*_: object) -> None:
    raise StoppedError


def get_until(seconds: float, prefetcher: Prefetcher, path: str) -> None:
    """Wait for an answer until an alarm comes."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    prefetcher.get(path, None)


def test_a_signal_may_come_at_any_moment(slow: Slow, prefetcher: Prefetcher) -> None:
    """Its handler raises where the reader waits; everything can still be used and closed after it."""
    before = signal.signal(signal.SIGALRM, stop)
    try:
        for number in range(60):
            with pytest.raises(StoppedError):
                get_until(0.001 + number * 2e-5, prefetcher, f"a{number}-1")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    slow.all_through = True
    slow.through(*[f"a{number}-1" for number in range(60)])
    assert prefetcher.get("b-10", None) == "x" * 10


class TestErrors:
    """An error is raised where its answer would be used."""

    def test_at_its_place(self, slow: Slow, prefetcher: Prefetcher) -> None:
        slow.all_through = True
        offer(prefetcher, "bad-1", "good-10")
        assert prefetcher.get("good-10", None)
        with pytest.raises(CodatError, match="bad-1"):
            prefetcher.get("bad-1", None)

    def test_nothing_more_is_asked_ahead_when_the_key_is_wrong(self, slow: Slow, prefetcher: Prefetcher) -> None:
        slow.all_through = True
        prefetcher.prefetch("key-1", None, lossless_json.decode, (0,))
        with pytest.raises(WrongKey):
            prefetcher.get("key-1", None)
        offer(prefetcher, "a-10", "b-10")
        assert prefetcher.open == 0
        assert slow.asked == ["key-1"]


class TestTokens:
    """Only who has the token may use an answer."""

    def test_another_one_asks_anew(self, slow: Slow, prefetcher: Prefetcher) -> None:
        slow.all_through = True
        prefetcher.prefetch("a-10", None, lossless_json.decode, (0,), token="old")  # noqa: S106 - no password
        slow.wait_for(1)
        assert prefetcher.get("a-10", None, token="new")  # noqa: S106
        assert slow.asked == ["a-10", "a-10"]
        prefetcher.drop("old")
        assert prefetcher.open == 0

    def test_what_is_dropped_is_not_asked_any_more(self, slow: Slow, prefetcher: Prefetcher) -> None:
        offer(prefetcher, "a-10", "b-10", "c-10")
        prefetcher.prefetch("d-10", None, lossless_json.decode, (9,), token="t")  # noqa: S106
        slow.wait_for(3)
        prefetcher.drop("t")
        slow.all_through = True
        slow.through("a-10", "b-10", "c-10")
        for path in ("a-10", "b-10", "c-10"):
            prefetcher.get(path, None)
        assert "d-10" not in slow.asked


def test_real_requests_go_through_it(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=1)
    shops.gate.faults.append(Fault(path="commerce-info", status=500))
    prefetcher = Prefetcher(client(shops.url), 2)
    connection = shops.world.connections()[0]
    path = f"/companies/{connection.company_id}/connections/{connection.id}/data/commerce-info"
    prefetcher.prefetch(path, None, lossless_json.decode, (0,))
    with pytest.raises(ServerTrouble):
        prefetcher.get(path, None)
    assert prefetcher.get(path, None)["companyName"]
    prefetcher.close()
