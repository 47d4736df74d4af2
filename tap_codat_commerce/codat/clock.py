"""Codat's clock. What Codat stamps is held against it, never against this machine's, which may be wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from tap_codat_commerce.codat import retry_policy


class Clock:
    """Goes by the `Date` of the latest answer; as long as none came, by this machine's clock."""

    def __init__(self) -> None:
        """Begin by this machine's clock."""
        self._ahead = timedelta()

    def see(self, date: str | None) -> None:
        """Set it by an answer's `Date`, if that is one."""
        try:
            seen = parsedate_to_datetime(date or "")
            self._ahead = (seen if seen.tzinfo else seen.replace(tzinfo=UTC)) - retry_policy.utc_now()
        except (ValueError, OverflowError):
            return

    def now(self) -> datetime:
        """Return the present time at Codat, to the second."""
        return retry_policy.utc_now() + self._ahead
