"""The demo of the README: the real job, by Meltano, into a real target."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from conftest import STREAMS
from tools.environments import ROOT

pytestmark = pytest.mark.slow


def test_the_demo_ends_with_rows_of_all_streams() -> None:
    done = subprocess.run(
        [sys.executable, "dev.py", "demo"], cwd=ROOT, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {name: (int(a), int(b)) for name, a, b in re.findall(r"^(\w+) +(\d+) +(\d+)$", done.stdout, re.MULTILINE)}
    assert set(STREAMS) <= set(rows)
    assert all(rows[s][0] > 0 for s in STREAMS)
    changed = {s for s in STREAMS if rows[s][1]}
    assert changed == {"companies", "connections", "data_status", "reads", "orders"}
    asked = re.search(r"^requests to Codat +(\d+) +(\d+)$", done.stdout, re.MULTILINE)
    assert asked
    assert int(asked[2]) == 1 + 3 + 1 + 2 + 1, "companies, each status, one's history, its shops' orders, that history"
    table = done.stdout[done.stdout.index("stream  ") : done.stdout.index("\nSome orders")]
    readme = (ROOT / "README.md").read_text()
    assert all(f"    {line}\n" in readme for line in table.splitlines() if line), "the README shows other rows"

    output = ROOT / ".dev" / "demo" / "output"
    orders = [json.loads(line) for line in (output / "orders.jsonl").read_text().splitlines()]
    assert len({(o["connectionId"], o["id"]) for o in orders}) == rows["orders"][0] + 2 * 3


def as_told(text: str) -> list[str]:
    """Return the lines of a transcript, without what differs from one time to the next."""
    text = re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", text)
    text = re.sub(r"(0 of 11).*?…", r"\1 - Queued …", text, flags=re.DOTALL)
    text = re.sub(r"\b\d+ s\b", "AGE", text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_the_story_is_as_it_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "dev.py", "story"], cwd=ROOT, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = (
        (ROOT / "docs" / "first-rows.md")
        .read_text()
        .partition("<!-- begin story -->")[2]
        .partition("<!-- end story -->")[0]
    )
    assert as_told(done.stdout[done.stdout.index("$ meltano invoke") :]) == as_told(told)
