"""One line for each reason, that names the data sets."""

from __future__ import annotations

import logging

import pytest

from tap_codat_commerce.sync.findings import LONGEST, Findings


def lines(findings: Findings, caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    caplog.set_level(logging.INFO)
    findings.log(logging.getLogger("test"))
    return [(r.levelname, r.message) for r in caplog.records]


def test_a_line_for_each_reason_and_level(caplog: pytest.LogCaptureFixture) -> None:
    findings = Findings()
    for place in ("A (Shopify)", "B (Square)", "A (Shopify)"):
        findings.add("Stale: for long.", place, "orders")
    findings.add("Stale: for long.", "A (Shopify)", "customers")
    findings.add("Read again.", "A (Shopify)", "orders", level=logging.INFO)
    assert lines(findings, caplog) == [
        ("WARNING", "Stale: for long. A (Shopify): orders, customers; B (Square): orders."),
        ("INFO", "Read again. A (Shopify): orders."),
    ]
    assert findings.as_json() == {
        "Stale: for long.": {"A (Shopify)": ["orders", "customers"], "B (Square)": ["orders"]},
        "Read again.": {"A (Shopify)": ["orders"]},
    }


def test_a_line_never_gets_too_long_and_nothing_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    findings = Findings()
    for number in range(100, 200):
        findings.add("Stale.", f"company {number}", "x" * 50)  # 63 characters with the colon
    found = [text for _, text in lines(findings, caplog)]
    assert all(len(text) <= LONGEST + len("Stale. ; .") for text in found)
    assert [text.count("company") for text in found] == [10] * 10


@pytest.mark.parametrize(("more", "number"), [(0, 1), (1, 2)])
def test_a_line_may_be_just_so_long(more: int, number: int, caplog: pytest.LogCaptureFixture) -> None:
    findings = Findings()
    findings.add("Stale.", "one", "a")
    findings.add("Stale.", "two", "b" * (LONGEST - len("one: a" + "two: ") + more))
    assert len(lines(findings, caplog)) == number


def test_a_place_of_many_data_sets_has_a_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    findings = Findings()
    findings.add("Stale.", "first", "a")
    findings.add("Stale.", "second", "b" * LONGEST)
    findings.add("Stale.", "third", "c")
    assert [text.split(":")[0] for _, text in lines(findings, caplog)] == [
        "Stale. first",
        "Stale. second",
        "Stale. third",
    ]
