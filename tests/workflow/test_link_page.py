"""The page behind a connection's link, in a real browser: opened, its button clicked, and the connection is linked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import title_is
from selenium.webdriver.support.ui import WebDriverWait

from browsers import needs_browser

if TYPE_CHECKING:
    from collections.abc import Callable

    from selenium import webdriver

    from conftest import Stage

pytestmark = needs_browser


def test_the_link_page(stage: Callable[..., Stage], browser: webdriver.Chrome) -> None:
    shops = stage(companies=0)
    for setting in shops.world.settings:
        setting["fetchOnFirstLink"] = setting["dataType"] == "commerce-orders"
    company = shops.world.add_company("O'Neill & Sons")
    connection = shops.world.connect(company.id, "ltpp")
    browser.get(f"{shops.url}/link/company/{company.id}")
    browser.find_element(By.LINK_TEXT, "WooCommerce").click()
    # An element found while the page changes may be the old page's: the title is asked for, not an element.
    WebDriverWait(browser, 20).until(title_is("Connect WooCommerce"))
    assert "O'Neill & Sons shares its WooCommerce data." in browser.find_element(By.TAG_NAME, "body").text
    if folder := os.environ.get("SCREENSHOTS"):
        browser.save_screenshot(f"{folder}/link.png")
    assert connection.status == "PendingAuth"

    browser.find_element(By.ID, "authorize").click()
    WebDriverWait(browser, 20).until(title_is("WooCommerce is connected"))
    assert connection.status == "Linked"
    assert [o.data_type for o in company.operations] == ["commerce-orders"]
    if folder:
        browser.save_screenshot(f"{folder}/linked.png")
