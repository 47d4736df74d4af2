"""Codat's clock, and this machine's."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from tap_codat_commerce.codat import clock

NOW = datetime(2026, 1, 31, 6, 0, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _time_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "BEGAN", (NOW - timedelta(seconds=90), 500.0))
    monkeypatch.setattr(time, "monotonic", lambda: 590.0)


def test_time_goes_on_from_where_it_was_seen_first() -> None:
    assert clock.utc_now() == NOW


@pytest.mark.parametrize(
    ("date", "codats"),
    [
        ("Sat, 31 Jan 2026 06:00:07 GMT", NOW + timedelta(seconds=7)),
        ("Sat, 31 Jan 2026 05:00:00 GMT", NOW - timedelta(hours=1)),
        ("Sat, 31 Jan 2026 09:00:00 +0200", NOW + timedelta(hours=1)),
        ("Sat, 31 Jan 2026 06:00:07 -0000", NOW + timedelta(seconds=7)),
        ("Sat, 31 Jan 2026 06:00:07 +9999", NOW),
        ("Fri, 31 Dec 9999 23:59:59 -2300", NOW),
        ("Fri, 31 Dec 9999 23:59:59 GMT", NOW),
        ("soon", NOW),
        ("", NOW),
        (None, NOW),
    ],
)
def test_codats_clock_is_that_of_its_latest_answer(
    date: str | None, codats: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = clock.Clock()
    seen.see(date)
    assert seen.now() == codats
    monkeypatch.setattr(time, "monotonic", lambda: 600.0)
    assert seen.now() == codats + timedelta(seconds=10)
