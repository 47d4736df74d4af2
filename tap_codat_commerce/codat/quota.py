"""The day's quota of requests, as Codat's answers tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Quota:
    """The day's quota of requests, by the latest answer's `X-Rate-Limit-…` headers; None until an answer has them."""

    limit: int | None = None
    remaining: int | None = None
    reset: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Quota | None:
        """Return the quota in an answer's headers, None if they hold none."""
        try:
            limit, remaining = (int(headers[f"X-Rate-Limit-{name}"]) for name in ("Limit", "Remaining"))
        except (KeyError, ValueError):
            return None
        return cls(limit, remaining, headers.get("X-Rate-Limit-Reset"))

    def after(self, other: Quota | None) -> Quota:
        """Return the later of two: answers may overtake each other, but until the reset, less and less remains."""
        if other is None:
            return self
        overtaken = self.reset == other.reset and (self.remaining or 0) < (other.remaining or 0)
        return self if overtaken and self.remaining is not None else other
