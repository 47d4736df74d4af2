"""Data sets whose sync is under way are set aside, until everything else is read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from tap_codat_commerce.visit import Visit

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds. Each look costs a request for each company that is waited for."""


class WaitingRoom:
    """What was set aside in this run, and how much of the time to wait is left."""

    def __init__(self, seconds: float, look: Callable[[list[Visit]], None], logger: logging.Logger) -> None:
        """Begin empty.

        Args:
            seconds: how long the whole run may wait. With 0, nothing is set aside.
            look: visits data sets again.
            logger: for a line at each pause.
        """
        self._seconds = self._left = seconds
        self._look, self._logger = look, logger
        self._visits: list[Visit] = []
        self._reads: dict[tuple[str, str], int] = {}
        self._refreshed: set[tuple[str, str]] = set()

    def reads_of(self, visit: Visit) -> int:
        """Return how often the data set was read before it was set aside."""
        return self._reads.get(_key(visit), 0)

    def first_refresh(self, visit: Visit) -> bool:
        """Say whether this run has not tried yet to refresh the data set."""
        key = _key(visit)
        if key in self._refreshed:
            return False
        self._refreshed.add(key)
        return True

    def set_aside(self, visit: Visit) -> bool:
        """Take a data set in; False if there is no time to wait."""
        if not self._seconds or visit.stream.ABORT_AT_RECORD_COUNT is not None:
            return False
        self._visits.append(visit)
        self._reads[_key(visit)] = visit.reads
        return True

    def come_back(self) -> None:
        """Look at what was set aside, with growing pauses, until all of it is read or the time is spent."""
        pause = FIRST_PAUSE
        while self._visits:
            visits, self._visits = self._visits, []
            self._look(visits)
            if not self._visits or self._left <= 0:
                break
            pause = min(pause, self._left)
            self._logger.info(
                "Waiting for %d data sets whose syncs are under way, %.0f of %.0f s are left.",
                len(self._visits),
                self._left,
                self._seconds,
            )
            time.sleep(pause)
            self._left -= pause
            pause = min(pause * 1.5, LONGEST_PAUSE)
        for visit in self._visits:
            visit.give_up()
        self._visits = []


def _key(visit: Visit) -> tuple[str, str]:
    return visit.stream.name, visit.place.connection_id
