"""How often to ask Codat again, and until when."""

from __future__ import annotations

import time

GROWTH = 1.5
LONGEST = 60.0
"""Seconds between two looks at most, if no longer interval is asked for."""


class Polling:
    """Counts the time from now on; the pauses grow, as what takes long is asked for often enough."""

    def __init__(self, interval: float, timeout: float) -> None:
        """Begin with a pause of `interval` seconds; `timeout` is when to give up, in seconds."""
        self._pause, self._longest = interval, max(interval, LONGEST)
        self._end = time.monotonic() + timeout

    @property
    def over(self) -> bool:
        """Whether time is out."""
        return self._left <= 0

    def pause(self) -> None:
        """Wait until it is time to ask again, the last time when time is out."""
        time.sleep(max(0.0, min(self._pause, self._left)))
        self._pause = min(GROWTH * self._pause, self._longest)

    @property
    def _left(self) -> float:
        return self._end - time.monotonic()
