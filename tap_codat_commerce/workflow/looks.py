"""How often to look at Codat again, and until when."""

from __future__ import annotations

import time


class Looks:
    """The pauses between looks, from now on."""

    def __init__(self, interval: float, timeout: float | None) -> None:
        """Begin; both are seconds, and without `timeout` there is no end."""
        self._interval = interval
        self._end = None if timeout is None else time.monotonic() + timeout

    @property
    def over(self) -> bool:
        """Whether time is out."""
        return self._left <= 0

    def pause(self) -> None:
        """Wait until it is time for the next look, the last one at the end of time."""
        time.sleep(max(0.0, min(self._interval, self._left)))

    @property
    def _left(self) -> float:
        return self._interval if self._end is None else self._end - time.monotonic()
