"""The site of the documents: made without a warning, each page in its menu."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools.environments import ROOT

pytestmark = pytest.mark.slow
DOCS = ROOT / "docs"


def test_the_site() -> None:
    done = subprocess.run([sys.executable, "dev.py", "site"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    home = (ROOT / ".dev" / "site-built" / "index.html").read_text()
    for page in (path.relative_to(DOCS).with_suffix("") for path in DOCS.rglob("*.md")):
        assert f'href="{str(page).removesuffix("index") or "."}' in home, page
