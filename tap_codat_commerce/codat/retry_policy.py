"""When a request is tried again, and after how long. Plain values in and out, so that no test has to wait."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from tap_codat_commerce.codat.errors import CodatError, RateLimited

if TYPE_CHECKING:
    from collections.abc import Generator

FIRST_PAUSE = 0.5
"""Seconds; doubles with each further attempt."""


def is_final(error: Exception) -> bool:
    """Say whether trying again is of no use."""
    return not (isinstance(error, CodatError) and error.retriable and not error.hopeless)


def may_have_been_done(error: Exception) -> bool:
    """Say whether a retry could make Codat act twice: only after a 429, it has surely not acted yet."""
    return is_final(error) or not isinstance(error, RateLimited)


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


def pause(attempt: int, asked: float | None, longest: float, jitter: float) -> float:
    """Return the seconds to wait after the given attempt (from 1).

    A pause that Codat asked for is obeyed. Otherwise pauses double with each attempt, and `jitter`, from 0 to 1, takes
    off up to half, so that many clients do not come back at once. No pause is longer than `longest`.
    """
    if asked is not None:
        return min(asked, longest)
    return min(FIRST_PAUSE * 2.0 ** min(attempt - 1, 30), longest) * (1 - jitter / 2)


def pauses(longest: float) -> Generator[float, Exception, None]:
    """Yield pauses in the protocol of backoff's wait generators: each failure is sent in."""
    attempt = 0
    failure = yield 0.0
    while True:
        attempt += 1
        failure = yield pause(attempt, getattr(failure, "retry_after", None), longest, random.random())  # noqa: S311
