"""A real browser, where one is installed."""

from __future__ import annotations

import shutil

import pytest
from selenium import webdriver

DRIVER = shutil.which("chromedriver")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(not (DRIVER and BROWSER), reason="chromium-driver is not installed")
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking")


def chrome(width: int, height: int, *more: str) -> webdriver.Chrome:
    """Return a browser with a window of that size, and more arguments; to be quit."""
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or ""
    for argument in (*ARGUMENTS, *more, f"--window-size={width},{height}"):
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
