"""The data sets whose sync is under way: set aside, until everything else has been read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Hashable

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds. Each look costs a request for each company that is waited for."""


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
    """What was set aside in this run, and how much of the time to wait is left."""

    def __init__(self, seconds: float, logger: logging.Logger) -> None:
        """Begin empty.

        Args:
            seconds: how long the whole run may wait. With 0, nothing is set aside.
            logger: for a line at each pause.
        """
        self._seconds = self._left = seconds
        self._logger = logger
        self._syncs: list[Sync] = []
        self._reads: dict[Hashable, int] = {}
        self._refreshed: set[Hashable] = set()

    def reads_of(self, key: Hashable) -> int:
        """Return how often a data set was read before it was set aside."""
        return self._reads.get(key, 0)

    def first_refresh(self, key: Hashable) -> bool:
        """Say whether this run has not tried yet to refresh a data set."""
        if key in self._refreshed:
            return False
        self._refreshed.add(key)
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
        pause = FIRST_PAUSE
        while self._syncs:
            syncs, self._syncs = self._syncs, []
            look(syncs)
            if not self._syncs or self._left <= 0:
                break
            pause = min(pause, self._left)
            self._logger.info(
                "Waiting for %d data sets whose syncs are under way, %.0f of %.0f s are left.",
                len(self._syncs),
                self._left,
                self._seconds,
            )
            time.sleep(pause)
            self._left -= pause
            pause = min(pause * 1.5, LONGEST_PAUSE)
        for sync in self._syncs:
            sync.give_up()
        self._syncs = []
