"""Whether a request is tried again, how often, and after how long. Plain values in and out: no test has to wait."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING

import backoff

from tap_codat_commerce.codat.errors import CodatError, RateLimited

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

FIRST_PAUSE = 0.5
"""Seconds; each further pause is twice as long."""


@dataclass(frozen=True)
class RetryLimits:
    """How often a request may be tried again.

    Attributes:
        rate_limited: after a 429.
        failed: after any other failure.
        given_up: ids of companies whose requests are not tried again at all.
    """

    rate_limited: int
    failed: int
    given_up: AbstractSet[str] = frozenset()

    def after(self, error: CodatError, url: str, *, repeatable: bool) -> int:
        """Return how often a request may be tried again.

        Args:
            error: how it failed.
            url: what it asked for.
            repeatable: whether Codat may act on it twice; if not, only a 429 says that Codat has surely not acted yet.
        """
        if any(f"/{company_id}/" in url for company_id in self.given_up):
            return 0
        if isinstance(error, RateLimited):
            return self.rate_limited
        return self.failed if repeatable else 0


def should_retry(error: CodatError, retries: int, limit: int, longest: float) -> bool:
    """Say whether to try again a request that has failed.

    Args:
        error: how it failed.
        retries: how often it was tried again already.
        limit: how often it may be.
        longest: seconds; if Codat asks for a longer pause, it is not waited for.
    """
    return error.retriable and retries < limit and (error.retry_after or 0) <= longest


def pause(attempt: int, asked: float | None, longest: float, jitter: float) -> float:
    """Return the seconds to wait after the given attempt (from 1).

    A pause that Codat asked for is obeyed. Otherwise pauses double with each attempt, and `jitter`, from 0 to 1, takes
    off up to half, so that many clients do not come back at once. No pause is longer than `longest`.
    """
    if asked is not None:
        return min(asked, longest)
    pauses = backoff.expo(factor=FIRST_PAUSE, max_value=longest)  # the first of them comes before any attempt
    return next(islice(pauses, attempt, None)) * (1 - jitter / 2)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Return the seconds that a `Retry-After` header asks for, as a number or a date; None if it holds neither."""
    if header is None:
        return None
    if re.fullmatch(r"\s*-?\d+(\.\d*)?\s*", header):
        return max(0.0, float(header))
    try:
        then = parsedate_to_datetime(header)
        return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds())
    except (ValueError, OverflowError, TypeError):  # no date, or one with an offset that no clock has
        return None
