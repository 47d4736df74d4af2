"""Faults on the way change nothing in what comes out; the rules for trying again, without waiting."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_mock.faults import Fault
from tap_codat_commerce.codat import errors, retry_policy
from tap_codat_commerce.codat.retry_policy import RetryLimits

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

NOW = datetime(2026, 1, 31, 6, 0, 0, tzinfo=UTC)
TROUBLES: dict[str, dict[str, Any]] = {
    "429": {"status": 429, "headers": {"Retry-After": "1"}},
    "two 503": {"status": 503, "times": 2},
    "500": {"status": 500},
    "reset": {"kind": "reset"},
    "cut": {"kind": "cut"},
}


@pytest.mark.parametrize("page", [1, 5], ids=["first page", "last page"])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_faults_change_nothing_in_what_comes_out(stage: Callable[..., Stage], trouble: str, page: int) -> None:
    shops = stage(companies=2, connections=1, records=23)
    smooth = shops.run(page_size=5).ok()
    calm = len(shops.requests())
    shops.gate.faults.append(Fault(path="commerce-orders", page=page, **TROUBLES[trouble]))
    rough = shops.run(page_size=5, env={"TAP_CODAT_COMMERCE_LOGLEVEL": "debug"}).ok()
    assert rough.content == smooth.content
    assert len(shops.requests()) == calm + TROUBLES[trouble].get("times", 1)
    assert "Trying again in" in rough.log
    assert rough.problems == [], "what is over in seconds is nobody's business"


@pytest.mark.slow
def test_a_long_wait_is_said(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1)
    shops.gate.faults.append(Fault(path="/data/", status=429, headers={"Retry-After": "11"}))
    (line,) = shops.run().ok().problems
    assert "answered 429" in line
    assert "Trying again in 11" in line


@pytest.mark.parametrize("path", ["/companies$", "dataStatus", "commerce-info", "commerce-locations"])
@pytest.mark.parametrize("kind", ["reset", "cut"])
def test_every_kind_of_request_is_tried_again(stage: Callable[..., Stage], path: str, kind: Any) -> None:
    shops = stage(companies=2, connections=1)
    smooth = shops.run().ok()
    shops.gate.faults.append(Fault(kind, path))
    assert shops.run().ok().content == smooth.content


def test_errors_that_stay_are_not_tried_again(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1)
    shops.gate.faults.append(Fault(path="/companies$", status=403, times=0))
    assert shops.run().code == 1
    assert len(shops.requests()) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("17", 17),
        ("1.5", 1.5),
        ("-3", 0),
        ("Sat, 31 Jan 2026 06:02:00 GMT", 120),
        ("Sat, 31 Jan 2026 05:00:00 GMT", 0),
        ("Sat, 31 Jan 2026 07:00:00 +0100", 0),
        ("soon", None),
        ("Sat, 31 Jan 2026 06:02:00 +9999", None),
        ("Sat, 31 Jan 2026 06:02:00 +99999999999999999999", None),
        ("Sat, 31 Jan 99999999999999999999 06:02:00 GMT", None),
        ("", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_in_seconds_and_as_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_policy.retry_after(header, NOW) == seconds


def test_pauses_double_up_to_the_longest() -> None:
    assert [retry_policy.pause(n, None, 60, 0) for n in range(1, 10)] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_chance_takes_off_up_to_half() -> None:
    assert [retry_policy.pause(3, None, 60, chance) for chance in (0, 0.5, 1)] == [2, 1.5, 1]


@given(
    st.integers(1, 2000),
    st.none() | st.floats(0, 1e6),
    st.integers(0, 10_000),
    st.floats(0, 1),
)
def test_a_pause_is_never_longer_than_allowed_nor_shorter_than_asked(
    attempt: int, asked: float | None, longest: int, chance: float
) -> None:
    seconds = retry_policy.pause(attempt, asked, longest, chance)
    assert 0 <= seconds <= longest
    assert asked is None or seconds == min(asked, longest)


REFUSED = errors.RateLimited("slowly", status=429)
GONE = errors.NoAnswer("gone")


@pytest.mark.parametrize(
    ("error", "retries", "asked", "again"),
    [
        (GONE, 0, None, True),
        (GONE, 1, None, True),
        (GONE, 2, None, False),
        (REFUSED, 1, 0.0, True),
        (REFUSED, 1, 60.0, True),
        (REFUSED, 1, 60.1, False),
        (errors.NotFound("gone", status=404), 0, None, False),
    ],
)
def test_what_is_tried_again(error: errors.CodatError, retries: int, asked: float | None, *, again: bool) -> None:
    error.retry_after = asked
    assert retry_policy.should_retry(error, retries, 2, 60) is again


@pytest.mark.parametrize(
    ("error", "url", "repeatable", "limit"),
    [
        (GONE, "/companies", True, 3),
        (GONE, "/companies", False, 0),
        (REFUSED, "/companies", True, 5),
        (REFUSED, "/companies", False, 5),
        (GONE, "/companies/c1/dataStatus", True, 0),
        (REFUSED, "/companies/c1/dataStatus", True, 0),
        (GONE, "/companies/c11/dataStatus", True, 3),
    ],
)
def test_how_often(error: errors.CodatError, url: str, limit: int, *, repeatable: bool) -> None:
    assert RetryLimits(5, 3, {"c1", "c2"}).after(error, url, repeatable=repeatable) == limit
