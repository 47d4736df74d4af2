"""The data sets whose sync is under way or has just ended: set aside, until everything else has been read."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds. Each look costs a request for each company that is waited for."""
SECONDS_BETWEEN_LINES = 60.0

logger = logging.getLogger("tap-codat-commerce")


Sync = TypeVar("Sync")


class PendingSyncs(Generic[Sync]):
    """What was set aside in this run, and how much of the time to wait is left."""

    def __init__(self, seconds: float, before_pause: Callable[[], None] = lambda: None) -> None:
        """Begin empty; `seconds` is how long the whole run may wait. With 0, nothing is set aside."""
        self._seconds = self._left = seconds
        self._before_pause = before_pause
        self._syncs: list[tuple[float, Sync]] = []

    def set_aside(self, sync: Sync, seconds: float = 0.0) -> bool:
        """Take a data set in, to be looked at in `seconds` or later; False if there is no time left to wait."""
        if self._left <= 0:
            return False
        self._syncs.append((time.monotonic() + seconds, sync))
        return True

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let time pass that is not spent by waiting."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._left += time.monotonic() - began

    def rounds(self) -> Iterator[list[Sync]]:
        """Yield what was set aside, with growing pauses; in the last round, when the time is spent, nothing more is.

        To look at what is waited for takes of that time, too; to read what has become ready does not.
        """
        pause, line_at = FIRST_PAUSE, self._left
        while self._syncs:
            began = time.monotonic()
            if syncs := self._take(began):
                yield syncs
                self._left -= time.monotonic() - began
            if not self._syncs:
                break
            earliest, enough = self._times()
            if earliest > self._left:
                self._left = 0.0  # nothing will be ready in time: what can be read is read now
                continue
            wait = min(max(pause, enough), self._left)
            if self._left <= line_at:
                line_at = self._left - SECONDS_BETWEEN_LINES
                line = "Waiting for %d data sets whose syncs are under way or have just ended, %.0f of %.0f s are left."
                logger.info(line, len(self._syncs), max(0.0, self._left), self._seconds)
            self._before_pause()
            time.sleep(wait)
            self._left -= wait
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _take(self, now: float) -> list[Sync]:
        """Take out what may be ready; all if there is no time left."""
        ready = [sync for at, sync in self._syncs if at <= now or self._left <= 0]
        self._syncs = [(at, sync) for at, sync in self._syncs if at > now and self._left > 0]
        return ready

    def _times(self) -> tuple[float, float]:
        """Return in how many seconds the first may be ready, and when it is of use to look: at several, not at each."""
        now = time.monotonic()
        times = [max(0.0, at - now) for at, _ in self._syncs]
        return min(times), min(max(times), min(times) + LONGEST_PAUSE) if min(times) else 0.0
