"""The limits of a process: so many requests at once, so many in any minute, evenly, and a pause for all after a 429."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codat_mock.faults import Fault
from tap_codat_commerce.codat.rate_limiter import MINUTE, RateLimiter, RateLimiterClosed
from tap_codat_commerce.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage


class Clock:
    """A clock that only waiting moves, and what is sent by it."""

    def __init__(self, per_minute: int) -> None:
        self.now = 1000.0
        self.limits = RateLimiter(10, per_minute, clock=lambda: self.now, wait=self.wait)
        self.sent: list[float] = []

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def send(self, number: int) -> None:
        for _ in range(number):
            with self.limits.request():
                self.sent.append(self.now)

    def most_in_a_minute(self) -> int:
        return max(sum(t < u <= t + 60 for u in self.sent) for t in (0.0, *self.sent))


def test_what_fits_into_a_minute_is_not_held_back() -> None:
    clock = Clock(900)
    clock.limits.expect(441)
    clock.send(441)
    assert clock.now == 1000


def test_what_just_fits_is_not_held_back() -> None:
    clock = Clock(600)
    clock.limits.expect(600)
    clock.send(600)
    assert clock.now == 1000


def test_nine_hundred_in_a_minute_unless_somebody_says_otherwise() -> None:
    clock = Clock(Settings.of({}).requests_per_minute)
    clock.send(900)
    assert clock.now == 1000
    clock.send(1)
    assert clock.now == 1000 + MINUTE


def test_what_does_not_is_sent_evenly_from_the_first_request_on() -> None:
    clock = Clock(600)
    clock.limits.expect(1500)
    clock.send(1500)
    gaps = [b - a for a, b in itertools.pairwise(clock.sent)]
    assert max(gaps) == pytest.approx(MINUTE / 600)
    assert min(gaps) == pytest.approx(MINUTE / 600)
    for start in (1000, 1030, 1080):
        assert 540 <= sum(start <= t < start + 60 for t in clock.sent) <= 600


def test_it_gets_even_when_more_turns_out_to_be_needed() -> None:
    clock = Clock(600)
    clock.limits.expect(100)
    clock.send(50)
    clock.limits.expect(5000)
    clock.send(1200)
    assert clock.sent[49] == 1000
    assert clock.sent[60] > 1000.5
    assert clock.most_in_a_minute() <= 600


def test_a_pause_is_for_all_and_the_pace_goes_on_after_it() -> None:
    clock = Clock(600)
    clock.limits.expect(1000)
    clock.send(10)
    clock.limits.hold(30)
    clock.limits.hold(5)
    clock.send(100)
    assert clock.sent[10] == pytest.approx(clock.sent[9] + 30)
    assert clock.sent[-1] - clock.sent[10] > 98 * MINUTE / 600, "no burst makes up for the pause"


@settings(deadline=None)
@given(
    per_minute=st.integers(1, 40),
    steps=st.lists(
        st.tuples(st.integers(1, 60), st.floats(0, 50), st.integers(0, 100), st.none() | st.floats(0, 90)), max_size=8
    ),
)
def test_never_more_than_that_in_any_minute(per_minute: int, steps: list[tuple[int, float, int, float | None]]) -> None:
    clock = Clock(per_minute)
    for number, pause, expected, held in steps:
        clock.now += pause
        clock.limits.expect(expected)
        if held is not None:
            clock.limits.hold(held)
        clock.send(number)
    assert clock.most_in_a_minute() <= per_minute


def test_never_more_than_that_at_once() -> None:
    limits, open_now, most = RateLimiter(3, 10**6), 0, 0
    lock, all_busy = threading.Lock(), threading.Barrier(3)

    def one(_: int) -> None:
        nonlocal open_now, most
        with limits.request():
            with lock:
                open_now += 1
                most = max(most, open_now)
            all_busy.wait(10)  # three are open at once, again and again
            with lock:
                open_now -= 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(one, range(30)))
    assert most == 3


def test_closing_ends_all_waiting() -> None:
    limits = RateLimiter(1, 1)
    with limits.request():
        pass

    def wait_for_a_minute() -> None:
        with limits.request():
            pass

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait_for_a_minute)
        limits.close()
        with pytest.raises(RateLimiterClosed):
            waiting.result(timeout=10)


def test_a_429_makes_all_wait(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=3, connections=1)
    shops.gate.latency = 0.02
    shops.gate.faults.append(Fault(path="commerce-orders", status=429, headers={"Retry-After": "2"}))
    run = shops.run().ok()
    times = [a.at for a in shops.gate.asked]
    refused = next(i for i, a in enumerate(shops.gate.asked) if a.status == 429)
    assert sum(times[refused] < t < times[refused] + 2 for t in times) < 20, "only what was under way already"
    assert len(times) == 1 + 3 * 13 + 1, "of each company its status, twice, and eleven data sets"
    assert len(run.records["orders"]) == 36
