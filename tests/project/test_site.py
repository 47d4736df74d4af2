"""The site of the documents: made without a warning, each page in its menu, its diagrams drawn without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from browsers import chrome, needs_browser
from conftest import STREAMS
from readme import examples
from tools.environments import ROOT
from tools.site import BUILT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium import webdriver

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed")]
DOCS = ROOT / "docs"
PAGES = ("streams/index", "reading", "warehouse")
SIZES = {"wide": (1400, 2500), "narrow": (500, 2500)}
DRAWN = "return [...document.querySelectorAll('div.mermaid')].map(d => d.getBoundingClientRect().height)"
SHOWN = """
document.querySelectorAll('.mermaid').forEach(d => d.remove());
return mermaid.render('again', arguments[0]).then(made => made.svg)
"""


def heights(wanted: int, browser: webdriver.Chrome) -> list[float]:
    """Return the heights of all diagrams once so many are there, nothing before."""
    found: list[float] = browser.execute_script(DRAWN)
    return found if len(found) == wanted else []


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Return where the site is, made anew."""
    done = subprocess.run([sys.executable, "dev.py", "site"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(BUILT)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_each_page_is_in_the_menu(address: str) -> None:
    assert address
    home = (BUILT / "index.html").read_text()
    for page in (path.relative_to(DOCS).with_suffix("") for path in DOCS.rglob("*.md")):
        assert f'href="{str(page).removesuffix("index") or "."}' in home, page


@needs_browser
@pytest.mark.parametrize("size", SIZES)
def test_the_diagrams(address: str, size: str) -> None:
    """Where no other host can be reached."""
    browser = chrome(*SIZES[size], "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    try:
        for page in PAGES:
            texts = examples(f"docs/{page}.md", "mermaid")
            browser.get(f"{address}/{page.removesuffix('index')}")
            drawn = WebDriverWait(browser, 60).until(partial(heights, len(texts)))
            assert min(drawn) > 50, page
            if folder := os.environ.get("SCREENSHOTS"):
                browser.save_screenshot(f"{folder}/{page.replace('/', '-')}-{size}.png")
            pictures = [browser.execute_script(SHOWN, text) for text in texts]
            named = any(all(name in one for name in STREAMS) for one in pictures)
            assert named or "bookmark moves" in pictures[0] or "monthly_metrics" in pictures[0]
    finally:
        browser.quit()
