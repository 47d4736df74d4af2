"""Dates in one form: RFC 3339, UTC, `Z`; at most six digits of fraction in records, always seven in bookmarks."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from tap_codat_commerce.codat.clock import utc_now

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC, without saying so at each step
NO_DATE = 1
"""The year of the dates that stand for none at Codat."""


PLAIN = re.compile(
    r"(?!000[01])(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)"
    r"(?:(\.(?!000000)\d{6})\d?)?Z?",
    re.ASCII,
)
"""Dates that are in our form but for their end. Nearly all are: to see that costs a fifth of taking them apart."""


def utc(text: str) -> str | None:
    """Return a date of Codat's in our form; None if it stands for no date (year 1, or empty).

    A date without a zone keeps its clock time: Codat does not tell its zone. Digits of the fraction beyond the sixth
    are cut off, never rounded: a bookmark must not be later than its record.

    Raises:
        ValueError: the text is no date.
    """
    if found := PLAIN.fullmatch(text):
        return f"{found[1]}{found[2] or ''}Z"
    return _taken_apart(text)


@lru_cache(maxsize=4096)  # all records of one sync may share one stamp
def _taken_apart(text: str) -> str | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.year == NO_DATE:
        return None
    if moment.tzinfo is not None:
        try:
            moment = moment.astimezone(UTC)
        except OverflowError as exc:  # an offset that leads out of the years 1 to 9999
            raise ValueError(str(exc)) from exc
    return moment.replace(tzinfo=None).isoformat() + "Z"


@lru_cache(maxsize=4096)
def stamp(text: str | None) -> str | None:
    """Return a date of Codat's as a bookmark's stamp, None if it is no date.

    It has exactly seven digits of fraction: no digit that Codat gave is lost, and stamps compare as strings.
    """
    try:
        date = utc(text or "")
    except ValueError:
        return None
    if date is None:
        return None
    seconds, _, fraction = date.removesuffix("Z").partition(".")
    given = re.search(r"\.(\d+)", text or "")
    return f"{seconds}.{given[1] if given else fraction:0<7.7}Z"


@lru_cache(maxsize=1000)
def moved(stamp: str, seconds: float) -> str:
    """Return the stamp so many seconds later, earlier if they are negative; at most the last (first) one there is."""
    try:
        return written(datetime.fromisoformat(stamp) + timedelta(seconds=seconds))
    except OverflowError:
        return written(datetime.max.replace(tzinfo=UTC) if seconds > 0 else datetime.min.replace(tzinfo=UTC))


def written(moment: datetime) -> str:
    """Return a time, which has a zone, as a stamp."""
    return _spelled(moment.astimezone(UTC).replace(tzinfo=None))


def now() -> str:
    """Return this machine's time as a stamp, rounded down to the millisecond."""
    return f"{utc_now().replace(tzinfo=None).isoformat(timespec='milliseconds')}0000Z"


def seconds_between(earlier: str, later: str) -> float:
    """Return the seconds from one stamp to another."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def seconds(stamp: str) -> float:
    """Return a stamp as seconds since 1970, to the microsecond."""
    return datetime.fromisoformat(stamp).timestamp()


def of_seconds(seconds: float) -> str:
    """Return the stamp of so many seconds since 1970, to the microsecond.

    Raises:
        ValueError: there is none.
    """
    return _spelled(EPOCH + timedelta(microseconds=round(seconds * 1_000_000)))


def _spelled(naive: datetime) -> str:
    return f"{naive.isoformat(timespec='microseconds')}0Z"
