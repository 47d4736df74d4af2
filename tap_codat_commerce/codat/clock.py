"""This machine's clock, and Codat's: what Codat stamps is held against Codat's, as this machine's may be wrong."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

BEGAN = datetime.now(UTC), time.monotonic()


def utc_now() -> datetime:
    """Return the present time, aware. It never goes back, also where the machine's clock is set meanwhile."""
    began, monotonic = BEGAN
    return began + timedelta(seconds=time.monotonic() - monotonic)


class Clock:
    """Codat's, by the `Date` of the latest answer; as long as none came, this machine's."""

    def __init__(self) -> None:
        """Begin by this machine's clock."""
        self._ahead = timedelta()

    def see(self, date: str | None) -> None:
        """Set it by an answer's `Date`, if that is one."""
        try:
            seen = parsedate_to_datetime(date or "")
            self._ahead = (seen if seen.tzinfo else seen.replace(tzinfo=UTC)) - utc_now()
        except (ValueError, OverflowError):
            return

    def now(self) -> datetime:
        """Return the present time at Codat, to the second."""
        return utc_now() + self._ahead
