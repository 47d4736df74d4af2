"""The diagrams of the documents, drawn by Mermaid in a real browser."""

from __future__ import annotations

import html
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from browsers import needs_browser
from conftest import STREAMS
from readme import examples
from tools.environments import HOME, one_at_a_time

if TYPE_CHECKING:
    from pathlib import Path

    from selenium import webdriver

MERMAID = "mermaid@12"
pytestmark = [
    pytest.mark.slow,
    needs_browser,
    pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed"),
]
PAGE = """<!doctype html><meta charset="utf-8"><body style="font-family: sans-serif">{pictures}
<script src="{library}"></script>
<script>
mermaid.initialize({{startOnLoad: false}});
mermaid.run().then(() => document.title = "drawn", error => document.title = "failed: " + error.message);
</script>"""


@pytest.fixture(scope="module")
def library() -> Path:
    """Return Mermaid, as one file."""
    folder = HOME / "mermaid"
    with one_at_a_time("mermaid"):
        found = folder / "node_modules" / "mermaid" / "dist" / "mermaid.min.js"
        if not found.exists():
            folder.mkdir(parents=True, exist_ok=True)
            command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), MERMAID]
            subprocess.run(command, check=True)
        return found


def test_the_diagrams(browser: webdriver.Chrome, library: Path, tmp_path: Path) -> None:
    (streams,), (reading,) = (examples(f"docs/{page}.md", "mermaid") for page in ("streams/index", "reading"))
    pictures = "".join(f'<pre class="mermaid">{html.escape(text)}</pre>' for text in (streams, reading))
    page = tmp_path / "page.html"
    page.write_text(PAGE.format(pictures=pictures, library=library.as_uri()))
    browser.get(page.as_uri())
    WebDriverWait(browser, 60).until(lambda b: b.title)
    assert browser.title == "drawn"
    drawn_streams, drawn_reading = browser.find_elements(By.CSS_SELECTOR, "pre.mermaid svg")
    assert all(name in drawn_streams.text for name in STREAMS)
    assert "bookmark moves" in drawn_reading.text
    if folder := os.environ.get("SCREENSHOTS"):
        browser.set_window_size(1000, 2500)
        drawn_streams.screenshot(f"{folder}/streams.png")
        drawn_reading.screenshot(f"{folder}/reading.png")
