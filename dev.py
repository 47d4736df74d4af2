#!/usr/bin/env python3
"""Everything that is done with a checkout, with nothing but Python, pip and git.

python3 dev.py demo   run the tap by Meltano against a stand-in for Codat, twice
python3 dev.py story  the whole way from an API key to the first rows, against the stand-in
python3 dev.py test   lint, types and all tests
python3 dev.py lint   lint, types and the walls between wings alone
python3 dev.py faults run the tap against everything that can go wrong with every request; print a table
python3 dev.py run …  a command with what the tests have, for example: run pytest tests/sync
python3 dev.py bench  measure what the tap costs, beside others, and write it into benchmarks/README.md
python3 dev.py cover  run all tests, and say which branches of the package they did not take
python3 dev.py mutants …  change the code in one place at a time, and see whether a test fails: a share of 0.1 by itself
python3 dev.py lock   pin anew what the checks install, in requirements.lock
python3 dev.py docs   make anew what is made from the code: tables, pages of the streams, meltano.yml, the Hub's file
python3 dev.py site   make the site of the documents, in .dev/site-built; fail at links that lead nowhere
python3 dev.py build  make the distributions, in dist
python3 dev.py clean  remove what the others have set up
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent
HOME = ROOT / ".dev"
BIN = "Scripts" if os.name == "nt" else "bin"
MELTANO = "meltano==4.4.*"
BUILDERS = ("build", "twine")
LOCKER = "uv==0.13.*"
MUTATORS = ("cosmic-ray==8.7.*", "pytest-timeout==2.*")
LOCK = ROOT / "requirements.lock"
MOCK_KEY = "codat-mock-key"


def main() -> int:
    """Do what was asked for; return the exit code."""
    known = (demo, story, test, lint, faults, bench, cover, mutants, lock, docs, site, build, clean)
    commands = {f.__name__: f for f in known}
    name, *arguments = sys.argv[1:] or [""]
    if name not in commands and not (name == "run" and arguments):
        print(__doc__)
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036 - this is what tells the user
        print(f"Python 3.11 or later is needed, this is {sys.version.split()[0]}.")
        return 2
    os.chdir(ROOT)
    try:
        return with_tools(arguments) if name == "run" else commands[name](*arguments)
    except subprocess.CalledProcessError as exc:
        print(f"\nThis command failed: {' '.join(map(str, exc.cmd))}")
        return 1


# Environments


def environment(name: str, *requirements: str) -> Path:
    """Return the folder of programs of a virtual environment with the requirements; made once, and when they change.

    With LOCK among them, this project is installed after them.
    """
    folder = HOME / name
    files = [ROOT / "pyproject.toml", *(LOCK for r in requirements if r == str(LOCK))]
    key = "\n".join([sys.version, *requirements, *(file.read_text() for file in files)])
    stamp, wanted = folder / "stamp", hashlib.sha256(key.encode()).hexdigest()
    with one_at_a_time(name):
        if not stamp.is_file() or stamp.read_text() != wanted:
            print(f"Setting up {folder.relative_to(ROOT)} …", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
            python = bare_environment(folder)
            install: list[str | Path] = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            run([*install, *requirements])
            if str(LOCK) in requirements:
                run([*install, "--no-deps", "--no-build-isolation", "-e", "."])
            stamp.write_text(wanted)
    return folder / BIN


@contextlib.contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Wait until no other process is at the same place: tests run side by side."""
    if os.name == "nt":
        yield
        return
    import fcntl  # noqa: PLC0415 - there is none on Windows

    HOME.mkdir(exist_ok=True)
    with (HOME / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def bare_environment(folder: Path) -> Path:
    """Make a virtual environment with a recent pip, without ensurepip: a fresh Debian has none. Return its Python."""
    python = folder / BIN / "python"
    pip = next((p for p in ([sys.executable, "-m", "pip"], ["pip3"], ["pip"]) if works([*p, "--version"])), None)
    if pip:
        run([sys.executable, "-m", "venv", "--without-pip", folder])
        run([*pip, "--disable-pip-version-check", "--python", python, "install", "-q", "pip>=25.1"])
    else:
        run([sys.executable, "-m", "venv", folder])
        run([python, "-m", "pip", "install", "-q", "pip>=25.1"])
    return python


def works(command: list[str]) -> bool:
    """Say whether a command is there and ends well."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(command: list[str | Path], env: dict[str, str] | None = None, *, quiet: bool = False) -> None:
    """Run a command to its good end; if `quiet`, show what it printed only when it fails."""
    done = subprocess.run(
        command,
        env={**os.environ, **(env or {})},
        check=False,
        capture_output=quiet,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        print((done.stdout or "") + (done.stderr or ""))
        raise subprocess.CalledProcessError(done.returncode, command)


# The demo


def demo() -> int:
    """Run the very job that users run, twice, against a stand-in; show what came."""
    with meltano_project("demo") as (meltano, mock, output, env), stand_in(mock) as url:
        env |= {"TAP_CODAT_COMMERCE_API_KEY": MOCK_KEY, "TAP_CODAT_COMMERCE_API_URL": url}
        counts, requests = [], []
        for number in (1, 2):
            if number == 2:  # noqa: PLR2004
                company = ask(f"{url}/companies")["results"][0]
                change = {"companyId": company["id"], "dataTypes": ["commerce-orders"], "restamp": 2, "add": 3}
                ask(f"{url}/_mock/sync", change)
                print(f"\nMeanwhile, Codat syncs the orders of {company['name']}: in each shop 2 changed and 3 new.")
            print(f"\n$ meltano run tap-codat-commerce target-jsonl    # run {number}", flush=True)
            ask(f"{url}/_mock/asked", method="DELETE")
            run([meltano, "run", "tap-codat-commerce", "target-jsonl"], env, quiet=True)
            counts.append(count_rows(output))
            requests.append(len(ask(f"{url}/_mock/asked")["asked"]))
    show(counts, requests, output)
    return 0


@contextlib.contextmanager
def meltano_project(name: str, loader: str = "target-jsonl") -> Iterator[tuple[Path, Path, Path, dict[str, str]]]:
    """Set up this project in Meltano; give Meltano, the stand-in, the target's folder, and an environment.

    The name is of a folder that is made anew: no other may have it, nor an environment.
    """
    meltano = environment("meltano", MELTANO) / "meltano"
    work = HOME / name
    shutil.rmtree(work, ignore_errors=True)
    output = work / "output"
    output.mkdir(parents=True)
    own = HOME / f"{name}-meltano"  # what Meltano installs: several at once in one folder get in each other's way
    env = {
        "MELTANO_DATABASE_URI": f"sqlite:///{work / 'meltano.db'}",
        "MELTANO_SYS_DIR_ROOT": str(own),
        "TARGET_JSONL_DESTINATION_PATH": str(output),
    }
    print(f"Installing the tap and {loader} by Meltano …", flush=True)
    run([meltano, "install", "tap-codat-commerce", loader], env, quiet=True)
    yield meltano, own / "extractors" / "tap-codat-commerce" / "venv" / BIN / "codat-mock", output, env


def story() -> int:
    """Walk from an empty account to the first rows, as on a terminal."""
    account = ("--companies", "0", "--sync-seconds", "24")
    with meltano_project("story") as (meltano, mock, output, env), stand_in(mock, *account) as url:
        command: list[str | Path] = [meltano, "invoke"]
        env |= {"TAP_CODAT_COMMERCE_API_KEY": MOCK_KEY, "TAP_CODAT_COMMERCE_API_URL": url}
        enable = ["tap-codat-commerce:enable", "--schedule", "24"]
        connect = ["tap-codat-commerce:connect", "O'Neill Bakery", "--platform", "woocommerce"]
        watch = ["tap-codat-commerce:status", "--watch", "--interval", "2"]
        show_on_terminal([*command, *enable], env)
        text = show_on_terminal([*command, *connect], env)
        link = next(line.split()[-1] for line in text if line.startswith("link:"))
        show_on_terminal([mock, "authorize", link], env)
        show_on_terminal([*command, *watch], env)
        print("\n$ meltano run tap-codat-commerce target-jsonl", flush=True)
        run([meltano, "run", "tap-codat-commerce", "target-jsonl"], env, quiet=True)
    print("\n$ wc -l output/*.jsonl")
    for stream, rows in sorted(count_rows(output).items()):
        print(f"{rows:>5} output/{stream}.jsonl")
    return 0


def show_on_terminal(command: list[str | Path], env: dict[str, str]) -> list[str]:
    """Run a command as on a terminal of 100 columns; print its lines: of a redrawn screen the first and the last."""
    import pty  # noqa: PLC0415 - there is none on Windows, where all else works

    name, *arguments = (Path(part).name if isinstance(part, Path) else quoted(part) for part in command)
    print(f"\n$ {name} {' '.join(arguments)}", flush=True)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, env={**os.environ, **env, "COLUMNS": "100"}, stdout=theirs, stderr=theirs)
    os.close(theirs)
    text = b""
    with contextlib.suppress(OSError):  # the end, as a terminal has it
        while piece := os.read(ours, 65536):
            text += piece
    if process.wait():
        print(text.decode())
        raise subprocess.CalledProcessError(process.returncode, command)
    screens = re.split(r"\x1b\[2J(?:\x1b\[1;1H)?", text.decode())
    first = screens[min(1, len(screens) - 1)].splitlines()
    lines = first if len(screens) <= 2 else [*first, "…", *screens[-1].splitlines()]  # noqa: PLR2004
    lines = [line for line in lines if not re.match(r"\S*\d{4}-\d\d-\d\dT?.*\[", line)]  # without Meltano's own log
    print("\n".join(lines), flush=True)
    return lines


def quoted(part: str) -> str:
    """Return an argument as one would type it."""
    return f'"{part}"' if re.search(r"[ '?]", part) else part


@contextlib.contextmanager
def stand_in(program: Path, *options: str) -> Iterator[str]:
    """Run the stand-in on a free port for as long as the `with` lasts; give its address."""
    process = subprocess.Popen([program, "--port", "0", *options], stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        if " at http" not in line:
            raise subprocess.CalledProcessError(1, [str(program)])
        yield line.partition(" at ")[2].partition(",")[0]
    finally:
        process.terminate()
        process.wait()


def ask(url: str, body: object = None, method: str | None = None) -> Any:
    """Ask the stand-in."""
    import base64  # noqa: PLC0415

    headers = {"Authorization": "Basic " + base64.b64encode(MOCK_KEY.encode()).decode()}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - our own, on this machine
    with urllib.request.urlopen(request) as response:  # noqa: S310
        text = response.read()
    return json.loads(text) if text else None


def count_rows(output: Path) -> Counter[str]:
    """Return how many rows the target has written for each stream."""
    return Counter({f.stem: len(f.read_text().splitlines()) for f in output.glob("*.jsonl")})


def show(counts: list[Counter[str]], requests: list[int], output: Path) -> None:
    """Print how many rows each run brought, and a few orders."""
    first, both = counts
    second = both - first
    print(f"\n{'stream':<20}{'run 1':>8}{'run 2':>8}")
    for stream in sorted(first):
        print(f"{stream:<20}{first[stream]:>8}{second[stream]:>8}")
    print(f"{'rows':<20}{sum(first.values()):>8}{sum(second.values()):>8}")
    print(f"{'requests to Codat':<20}{requests[0]:>8}{requests[1]:>8}")
    print("\nSome orders:")
    for line in (output / "orders.jsonl").read_text().splitlines()[:3]:
        order = json.loads(line)
        shown = {k: order[k] for k in ("id", "orderNumber", "currency", "totalAmount", "createdDate", "modifiedDate")}
        print(f"  {json.dumps(shown)}")
    print(f"\nAll rows are in {output.relative_to(ROOT)}.")


# Tests


def test() -> int:
    """Run all that has to be green; half the time of a test is waiting, so there are two for each core."""
    lint()
    workers = str(2 * (os.cpu_count() or 1))
    run([test_environment() / "python", "-m", "pytest"], {"PYTEST_XDIST_AUTO_NUM_WORKERS": workers})
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


def bench() -> int:
    """Measure."""
    run([test_environment() / "python", "-m", "benchmarks.bench"])
    return 0


def docs() -> int:
    """Make anew what is made from the code."""
    run([test_environment() / "python", "-m", "tools.documents"])
    return 0


def site() -> int:
    """Make the site of the documents."""
    run([environment("site", "--group", "docs") / "mkdocs", "build", "--strict"])
    print("The site is in .dev/site-built.")
    return 0


def test_environment() -> Path:
    """Return the programs for tests, types and lint."""
    if os.environ.get("LOCKED") == "1":
        return environment("test", "--require-hashes", "-r", str(LOCK))
    return environment("test", "-e", ".[mock]", "--group", "dev")


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
    programs = environment("mutants", "-e", ".[mock]", "--group", "test", "--group", "typing", *MUTATORS)
    run([programs / "python", "-m", "tools.mutants", *arguments])
    return 0


def lock() -> int:
    """Pin what the checks install: the newest release of each, for all versions of Python, with its hashes."""
    everything = ["--all-extras", "--group", "dev", "--universal", "--generate-hashes", "--upgrade"]
    plain = ["--no-header", "--no-annotate", "--no-emit-index-url", "--quiet"]
    uv = environment("lock", LOCKER) / "uv"
    run([uv, "pip", "compile", "pyproject.toml", *everything, *plain, "--output-file", LOCK])
    return 0


def clean() -> int:
    """Remove the environments and what was made in them."""
    for folder in (HOME, ROOT / ".meltano"):
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
