"""Dates in one form: RFC 3339, UTC, `Z`, at most six digits of fraction."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

NO_DATE = "0001-01-01"


@lru_cache(maxsize=4096)  # all records of one sync may share one stamp
def utc(text: str) -> str | None:
    """Return a date of Codat's in our form; None where it says that there is none (year 1, or empty).

    A date without a zone keeps its clock time: which zone it is in, Codat does not tell. Digits of the fraction
    beyond the sixth are cut off, never rounded: a bookmark must not come out later than the record that it is of.

    Raises:
        ValueError: the text is no date.
    """
    if not text or text.startswith(NO_DATE):
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        try:
            moment = moment.astimezone(UTC)
        except OverflowError as exc:  # an offset that leads out of the years 1 to 9999
            raise ValueError(str(exc)) from exc
    return moment.replace(tzinfo=None).isoformat() + "Z"


def bookmark(stamp: str) -> str:
    """Return a date of our form with exactly six digits of fraction, so that bookmarks compare as strings."""
    seconds, _, fraction = stamp.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction or '0':0<6}Z"
