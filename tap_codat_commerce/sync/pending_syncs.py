"""The data sets whose sync is under way: set aside, until everything else has been read."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Hashable

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds. Each look costs a request for each company that is waited for."""
SECONDS_BETWEEN_LINES = 60.0
MOST_LAGS = 4
"""So often a status from before a refresh is taken for one that lags behind."""


class Waiting(Protocol):
    """A data set that may have to wait: what `DataSetSync` is to this module."""

    reads: int

    @property
    def key(self) -> Hashable:
        """What tells it from others; the same each time that the data set is looked at."""

    def give_up(self) -> None:
        """Leave it out, as the time is spent."""


Sync = TypeVar("Sync", bound=Waiting)


class PendingSyncs(Generic[Sync]):
    """What was set aside in this run, and how much of the time to wait is left.

    Attributes:
        refreshed: the data sets that this run tried to refresh, with what was seen of their syncs before one was
            queued; None where it could not be.
    """

    def __init__(self, seconds: float, logger: logging.Logger) -> None:
        """Begin empty.

        Args:
            seconds: how long the whole run may wait. With 0, nothing is set aside.
            logger: for a line each minute.
        """
        self._seconds = self._left = seconds
        self._logger = logger
        self._syncs: list[Sync] = []
        self._reads: dict[Hashable, int] = {}
        self.refreshed: dict[Hashable, str | None] = {}
        self._lags: Counter[Hashable] = Counter()

    def reads_of(self, key: Hashable) -> int:
        """Return how often a data set was read before it was set aside."""
        return self._reads.get(key, 0)

    def lags(self, key: Hashable, seen: str) -> bool:
        """Say whether what is seen of a data set's syncs is still from before the refresh that was queued.

        That is believed a few times: then a refresh that never shows is no reason to leave out what can be read.
        """
        if self.refreshed[key] != seen or self._lags[key] >= MOST_LAGS:
            return False
        self._lags[key] += 1
        return True

    def set_aside(self, sync: Sync) -> bool:
        """Take a data set in; False if there is no time to wait."""
        if not self._seconds:
            return False
        self._syncs.append(sync)
        self._reads[sync.key] = sync.reads
        return True

    def come_back(self, look: Callable[[list[Sync]], None]) -> None:
        """Look at what was set aside, with growing pauses, until all of it is read or the time is spent."""
        pause, line_at = FIRST_PAUSE, self._left
        while self._syncs:
            syncs, self._syncs = self._syncs, []
            look(syncs)
            if not self._syncs or self._left <= 0:
                break
            pause = min(pause, self._left)
            if self._left <= line_at:
                line_at = self._left - SECONDS_BETWEEN_LINES
                line = "Waiting for %d data sets whose syncs are under way, %.0f of %.0f s are left."
                self._logger.info(line, len(self._syncs), self._left, self._seconds)
            time.sleep(pause)
            self._left -= pause
            pause = min(pause * 1.5, LONGEST_PAUSE)
        for sync in self._syncs:
            sync.give_up()
        self._syncs = []
