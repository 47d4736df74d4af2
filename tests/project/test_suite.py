"""What the suite says of itself: what was skipped, and which test is too slow not to be marked."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from conftest import QUICK_SECONDS, pytest_runtest_call
from tools.environments import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_skipped_is_said_at_the_end(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider", "tests/workflow/test_link_page.py"]
    without = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=without, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    *_, line, _ = done.stdout.splitlines()
    assert line == "chromium-driver is not installed: 1 test was skipped, in tests/workflow/test_link_page.py."


@pytest.mark.parametrize(("seconds", "fast", "fails"), [(0, True, False), (1, True, True), (1, False, False)])
def test_a_slow_test_is_none_of_the_fast_half(
    monkeypatch: pytest.MonkeyPatch, seconds: float, *, fast: bool, fails: bool
) -> None:
    test: Any = SimpleNamespace(config=SimpleNamespace(option=SimpleNamespace(markexpr="not slow" if fast else "")))
    call = pytest_runtest_call(test)
    with monkeypatch.context() as patch:
        patch.setattr(time, "process_time", iter([0.0, seconds * QUICK_SECONDS]).__next__)
        next(call)
        with pytest.raises(AssertionError if fails else StopIteration):
            call.send(None)
