"""Limits how many requests go out at once and in any minute; makes all of them wait when Codat says so.

Facts (Codat's documentation, 'Rate limits'): 1,000 requests in a minute from one address, whatever the plan, and ten at
once for each connected company; beyond that 429, or a blocked address.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MINUTE = 61.0
"""Seconds that count as a minute: one more, since some requests take longer to reach Codat than others."""


class RateLimiterClosed(Exception):
    """Nothing more is to be sent."""


class RateLimiter:
    """Limits the requests of one process. May be used from many threads at once.

    Requests that fit into one minute go out as fast as they can. As soon as more are expected, they go out evenly,
    one every `MINUTE / per_minute` seconds.
    """

    def __init__(
        self,
        at_once: int,
        per_minute: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Begin with nothing sent.

        Args:
            at_once: how many requests may be open at once.
            per_minute: how many may be sent in any 60 seconds.
            clock: tells the time, in seconds.
            wait: waits for so many seconds, or until `close`.
        """
        self._slots = threading.BoundedSemaphore(at_once)
        self._per_minute, self._clock = per_minute, clock
        self._closed = threading.Event()
        self._wait = wait or self._closed.wait
        self._lock = threading.Lock()
        self._sent: deque[float] = deque(maxlen=per_minute)
        self._next = self._held_until = float("-inf")
        self._expected = 0

    def expect(self, more: int) -> None:
        """Announce so many more requests, or fewer: if they are too many for one minute, all go out evenly."""
        with self._lock:
            self._expected = max(0, self._expected + more)

    def hold(self, seconds: float) -> None:
        """Send nothing for so many seconds: Codat has asked for a pause."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock() + seconds)

    def close(self) -> None:
        """Send nothing more, and end all waiting."""
        self._closed.set()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Wait until a request may be sent; it counts as open while the `with` lasts.

        Raises:
            RateLimiterClosed: nothing more is to be sent.
        """
        with self._slots:
            while (seconds := self._seconds_to_wait()) > 0:
                self._wait(seconds)
            yield

    def _seconds_to_wait(self) -> float:
        """Return the seconds until the next request may be sent; if that is now, 0, and count one as sent."""
        if self._closed.is_set():
            raise RateLimiterClosed
        with self._lock:
            now = self._clock()
            turn = max(self._next, self._held_until)
            if len(self._sent) == self._per_minute:
                turn = max(turn, self._sent[0] + MINUTE)
            if turn > now:
                return turn - now
            while self._sent and self._sent[0] <= now - MINUTE:
                self._sent.popleft()
            self._sent.append(now)
            self._expected = max(0, self._expected - 1)
            if len(self._sent) + self._expected > self._per_minute:
                late = now - self._next
                self._next = (self._next if late < self._pace else now) + self._pace
            return 0

    @property
    def _pace(self) -> float:
        return MINUTE / self._per_minute
