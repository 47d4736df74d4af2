"""The page behind a connection's link, in a real browser: opened, its button clicked, and the connection is linked."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Stage

DRIVER = shutil.which("chromedriver")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(not (DRIVER and BROWSER), reason="chromium and chromedriver are not installed")


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=800,500"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def test_the_link_page(stage: Callable[..., Stage], browser: webdriver.Chrome) -> None:
    shops = stage(companies=0)
    for setting in shops.world.settings:
        setting["fetchOnFirstLink"] = setting["dataType"] == "commerce-orders"
    company = shops.world.add_company("O'Neill & Sons")
    connection = shops.world.connect(company.id, "ltpp")
    browser.get(f"{shops.url}/link/company/{company.id}")
    browser.find_element(By.LINK_TEXT, "WooCommerce").click()
    assert "O'Neill & Sons shares its WooCommerce data." in browser.find_element(By.TAG_NAME, "body").text
    if folder := os.environ.get("SCREENSHOTS"):
        browser.save_screenshot(f"{folder}/link.png")
    assert connection.status == "PendingAuth"

    browser.find_element(By.ID, "authorize").click()
    WebDriverWait(browser, 20).until(lambda b: b.find_element(By.TAG_NAME, "h1").text == "WooCommerce is connected")
    assert connection.status == "Linked"
    assert [o.data_type for o in company.operations] == ["commerce-orders"]
    if folder:
        browser.save_screenshot(f"{folder}/linked.png")
