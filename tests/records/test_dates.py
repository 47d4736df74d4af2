"""Dates that are in our form already are handed on as they are: what comes is what taking them apart would bring."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_codat_commerce.records import dates

PARTS = {
    "year": ("0000", "0001", "0002", "1969", "2026", "9999", "12026"),
    "month": ("00", "01", "02", "12", "13", "1"),
    "day": ("00", "01", "28", "29", "30", "31", "32"),
    "hour": ("00", "23", "24"),
    "minute": ("00", "59", "60"),
    "second": ("00", "59", "60"),
    "fraction": ("", ".", ".0", ".5", ".000000", ".0000001", ".280550", ".2805505", ".28055051", ".123"),
    "zone": ("", "Z", "z", "+00:00", "+02:00", "-23:59", "+24:00", " "),
}


def taken_apart(text: str) -> str | None:
    """Return the date as the library reads and writes it."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.year == 1:
        return None
    if moment.tzinfo is not None:
        moment -= moment.utcoffset() or moment - moment
    return f"{moment.replace(tzinfo=None).isoformat()}Z"


def outcome(of: object, text: str) -> str | None:
    """Return what a function makes of a text, or that it refuses it."""
    try:
        return of(text)  # type: ignore[operator, no-any-return]
    except (ValueError, OverflowError):
        return "refused"


@given(**{name: st.sampled_from(values) for name, values in PARTS.items()})
def test_a_date_is_what_taking_it_apart_brings(**part: str) -> None:
    day, time = f"{part['year']}-{part['month']}-{part['day']}", f"{part['hour']}:{part['minute']}:{part['second']}"
    text = f"{day}T{time}{part['fraction']}{part['zone']}"
    assert outcome(dates.utc, text) == outcome(taken_apart, text)


@given(st.from_regex(dates.PLAIN, fullmatch=True) | st.text(max_size=30))
def test_whatever_looks_plain_is_a_date(text: str) -> None:
    assert outcome(dates.utc, text) == outcome(taken_apart, text)


@pytest.mark.parametrize("text", ["٢٠٢٦-01-31T06:00:00Z", "2026-01-31T06:00:00Z\n", "2026-01-31 06:00:00Z"])
def test_what_only_looks_like_one(text: str) -> None:
    assert outcome(dates.utc, text) == outcome(taken_apart, text)
    assert re.fullmatch(dates.PLAIN, text) is None
