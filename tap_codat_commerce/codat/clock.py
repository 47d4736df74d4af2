"""This machine's clock, and Codat's, with which Codat's stamps are compared: this machine's may be wrong."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MOST = timedelta(days=36_500)
"""No clock is so far from this machine's: what says so is no date that one can reckon with."""
BEGAN = datetime.now(UTC), time.monotonic()


def utc_now() -> datetime:
    """Return the present time, with its zone. It never goes back, even if the machine's clock is set back meanwhile."""
    began, monotonic = BEGAN
    return began + timedelta(seconds=time.monotonic() - monotonic)


class Clock:
    """Codat's clock, by the `Date` of the latest answer; before the first one, this machine's."""

    def __init__(self) -> None:
        """Begin with this machine's time."""
        self._ahead = timedelta()

    def see(self, date: str | None) -> None:
        """Set it by the `Date` of an answer; a malformed or missing one is ignored."""
        try:
            seen = parsedate_to_datetime(date or "")
            ahead = (seen if seen.tzinfo else seen.replace(tzinfo=UTC)).astimezone(UTC) - utc_now()
        except (ValueError, OverflowError):
            return
        if abs(ahead) < MOST:
            self._ahead = ahead

    def now(self) -> datetime:
        """Return the present time at Codat, to the second."""
        return utc_now() + self._ahead
