"""Changes the code in one place at a time, and looks whether a test fails: `python3 dev.py mutants [SHARE [WORD …]]`.

SHARE of the changes are tried, a tenth if none is given, in modules whose path holds one of the words. All is done in
a copy of what is committed. What the tests let pass is printed, to be looked at: it is a test that is missing, a line
that nobody needs, or a change that changes nothing.
"""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

ROOT = Path(__file__).resolve().parents[1]
COPY = ROOT / ".dev" / "mutated"
CODE = {
    "tap_codat_commerce/codat": ["codat", "sync/test_runs.py", "sync/test_prefetch_plan.py", "workflow", "faults"],
    "tap_codat_commerce/sync": ["sync", "singer/test_log.py", "singer/test_reads.py", "singer/test_state_given.py"],
    "tap_codat_commerce/singer/bookmarks.py": ["singer/test_state.py", "singer/test_state_given.py", "sync"],
}
"""What is changed, and the tests that are to see it, the likeliest first."""
TELLING = (
    r"core/(NumberReplacer|AddNot|Replace(OrWithAnd|AndWithOr|TrueWithFalse|FalseWithTrue|ContinueWithBreak)"
    r"|ReplaceBreakWithContinue|ExceptionReplacer|ZeroIterationForLoop|ReplaceUnaryOperator_Delete_Not|RemoveDecorator"
    r"|Replace(ComparisonOperator_(Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is|Gt_GtE|GtE_Gt|Lt_LtE|LtE_Lt|Gt_Lt|Lt_Gt)"
    r"|BinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|Mod_Sub|Pow_Mul|BitAnd_BitOr)))"
)
"""The kinds of changes: of a comparison or a sum the likely ones alone, as the others fail at once."""
SECONDS = 30
"""For one test: a change may make a loop that does not end."""
SLOW = "never-ending or circle or 400_companies or under_way_already or until_it_is_ready"


def main() -> int:
    """Try the changes module by module; print how many were seen, and those that were not."""
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 0.1
    words = sys.argv[2:] or [""]
    shutil.rmtree(COPY, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(COPY)], check=True)  # noqa: S607
    os.chdir(COPY)
    print(f"{'module':<24}{'made':>6}{'seen':>6}{'%':>5}", flush=True)
    all_made = all_seen = 0
    survivors: list[str] = []
    for part, tests in CODE.items():
        for module in sorted(Path(part).rglob("*.py")) or [Path(part)]:
            if not any(word in str(module) for word in words):
                continue
            made, passed = tried(module, command(module, tests), share)
            survivors += passed
            all_made, all_seen = all_made + made, all_seen + made - len(passed)
            if made:
                print(row(module.stem, made, made - len(passed)), flush=True)
    print(row("all", all_made, all_seen))
    print("\n".join(survivors))
    return 0


def row(name: str, made: int, seen: int) -> str:
    """Return a line of the table."""
    return f"{name:<24}{made:>6}{seen:>6}{100 * seen / max(made, 1):>5.0f}"


def tried(module: Path, judge: str, share: float) -> tuple[int, list[str]]:
    """Try a share of the changes of a module; return how many, and those that the judging command did not see."""
    session, config = COPY / "mutants.sqlite", COPY / "mutants.toml"
    session.unlink(missing_ok=True)
    values = {"module-path": str(module), "timeout": 300.0, "excluded-modules": [], "test-command": judge}
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    config.write_text("\n".join(["[cosmic-ray]", *lines, "[cosmic-ray.distributor]", 'name = "local"']))
    tool = str(Path(sys.executable).with_name("cosmic-ray"))
    subprocess.run([tool, "init", str(config), str(session)], check=True)
    chance = random.Random(str(module))  # noqa: S311 - no secret, and the same each time
    with use_db(session, WorkDB.Mode.open) as work:
        for item in list(work.pending_work_items):
            telling = all(re.fullmatch(TELLING, m.operator_name) for m in item.mutations)
            if not telling or chance.random() >= share:
                work.set_result(item.job_id, WorkResult(WorkerOutcome.SKIPPED, test_outcome=TestOutcome.KILLED))
        made = len(list(work.pending_work_items))
    python_path = os.pathsep.join([str(COPY), str(COPY / "tests")])
    env = {**os.environ, "PYTHONPATH": python_path, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([tool, "exec", str(config), str(session)], check=True, env=env)
    with use_db(session, WorkDB.Mode.open) as work:
        return made, [str(result.diff) for _, result in work.results if not result.is_killed]


def command(module: Path, tests: list[str]) -> str:
    """Return the command that has to fail: the tests of the module's name, then the others, four at once."""
    pytest = f"{sys.executable} -m pytest -q -x -p no:cacheprovider --timeout {SECONDS} -k 'not ({SLOW})'"
    own = shlex.join(sorted(str(p) for p in Path("tests").rglob(f"test_{module.stem}.py")))
    all_of_them = f"{pytest} -n4 {shlex.join(f'tests/{name}' for name in tests)}"
    return shlex.join(["sh", "-c", f"{pytest} -n0 {own} && {all_of_them}" if own else all_of_them])


if __name__ == "__main__":
    sys.exit(main())
