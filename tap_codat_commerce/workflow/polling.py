"""How often to ask Codat again, and until when."""

from __future__ import annotations

import time


class Polling:
    """Counts the time from now on."""

    def __init__(self, interval: float, timeout: float | None) -> None:
        """Begin; both are seconds, and without `timeout` there is no end."""
        self._interval = interval
        self._end = None if timeout is None else time.monotonic() + timeout

    @property
    def over(self) -> bool:
        """Whether time is out."""
        return self._left <= 0

    def pause(self) -> None:
        """Wait until it is time to ask again, the last time when time is out."""
        time.sleep(max(0.0, min(self._interval, self._left)))

    @property
    def _left(self) -> float:
        return self._interval if self._end is None else self._end - time.monotonic()
