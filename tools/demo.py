"""Shows the tap at work, run by Meltano as users run it, against the stand-in: `python3 dev.py demo`, and `story`."""

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

from tools.environments import BIN, HOME, ROOT, environment, one_at_a_time, run

if TYPE_CHECKING:
    from collections.abc import Iterator

MELTANO = "meltano==4.4.*"
SMALL = ("--port", "0", "--records", "30")
"""Of the stand-in: any free port, and few orders of each shop, for a table that one can take in."""
PLUGINS = HOME / "plugins"
MOCK_KEY = "codat-mock-key"


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
    own = HOME / f"{name}-meltano"  # where Meltano runs things: several at once in one folder get in each other's way
    env = {
        "MELTANO_DATABASE_URI": f"sqlite:///{work / 'meltano.db'}",
        "MELTANO_SYS_DIR_ROOT": str(own),
        "TARGET_JSONL_DESTINATION_PATH": str(output),
    }
    link_plugins(own)
    for plugin in ("tap-codat-commerce", loader):
        install(meltano, plugin, env)
    yield meltano, own / "extractors" / "tap-codat-commerce" / "venv" / BIN / "codat-mock", output, env


def link_plugins(own: Path) -> None:
    """Let a folder of Meltano's have the plugins that all have: each is installed once."""
    for kind in ("extractors", "loaders", "utilities"):
        (PLUGINS / kind).mkdir(parents=True, exist_ok=True)
        if not (own / kind).is_symlink():
            shutil.rmtree(own / kind, ignore_errors=True)
            own.mkdir(parents=True, exist_ok=True)
            (own / kind).symlink_to(PLUGINS / kind)


def install(meltano: Path, plugin: str, env: dict[str, str]) -> None:
    """Install a plugin by Meltano, unless it is there, and as it is now: somebody else may be running it."""
    files = [(ROOT / name).read_text() for name in ("meltano.yml", "pyproject.toml")]
    stamp = PLUGINS / f"{plugin}.stamp"
    wanted = hashlib.sha256("\n".join([sys.version, *files]).encode()).hexdigest()
    with one_at_a_time("plugins"):
        if not stamp.is_file() or stamp.read_text() != wanted:
            print(f"Installing {plugin} by Meltano …", flush=True)
            run([meltano, "install", plugin], env, quiet=True)
            stamp.write_text(wanted)


def story() -> int:
    """Walk from an empty account to the first rows, as on a terminal."""
    account = ("--companies", "0", "--sync-seconds", "24", "--records", "12")
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
    process = subprocess.Popen([program, *SMALL, *options], stdout=subprocess.PIPE, text=True)
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
    print(f"\nAll rows are in {output.relative_to(HOME.parent)}.")
