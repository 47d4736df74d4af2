"""Changes the code in one place at a time, and looks whether a test fails: `python3 dev.py mutants [SHARE [WORD …]]`.

SHARE of the changes are tried, a tenth if none is given, in modules whose path holds one of the words. All is done in
copies of what is committed. Each change is judged by tests that run the changed line, the quickest first, until one
fails or they have taken 45 seconds. What they let pass is printed, to be looked at: it is a test that is missing, a
line that nobody needs, or a change that changes nothing.
"""

from __future__ import annotations

import difflib
import os
import random
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from cosmic_ray import plugins
from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_code, use_mutation
from cosmic_ray.work_db import WorkDB, use_db

from tools import environments
from tools.environments import ROOT
from tools.lines_by_test import Test, importing, measure

if TYPE_CHECKING:
    from cosmic_ray.work_item import MutationSpec

HOME = environments.HOME / "mutated"
CODE = ("tap_codat_commerce/codat", "tap_codat_commerce/sync", "tap_codat_commerce/singer/bookmarks.py")
"""What is changed."""
TESTS = [f"tests/{part}" for part in ("codat", "sync", "records", "singer", "workflow", "faults")]
"""What may see it."""
TELLING = (
    r"core/(NumberReplacer|AddNot|Replace(OrWithAnd|AndWithOr|TrueWithFalse|FalseWithTrue|ContinueWithBreak)"
    r"|ReplaceBreakWithContinue|ExceptionReplacer|ZeroIterationForLoop|ReplaceUnaryOperator_Delete_Not|RemoveDecorator"
    r"|Replace(ComparisonOperator_(Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is|Gt_GtE|GtE_Gt|Lt_LtE|LtE_Lt|Gt_Lt|Lt_Gt)"
    r"|BinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|Mod_Sub|Pow_Mul|BitAnd_BitOr)))"
)
"""The kinds of changes: of a comparison or a sum the likely ones alone, as the others fail at once."""
UNSEEN = re.compile(r"^if TYPE_CHECKING:|(^|, ) *\*,")
"""Lines where a change is none at run time: imports for types, and a mark among parameters, which is no product."""
SECONDS_FOR_ONE = 20
"""For one test: a change may make a loop that does not end."""
SECONDS_FOR_ALL = 45
"""As much as the tests for one change take, when nothing is changed."""


@dataclass
class Verdict:
    """What became of a change: the test that saw it, if one did, and how the change looks."""

    module: str
    seen_by: str
    diff: str


def main() -> int:
    """Try the changes; print how many of each module were seen, and those that were not."""
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 0.1
    words = sys.argv[2:] or [""]
    copies = fresh_copies(2 * (os.cpu_count() or 1))
    tests = measure(copies[0], TESTS, HOME)
    modules = [module for part in CODE for module in sorted((ROOT / part).rglob("*.py")) or [ROOT / part]]
    chosen = [
        change
        for module in (str(m.relative_to(ROOT)) for m in modules)
        if any(word in module for word in words)
        for change in changes(module, share)
    ]
    free: SimpleQueue[Path] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def judged(change: MutationSpec) -> Verdict:
        copy = free.get()
        try:
            verdict = judge(copy, change, tests)
        finally:
            free.put(copy)
        print(f"{verdict.module} | {verdict.seen_by or 'not seen'} | {verdict.diff}", file=sys.stderr, flush=True)
        return verdict

    with ThreadPoolExecutor(len(copies)) as pool:
        show(list(pool.map(judged, chosen)))
    return 0


def show(verdicts: list[Verdict]) -> None:
    """Print a line for each module, and the changes that no test saw."""
    print(f"{'module':<56}{'made':>6}{'seen':>6}{'%':>5}")
    for module in [*dict.fromkeys(v.module for v in verdicts), ""]:
        of_it = [bool(v.seen_by) for v in verdicts if module in v.module]
        print(f"{module or 'all':<56}{len(of_it):>6}{sum(of_it):>6}{100 * sum(of_it) / max(len(of_it), 1):>5.0f}")
    for verdict in verdicts:
        if not verdict.seen_by:
            print(f"\n{verdict.module}\n{verdict.diff}")


def fresh_copies(number: int) -> list[Path]:
    """Clone what is committed, once for each that works at it."""
    HOME.mkdir(parents=True, exist_ok=True)
    copies = [HOME / str(i) for i in range(number)]
    for copy in copies:
        shutil.rmtree(copy, ignore_errors=True)
        subprocess.run(["git", "clone", "-q", str(ROOT), str(copy)], check=True)
    return copies


def changes(module: str, share: float) -> list[MutationSpec]:
    """Return a share of the changes that can be made to a module, the same each time."""
    session = HOME / "changes.sqlite"
    session.unlink(missing_ok=True)
    with use_db(session, WorkDB.Mode.create) as work:
        init([module], work, {})
        every = [mutation for item in work.work_items for mutation in item.mutations]
    chance = random.Random(module)  # noqa: S311 - no secret, and the same each time
    lines = (ROOT / module).read_text().splitlines()
    every = [c for c in every if not UNSEEN.search(lines[c.start_pos[0] - 1])]
    telling = sorted(
        (c for c in every if re.fullmatch(TELLING, c.operator_name)), key=lambda c: (c.start_pos, c.end_pos)
    )
    chosen = [change for change in telling if chance.random() < share]
    return [change for change in chosen if can_be_made(change)]


def can_be_made(change: MutationSpec) -> bool:
    """Say whether the library can make a change: not of an exception with a dot in its name, for example."""
    try:
        source = (ROOT / change.module_path).read_text()
        return mutate_code(source, plugins.get_operator(change.operator_name)(), change.occurrence) is not None
    except AttributeError:
        return False


def judge(copy: Path, change: MutationSpec, tests: list[Test]) -> Verdict:
    """Make a change in a copy, and run the tests that may see it."""
    module = str(change.module_path)
    chosen = tests_of(change, tests)
    with use_mutation(copy / module, plugins.get_operator(change.operator_name)(), change.occurrence) as (
        before,
        after,
    ):
        lines = difflib.unified_diff(before.splitlines(), (after or "").splitlines(), lineterm="", n=0)
        diff = f"{change.start_pos[0]}: " + "\n".join(line for line in lines if line[:3] not in {"---", "+++"})
        return Verdict(module, run(copy, chosen) if chosen else "", diff)


def tests_of(change: MutationSpec, tests: list[Test]) -> list[str]:
    """Return the tests of the module's name, and those that run a line of the change: of its wing, and the quickest."""
    module = Path(change.module_path)
    own, wing = f"/test_{module.stem}.py", f"tests/{module.parent.name}/"
    lines = set(range(change.start_pos[0], change.end_pos[0] + 1))
    found = [test for test in tests if own in test.name or lines & test.lines.get(str(module), set())]
    found.sort(key=lambda test: (own not in test.name, wing not in test.name, test.seconds))
    taken = list(accumulate(test.seconds for test in found))
    return [test.name for test, seconds in zip(found, taken, strict=True) if seconds < SECONDS_FOR_ALL]


def run(copy: Path, tests: list[str]) -> str:
    """Run tests until one fails; return its name, or nothing if none did."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", "--tb=no"]
    try:
        done = subprocess.run(
            [*command, f"--timeout={SECONDS_FOR_ONE}", *tests],
            cwd=copy, env=importing(copy), capture_output=True, text=True, timeout=5 * SECONDS_FOR_ALL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "no end"
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return "" if done.returncode == 0 else failed[1] if failed else f"exit {done.returncode}"


if __name__ == "__main__":
    sys.exit(main())
