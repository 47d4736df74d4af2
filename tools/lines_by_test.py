"""Measures which lines of the package each test runs, and how long it takes. It is a plugin of coverage, too.

A line counts for a test whether the test's own process ran it or a process that the test started.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import coverage

if TYPE_CHECKING:
    from types import FrameType

RULES = """\
[run]
source = tap_codat_commerce
parallel = true
sigterm = true
data_file = {data}
patch = fork
plugins = tools.lines_by_test
"""
ENTRANCES = ("pytest_runtest_setup", "pytest_runtest_call", "main", "workflow")
"""Functions under which a test is under way: of pytest, and of the tap's process."""


@dataclass
class Test:
    """A test.

    Attributes:
        name: as pytest takes it.
        seconds: that it took.
        lines: by the path of the module; those that run at any import are among them.
    """

    __test__ = False

    name: str
    seconds: float
    lines: dict[str, set[int]]


def measure(folder: Path, tests: list[str], home: Path) -> list[Test]:
    """Run the tests of a checkout once; return those that passed.

    Args:
        folder: the checkout.
        tests: folders and files of tests, from there.
        home: where it is kept what came of it, until the package changes, or the file that holds a test.
    """
    kept = home / f"lines-{_git(folder, 'rev-parse', 'HEAD:tap_codat_commerce')}.json"
    known = json.loads(kept.read_text()) if kept.is_file() else {}
    listed = (line.split() for line in _git(folder, "ls-tree", "-r", "HEAD", *tests).splitlines())
    files = {path: content for _, _, content, path in listed if Path(path).name.startswith("test_")}
    new = [path for path, content in files.items() if known.get(path, [""])[0] != content]
    if new:
        found = _measured(folder, new)
        for path in new:
            known[path] = files[path], {name: value for name, value in found.items() if name.startswith(f"{path}::")}
        kept.write_text(json.dumps(known))
    each = (item for path in files for item in known[path][1].items())
    return [Test(name, seconds, {m: set(ls) for m, ls in lines.items()}) for name, (seconds, lines) in each]


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _measured(folder: Path, tests: list[str]) -> dict[str, Any]:
    rules, times, data = folder / "lines.ini", folder / "times.xml", folder / "lines.coverage"
    rules.write_text(RULES.format(data=data))
    env = importing(folder) | {"COVERAGE_PROCESS_START": str(rules)}
    command = [sys.executable, "-m", "pytest", "-q", "-o", "junit_family=xunit2"]
    subprocess.run([*command, "-n4", f"--junitxml={times}", *tests], cwd=folder, env=env, check=False)
    judge = coverage.Coverage(config_file=str(rules))
    judge.combine()
    together = judge.get_data()
    lines: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for module in together.measured_files():
        path = os.path.relpath(module, folder)
        found: dict[str, set[int]] = defaultdict(set)
        for line, contexts in together.contexts_by_lineno(module).items():
            for context in contexts:
                found[context.strip("|").rpartition(" (")[0]].add(line)
        at_import = found.pop("", set())  # by the process that the others are forked from: they run it, too
        for name, numbers in found.items():
            lines[name][path] = sorted(numbers | at_import)
    return {name: (seconds, lines[name]) for name, seconds in _passed(times) if name in lines}


def _passed(times: Path) -> list[tuple[str, float]]:
    """Return the tests that passed, and the seconds that each took."""
    cases = ET.parse(times).iter("testcase")  # noqa: S314 - pytest wrote it
    good = [c for c in cases if not any(part.tag in {"failure", "error", "skipped"} for part in c)]
    return [(_name(c.get("classname", ""), c.get("name", "")), float(c.get("time", "0"))) for c in good]


def _name(group: str, test: str) -> str:
    """Return a test's name as pytest takes it; the group is its module with dots, and its class if it has one."""
    folders, module, classes = re.split(r"(\btest_\w+)", group, maxsplit=1)
    return "::".join([f"{folders.replace('.', '/')}{module}.py", *classes.split(".")[1:], test])


def importing(folder: Path) -> dict[str, str]:
    """Return the variables with which the package of a folder is the one that is imported."""
    path = os.pathsep.join([str(folder), str(folder / "tests")])
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


class ByTest(coverage.CoveragePlugin):
    """Tells which test is under way, in its own process and in those that it starts."""

    def dynamic_context(self, frame: FrameType) -> str | None:
        """Return the test that a frame runs for, None if what is above it tells."""
        return os.environ.get("PYTEST_CURRENT_TEST") if frame.f_code.co_name in ENTRANCES else None


def coverage_init(plugins: Any, _options: object) -> None:
    """Make it known to coverage."""
    plugins.add_dynamic_context(ByTest())
