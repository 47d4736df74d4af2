"""What is said of a run: counted while it goes on, summed up at its end."""

from __future__ import annotations

import json
import logging
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from conftest import client
from tap_codat_commerce.codat.errors import Forbidden, NoAnswer
from tap_codat_commerce.sync.run_summary import SECONDS_BETWEEN_LINES, RecordError, RunError, RunSummary, logger

if TYPE_CHECKING:
    from collections.abc import Callable

A, B = "A (company c1), Shopify (connection k1)", "B (company c2), Square (connection k2)"


class Night:
    """A summary, and the lines that were logged; time is moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, logger.name)
        self.now, self._caplog = 100.0, caplog
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.client = client()
        self.summary = RunSummary(self.client)
        self.summary.companies, self.summary.connections = 2, 2

    def lines(self, level: int = logging.INFO) -> list[str]:
        found = [r.getMessage() for r in self._caplog.records if r.levelno >= level and r.name == logger.name]
        self._caplog.clear()
        return found


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Night:
    return Night(monkeypatch, caplog)


def test_a_night_in_which_all_went_well(night: Night) -> None:
    summary = night.summary
    summary.log_scope(2, 11)
    for outcome in ("read", "read", "unchanged", "not supported"):
        summary.succeeded(outcome)
    summary.records_of.update({"customers": 2, "orders": 5})
    for company_id in ("c1", "c2"):
        summary.company_done(company_id)
    night.client.requests, night.now = 12, 103.2567
    summary.log()
    summary.check(fail_if_not_ready=True)
    assert night.lines() == [
        "Reading 11 streams: companies 2, connections 2.",
        "companies 2 of 2   connections 2  requests 12  seconds 3.3",
        "data sets: read 2  unchanged 1    not ready 0  failed 0     not supported 1  records 7",
        "records: orders 5  customers 2",
    ]
    assert summary.as_json() == {
        "companies": 2,
        "companies_done": 2,
        "connections": 2,
        "data_sets": {"read": 2, "unchanged": 1, "not supported": 1},
        "findings": {},
        "failed": {},
        "filtered": {},
        "not_refreshed": 0,
        "unreadable": [],
        "records": {"orders": 5, "customers": 2},
        "requests": 12,
        "quota_remaining": None,
        "seconds": 3.257,
    }


def test_progress_is_logged_now_and_then(night: Night) -> None:
    summary, client = night.summary, night.client
    summary.companies_done, summary.records_of["orders"], client.requests = 1, 50, 20
    night.now += SECONDS_BETWEEN_LINES - 0.1
    summary.log_progress()
    assert night.lines() == []
    night.now += 0.1
    summary.log_progress()
    summary.log_progress()
    assert night.lines() == ["1 of 2 companies done, 50 records, 20 requests (120 a minute)."]
    summary.left_out("orders", A, "never synced", "Refresh it")
    summary.unproven("orders", B, "it changed")
    night.lines()
    night.now += SECONDS_BETWEEN_LINES
    summary.log_progress()
    assert night.lines() == ["1 of 2 companies done, 50 records, 20 requests (60 a minute), 1 not ready, 1 failed."]


def test_before_the_companies_are_known(night: Night) -> None:
    night.summary.companies, night.client.requests = 0, 7
    night.now += SECONDS_BETWEEN_LINES
    night.summary.log_progress()
    assert night.lines() == ["The list of companies is being read, 7 requests so far."]


def test_what_is_not_ready_fails_the_run_only_if_it_is_to(night: Night) -> None:
    night.summary.left_out("orders", A, "never synced", "Refresh it")
    night.summary.check(fail_if_not_ready=False)
    with pytest.raises(RunError, match=r"^1 data set not ready \(see above\), and on_not_ready is fail\.$"):
        night.summary.check(fail_if_not_ready=True)
    assert night.summary.as_json()["findings"] == {"Not ready: never synced. Refresh it.": {A: ["orders"]}}


def test_all_that_failed_is_counted_and_named(night: Night) -> None:
    summary = night.summary
    summary.unproven("orders", A, "it changed")
    summary.unreadable("companies: 2 entries", "no id")
    summary.failure("orders", B, "c2", NoAnswer("GET /orders: gone"))
    summary.unwritten("products", B, RecordError("no place for it"))
    assert set(summary.failed) == {f"orders of {A}", f"orders of {B}", f"products of {B}"}
    assert summary.outcomes["failed"] == 3
    with pytest.raises(RunError) as found:
        summary.check(fail_if_not_ready=False)
    assert str(found.value) == (
        "3 data sets failed (see above). The next run reads them from where they were. "
        "1 entry of Codat's answers can't be read (see above)."
    )
    assert [line.split(".")[0] for line in night.lines(logging.WARNING)] == [
        f"orders of {A}: what came may be incomplete, as it changed",
        "companies: 2 entries can't be read: no id",
        f"orders of {B}: GET /orders: gone",
        f"products of {B}: no place for it The rest is read",
    ]


def refused(message: str, where: str | None = None) -> Callable[[], Forbidden]:
    def made() -> Forbidden:
        error = Forbidden(f"GET answered 403 {message}", status=403, message=message)
        if where:
            error.at(where)
        return error

    return made


STATUS = "the status"
SAME = "Failed in the same way (see above)."


@pytest.mark.parametrize(
    ("failures", "in_full", "findings"),
    [
        ([("orders", A, refused("a")), ("products", A, refused("a"))], 1, {SAME: {A: ["products"]}}),
        ([("orders", A, refused("a")), ("products", A, refused("b"))], 2, {}),
        ([("orders", A, refused("a")), ("orders", B, refused("a"))], 2, {}),
        (
            [("orders", A, refused("a", STATUS)), ("products", B, refused("a", STATUS))],
            1,
            {"Not read, as the status failed (see above).": {A: ["orders"], B: ["products"]}},
        ),
    ],
)
def test_what_failed_alike_is_said_once_and_named(
    night: Night, failures: list[tuple[str, str, Callable[[], Forbidden]]], in_full: int, findings: dict[str, Any]
) -> None:
    for data_set, place, error in failures:
        night.summary.failure(data_set, place, "c1", error())
    assert len(night.lines(logging.WARNING)) == in_full
    assert night.summary.as_json()["findings"] == findings
    assert len(night.summary.failed) == len(failures)


def test_records_that_fail_alike_are_said_once(night: Night) -> None:
    for data_set, place in (("orders", A), ("orders", B), ("products", B)):
        night.summary.unwritten(data_set, place, RecordError("no place for it"))
    assert len(night.lines(logging.WARNING)) == 2
    assert night.summary.as_json()["findings"] == {"Failed in the same way (see above).": {B: ["orders"]}}


def test_too_much_trouble_ends_the_run(night: Night) -> None:
    night.summary.companies, night.summary.companies_done = 9, 3
    for number in range(4):
        night.summary.failure("orders", A, f"c{number}", NoAnswer("gone"))
    with pytest.raises(
        RunError, match=r"^Codat or the network has trouble, and 6 companies are not read, or not wholly"
    ):
        night.summary.failure("orders", B, "c5", NoAnswer("gone"))


def test_wide_rows_are_not_aligned(night: Night) -> None:
    night.summary.companies_done = night.summary.companies = 10**30
    night.summary.log()
    first, second = night.lines()
    assert "  connections 2  requests 0  seconds 0.0" in first
    assert second == "data sets: read 0  unchanged 0  not ready 0  failed 0  not supported 0  records 0"


def test_the_summary_for_machines_is_in_the_log(night: Night) -> None:
    night.summary.log()
    (line,) = (line for line in night.lines(logging.DEBUG) if line.startswith("summary "))
    assert json.loads(line.removeprefix("summary ")) == night.summary.as_json()


@pytest.mark.parametrize(("outcome", "ends"), [("read", False), ("unchanged", True)])
def test_only_what_was_read_ends_a_row_of_trouble(night: Night, outcome: str, *, ends: bool) -> None:
    for number in range(4):
        night.summary.failure("orders", A, f"c{number}", NoAnswer("gone"))
    night.summary.succeeded(outcome)
    with pytest.raises(RunError) if ends else nullcontext():
        night.summary.failure("orders", A, "c4", NoAnswer("gone"))


@pytest.mark.parametrize(("more", "aligned"), [(0, True), (1, False)])
def test_rows_of_a_hundred_characters_are_aligned(night: Night, more: int, *, aligned: bool) -> None:
    summary = night.summary
    summary.log()
    *_, plain = night.lines()
    summary.records_of["orders"] = 10 ** (100 - len(plain) + more)
    summary.log()
    *_, row, _ = night.lines()
    assert ("unchanged 0    not" in row) is aligned
    assert not aligned or len(row) == 100
