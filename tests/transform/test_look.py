"""The page of the shops, in a browser that reaches nothing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from browsers import chrome, needs_browser
from tools.look import page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium import webdriver

pytestmark = [pytest.mark.slow, needs_browser]
HOSTILE = "<script>document.title = 'taken'</script>"
SHOP: dict[str, Any] = {
    "company_id": "c",
    "connection_id": "good",
    "company_name": "Ito Tea",
    "platform_name": "Shopify",
    "connection_status": "Linked",
    "sales": 20,
    "days_of_history": 20,
    "attention": None,
}
WAITING = {**SHOP, "connection_id": "waiting", "company_name": HOSTILE, "sales": 0, "attention": f"No {HOSTILE}"}
BEGIN = date(2026, 3, 2)
"""A Monday."""


def days(currency: str) -> list[dict[str, Any]]:
    """Return twenty days, of which the last is not over: three weeks, the second with nothing."""
    key = {"company_id": "c", "connection_id": "good", "currency": currency}
    return [
        {
            **key,
            "day": str(BEGIN + timedelta(days=n)),
            "is_complete": n < 19,
            "net_sales": 0 if n // 7 == 1 else 10,
        }
        for n in range(20)
    ]


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """Return one that shows two shops, one of which sells in two currencies."""
    (tmp_path / "look.html").write_text(page([SHOP, WAITING], [*days("GBP"), *days(HOSTILE)]), encoding="utf-8")
    found = chrome(1300, 1000, "--host-resolver-rules=MAP * ~NOTFOUND")
    found.get((tmp_path / "look.html").as_uri())
    yield found
    found.quit()


def test_what_asks_for_attention_comes_first_and_each_currency_has_a_chart(browser: webdriver.Chrome) -> None:
    headings = [one.text for one in browser.find_elements("css selector", "h2")]
    assert headings == [HOSTILE, "Ito Tea"]
    assert browser.title == "Shops"
    heights: list[list[float]] = browser.execute_script(
        "return [...document.querySelectorAll('svg')].map("
        "chart => [...chart.querySelectorAll('rect')].map(bar => bar.getBoundingClientRect().height))"
    )
    assert len(heights) == 2
    for first, second, third in heights:
        assert second == 0
        assert third == pytest.approx(first * 6 / 7, rel=0.01)
    assert len(browser.find_elements("css selector", "rect.open")) == 2, "the last week of each"
    assert "://" not in browser.page_source, "nothing comes from elsewhere"
