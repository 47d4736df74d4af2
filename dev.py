#!/usr/bin/env python3
"""Everything that is done with a checkout, with nothing but Python, pip and git.

python3 dev.py demo   run the tap by Meltano against a stand-in for Codat, twice
python3 dev.py story  the whole way from an API key to the first rows, against the stand-in
python3 dev.py test   lint, types and all tests; with --fast the quick half of the tests alone, in under a minute
python3 dev.py lint   lint, types and the walls between wings alone
python3 dev.py faults run the tap against everything that can go wrong with every request; print a table
python3 dev.py fuzz …  run the tap against answers that are changed at random, for so many minutes
python3 dev.py histories  try every history of three events in small worlds, and larger ones that are drawn
python3 dev.py run …  a command with what the tests have, for example: run pytest tests/sync
python3 dev.py bench  measure what the tap costs, beside others, and write it into benchmarks/README.md
python3 dev.py cover  run all tests, and say which branches of the package they did not take
python3 dev.py mutants …  change the code in one place at a time, and see whether a test fails: a share of 0.1 by itself
python3 dev.py lock   pin anew what the checks install, in requirements.lock
python3 dev.py docs   make anew what is made from the code: tables, pages of the streams, meltano.yml, the Hub's file
python3 dev.py look duckdb  make a page of what dbt has made of the shops, in output/look.html; or `look postgres`
python3 dev.py site   make the site of the documents, in .dev/site-built; fail at links that lead nowhere
python3 dev.py build  make the distributions, in dist
python3 dev.py clean  remove what the others have set up
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from tools.demo import demo, story
from tools.environments import HOME, LOCK, ROOT, environment, installer, run
from tools.site import site

if TYPE_CHECKING:
    from pathlib import Path

BUILDERS = ("build", "twine")
MUTATORS = ("cosmic-ray==8.7.*", "pytest-timeout==2.*")


def main() -> int:
    """Do what was asked for; return the exit code."""
    checks = (test, lint, faults, fuzz, histories, bench, cover, mutants)
    commands = {f.__name__: f for f in (demo, story, *checks, lock, docs, look, site, build, clean)}
    name, *arguments = sys.argv[1:] or [""]
    if name not in commands and not (name == "run" and arguments):
        print(__doc__)
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036 - this is what tells the user
        print(f"Python 3.11 or later is needed, this is {sys.version.split()[0]}.")
        return 2
    os.chdir(ROOT)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each of many processes compiles all that it imports
    try:
        return with_tools(arguments) if name == "run" else commands[name](*arguments)
    except subprocess.CalledProcessError as exc:
        print(f"\nThis command failed: {' '.join(map(str, exc.cmd))}")
        return 1


def test(*options: str) -> int:
    """Run all that has to be green; or with `--fast` the tests that are not slow, while something is being changed."""
    if options not in {(), ("--fast",)}:
        print(__doc__)
        return 2
    pytest: list[str | Path] = [test_environment() / "python", "-m", "pytest"]
    if options:
        run([*pytest, "-m", "not slow"])
        return 0
    lint()
    workers = str(2 * (os.cpu_count() or 1))  # half the time of a slow test is waiting
    run(pytest, {"PYTEST_XDIST_AUTO_NUM_WORKERS": workers})
    return 0


def lint() -> int:
    """Check what needs no running."""
    programs = test_environment()
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    run([programs / "ruff", "check", "."])
    run([programs / "ruff", "format", "--check", "."])
    run([programs / "mypy"])
    run([programs / "lint-imports", "--no-cache"])
    run([programs / "deptry", "tap_codat_commerce", "codat_mock"])
    run([programs / "zizmor", "--offline", "--quiet", ROOT])
    run([programs / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows])
    run([programs / "check-jsonschema", "--builtin-schema", "vendor.dependabot", ROOT / ".github" / "dependabot.yml"])
    return 0


def with_tools(command: list[str]) -> int:
    """Run a command with the programs of the tests."""
    programs = test_environment()
    if not (programs / command[0]).exists():
        print(f"There is no {command[0]} among what the tests have: {programs.relative_to(ROOT)}.")
        return 127
    env = {**os.environ, "PATH": os.pathsep.join([str(programs), os.environ.get("PATH", "")])}
    return subprocess.run([programs / command[0], *command[1:]], env=env, check=False).returncode


def build() -> int:
    """Make the sdist, and the wheel from it; check what the package index will show."""
    programs = environment("build", *BUILDERS)
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    run([programs / "python", "-m", "build", "--outdir", dist])
    run([programs / "twine", "check", "--strict", *dist.iterdir()])
    return 0


def faults() -> int:
    """Run the whole matrix of requests and faults: some minutes, on this machine alone."""
    run([test_environment() / "python", ROOT / "tests" / "faults" / "matrix.py"])
    return 0


def fuzz(*minutes: str) -> int:
    """Run the tap against answers that are changed at random, and calmly after each run; for ten minutes by itself."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    run([test_environment() / "python", ROOT / "tests" / "faults" / "fuzz.py", *minutes], {"PYTHONPATH": path})
    return 0


def histories(*arguments: str) -> int:
    """Try every history of so many events, then so many that are drawn, in the worlds named, or in all."""
    path = os.pathsep.join(str(ROOT / folder) for folder in ("", "tests", "tests/sync"))
    run([test_environment() / "python", ROOT / "tests" / "sync" / "simulation.py", *arguments], {"PYTHONPATH": path})
    return 0


def bench() -> int:
    """Measure."""
    run([test_environment() / "python", "-m", "benchmarks.bench"])
    return 0


def docs() -> int:
    """Make anew what is made from the code."""
    run([test_environment() / "python", "-m", "tools.documents"])
    return 0


def look(*kind: str) -> int:
    """Make a page of what is in the warehouse, DuckDB or PostgreSQL."""
    if kind not in {("duckdb",), ("postgres",)}:
        print(__doc__)
        return 2
    run([test_environment() / "python", "-m", "tools.look", *kind])
    print("Open output/look.html in a browser.")
    return 0


def test_environment() -> Path:
    """Return the programs for tests, types and lint."""
    if os.environ.get("LOCKED") == "1":
        return environment("test", "--require-hashes", "-r", str(LOCK))
    return environment("test", "-e", ".", "--group", "dev")


def cover() -> int:
    """Run all tests, and say which branches of the package they did not take."""
    programs = test_environment()
    run([programs / "coverage", "erase"])
    run([programs / "coverage", "run", "-m", "pytest"])
    run([programs / "coverage", "combine", "--quiet"])
    run([programs / "coverage", "report"])
    return 0


def mutants(*arguments: str) -> int:
    """Try changes of the code: a share of them, in some modules, as `tools/mutants.py` says."""
    programs = environment("mutants", "-e", ".", "--group", "test", "--group", "typing", *MUTATORS)
    run([programs / "python", "-m", "tools.mutants", *arguments])
    return 0


def lock() -> int:
    """Pin what the checks install: the newest release of each, for all versions of Python, with its hashes."""
    everything = ["--all-extras", "--group", "dev", "--universal", "--generate-hashes", "--upgrade"]
    plain = ["--no-header", "--no-annotate", "--no-emit-index-url", "--quiet"]
    run([installer(), "pip", "compile", "pyproject.toml", *everything, *plain, "--output-file", LOCK])
    return 0


def clean() -> int:
    """Remove the environments and what was made in them."""
    for folder in (HOME, ROOT / ".meltano"):
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
