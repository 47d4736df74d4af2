"""The day's quota, by answers that may overtake each other."""

from __future__ import annotations

import pytest

from tap_codat_commerce.codat.quota import Quota

TODAY, TOMORROW = "2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"


@pytest.mark.parametrize(
    ("headers", "quota"),
    [
        (
            {"X-Rate-Limit-Limit": "9", "X-Rate-Limit-Remaining": "7", "X-Rate-Limit-Reset": TODAY},
            Quota(9, 7, TODAY),
        ),
        ({"X-Rate-Limit-Limit": "9", "X-Rate-Limit-Remaining": "7"}, Quota(9, 7)),
        ({"X-Rate-Limit-Limit": "9"}, None),
        ({"X-Rate-Limit-Limit": "9", "X-Rate-Limit-Remaining": "many"}, None),
        ({}, None),
    ],
)
def test_what_headers_tell(headers: dict[str, str], quota: Quota | None) -> None:
    assert Quota.of(headers) == quota


@pytest.mark.parametrize(
    ("known", "told", "later"),
    [
        (Quota(), Quota(9, 7, TODAY), 7),
        (Quota(9, 7, TODAY), None, 7),
        (Quota(9, 7, TODAY), Quota(9, 6, TODAY), 6),
        (Quota(9, 6, TODAY), Quota(9, 7, TODAY), 6),
        (Quota(9, 0, TODAY), Quota(9, 1, TODAY), 0),
        (Quota(9, 6, TODAY), Quota(9, 9, TOMORROW), 9),
        (Quota(9, 7), Quota(9, 8), 7),
    ],
)
def test_the_later_of_two(known: Quota, told: Quota | None, later: int) -> None:
    assert known.after(told).remaining == later


def test_of_two_that_are_alike_the_limit_that_was_told_last() -> None:
    assert Quota(9, 7, TODAY).after(Quota(20, 7, TODAY)).limit == 20
    assert Quota(reset=TODAY).after(Quota(9, 7, TODAY)).limit == 9
