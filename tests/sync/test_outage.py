"""When trouble is a shop's own, and when it is Codat's: rules without requests."""

from __future__ import annotations

import pytest

from conftest import client
from tap_codat_commerce.codat.errors import CodatError, Forbidden, NoAnswer, NotFound
from tap_codat_commerce.codat.retry_policy import RetryLimits
from tap_codat_commerce.sync.outage import Outage


class Night:
    """A client that asks nothing, and what is told of its companies."""

    def __init__(self, max_retries: int = 7) -> None:
        self.client = client(max_retries=max_retries)
        self.outage = Outage(self.client)

    def trouble(self, companies: range, error: CodatError | None = None, *, answered: int = 1) -> list[int]:
        """Let each company fail once; return those at which the run is to end."""
        ends = []
        for number in companies:
            self.client.answered += answered
            if self.outage.trouble(f"c{number}", error or NoAnswer("no answer")):
                ends.append(number)
        return ends


@pytest.mark.parametrize(("answered", "end"), [(0, 5), (1, 25)])
def test_the_run_ends_after_many_in_a_row_or_a_few_if_nothing_is_answered(answered: int, end: int) -> None:
    assert Night().trouble(range(1, 30), answered=answered)[0] == end


def test_answers_count_from_the_first_of_a_row() -> None:
    night = Night()
    night.client.answered = 17
    assert night.trouble(range(1, 6), answered=0) == [5]


def test_a_company_counts_once() -> None:
    night = Night()
    for _ in range(30):
        assert night.trouble(range(1), answered=0) == []


@pytest.mark.parametrize("ended_by", ["read", "done"])
def test_a_row_ends(ended_by: str) -> None:
    night = Night()
    assert night.trouble(range(4), answered=0) == []
    night.outage.read() if ended_by == "read" else night.outage.company_done("another")
    assert night.trouble(range(10, 14), answered=0) == []
    assert night.trouble(range(14, 15), answered=0) == [14]


def test_a_company_in_trouble_that_is_done_does_not_end_the_row() -> None:
    night = Night()
    for number in range(5):
        ended = night.trouble(range(number, number + 1), answered=0)
        night.outage.company_done(f"c{number}")
    assert ended == [4]


def test_what_is_not_tried_again_is_no_trouble() -> None:
    night = Night()
    assert night.trouble(range(30), NotFound("gone", status=404), answered=0) == []
    assert night.client.retry_limits == RetryLimits(7, 7)


def test_after_a_few_in_trouble_less_is_tried() -> None:
    night = Night()
    night.trouble(range(4))
    assert night.client.retry_limits == RetryLimits(7, 7, {"c0", "c1", "c2", "c3"})
    night.trouble(range(4, 5))
    given_up = {f"c{number}" for number in range(5)}
    assert night.client.retry_limits == RetryLimits(1, 0, given_up)
    night.outage.read()
    assert night.client.retry_limits == RetryLimits(1, 1, given_up)


def test_no_more_is_tried_than_the_user_allows() -> None:
    night = Night(max_retries=0)
    night.trouble(range(5))
    night.outage.read()
    assert night.client.retry_limits == RetryLimits(0, 0, {f"c{number}" for number in range(5)})


@pytest.mark.parametrize(("answered", "ends"), [(0, [5, 6]), (1, [])])
def test_the_run_ends_if_all_is_refused(answered: int, ends: list[int]) -> None:
    """A key may be outdated since; one that may not see everything stops nothing."""
    assert Night().trouble(range(1, 7), Forbidden("refused", status=403), answered=answered) == ends
