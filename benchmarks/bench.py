"""Measures what the tap costs, beside a bare loop and a tap written the usual way, all in one run.

`python3 dev.py bench` prints the tables and writes them into `benchmarks/README.md`. It takes some fifteen minutes. CPU
is that of the measured process alone, all its threads; what the same program takes to start, and to read a shop without
orders, is taken off where a table says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent
TAP = [sys.executable, "-m", "tap_codat_commerce"]
PLAIN = [sys.executable, "-m", "benchmarks.plain_tap"]
BARE = [sys.executable, str(HERE / "bare_loop.py")]
UNLIMITED = {"requests_per_minute": 10**6}
TYPE = re.compile(rb'^\{"type": ?"([A-Z]+)"')
SECONDS_OF_PACE = 190


@dataclass
class Done:
    """What a process took: CPU and wall seconds, megabytes at the peak; and its messages, where they were counted."""

    cpu: float
    wall: float
    megabytes: float
    messages: Counter[str] = field(default_factory=Counter)
    volume: Counter[str] = field(default_factory=Counter)
    state: bytes = b"{}"


@contextlib.contextmanager
def server(**options: float | str) -> Iterator[str]:
    """Run the server of made-up shops; give its address."""
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, str(HERE / "server.py"), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip() if process.stdout else ""
    finally:
        process.kill()
        process.wait()


def stats(url: str) -> dict[str, Any]:
    """Return when requests came, and how many were open at once."""
    with urllib.request.urlopen(f"{url}/_stats") as response:  # noqa: S310 - our own
        found: dict[str, Any] = json.loads(response.read())
    return found


def run(command: list[str], *, count: bool = False, stop_after: float | None = None) -> Done:
    """Run a process to its end, or stop it after so many seconds; return what it took."""
    began = time.monotonic()
    out = subprocess.PIPE if count else subprocess.DEVNULL
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=out, stderr=log, cwd=HERE.parent)
        if stop_after:
            threading.Timer(stop_after, process.terminate).start()
        done = Done(0, 0, 0)
        for line in process.stdout or ():
            found = TYPE.match(line)
            kind = found[1].decode() if found else "?"
            done.messages[kind] += 1
            done.volume[kind] += len(line)
            done.state = line if kind == "STATE" else done.state
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        done.cpu, done.wall = usage.ru_utime + usage.ru_stime, time.monotonic() - began
        done.megabytes = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
        if process.returncode and not stop_after:
            log.seek(0)
            sys.exit(f"{command} failed:\n{log.read().decode()[-2000:]}")
    return done


class Tap:
    """A way to run a tap against a server, with settings."""

    def __init__(self, command: list[str], url: str, catalog: Any = None, **settings: Any) -> None:
        """Prepare."""
        self._catalog = catalog
        self._folder = tempfile.TemporaryDirectory()
        self._command, self._url, self._settings = command, url, settings

    def __call__(self, *, state: bytes | None = None, **how: Any) -> Done:
        """Run it."""
        config, file = Path(self._folder.name) / "config.json", Path(self._folder.name) / "state.json"
        config.write_text(json.dumps({"api_key": "benchmark-key", "api_url": self._url, **self._settings}))
        arguments = ["--config", str(config)]
        if state is not None:
            file.write_text(json.dumps(json.loads(state).get("value", {})))
            arguments += ["--state", str(file)]
        if self._catalog is not None:
            catalog = Path(self._folder.name) / "catalog.json"
            catalog.write_text(json.dumps(self._catalog))
            arguments += ["--catalog", str(catalog)]
        return run([*self._command, *arguments], **how)


def median(measure: Callable[[], Done], times: int = 3) -> Done:
    """Return the run with the middle CPU time."""
    return sorted((measure() for _ in range(times)), key=lambda done: done.cpu)[times // 2]


def table(head: str, rows: list[list[object]]) -> str:
    """Return a Markdown table."""
    names = head.split(" | ")
    lines = [f"| {head} |", "|---" + "|---:" * (len(names) - 1) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def throughput() -> str:
    """Return CPU and memory for many orders of one shop."""
    rows: list[list[object]] = []
    for size in (100, 1000, 5000):
        measured: dict[str, Done] = {}
        starts: dict[str, Done] = {}
        for orders, into in ((1, starts), (100_000, measured)):
            with server(companies=1, orders=orders) as url:
                into["bare loop"] = median(partial(run, [*BARE, url, str(size)]))
                into["this tap"] = median(Tap(TAP, url, page_size=size, **UNLIMITED))
                into["usual tap"] = median(Tap(PLAIN, url, page_size=size), 1)
        bare = measured["bare loop"].cpu - starts["bare loop"].cpu
        for name, done in measured.items():
            cpu = done.cpu - starts[name].cpu
            rows.append([f"{name}, {size} a page", f"{cpu:.2f}", f"{cpu / bare:.2f}", f"{done.megabytes:.0f}"])
    with server(companies=1, orders=10**6) as url:
        done = Tap(TAP, url, page_size=5000, **UNLIMITED)()
    rows.append(["this tap, 1,000,000 orders, 5000 a page", f"{done.cpu:.2f}", "", f"{done.megabytes:.0f}"])
    head = "100,000 orders of 1.5 KB | CPU seconds, start taken off | of the bare loop | peak MB"
    return table(head, rows)


def shapes() -> str:
    """Return CPU and memory by what the records look like, and by what is asked for."""
    ways: list[tuple[str, str, dict[str, Any]]] = [
        ("plain", "plain", {}),
        ("custom data, objects in objects", "custom", {}),
        ("fields that the schema does not know, also within lines", "undeclared", {}),
        ("ids that are numbers", "number", {}),
        ("a field deselected", "plain", {"catalog": without("orders", "orderNumber")}),
        ("a stream map: a field hashed", "plain", {"stream_maps": {"orders": {"orderNumber": "md5(orderNumber)"}}}),
        ("flattened, depth 1", "plain", {"flattening_enabled": True, "flattening_max_depth": 1}),
    ]
    rows: list[list[object]] = []
    for name, shape, asked in ways:
        cpu: dict[str, list[float]] = {}
        for orders in (1, 50_000):
            with server(companies=1, orders=orders, shape=shape) as url:
                bare, tap = partial(run, [*BARE, url, "5000"]), Tap(TAP, url, page_size=5000, **asked, **UNLIMITED)
                for who, measure in (("bare", bare), ("tap", tap)):
                    done = median(measure)
                    cpu.setdefault(who, []).append(done.cpu)
        bare_cpu, tap_cpu = (all_orders - one for one, all_orders in (cpu["bare"], cpu["tap"]))
        rows.append([name, f"{bare_cpu:.2f}", f"{tap_cpu:.2f}", f"{tap_cpu / bare_cpu:.2f}", f"{done.megabytes:.0f}"])
    head = "50,000 orders, 5000 a page | bare loop, CPU seconds | this tap | of the bare loop | peak MB"
    return table(head, rows)


def without(stream: str, field: str) -> Any:
    """Return the tap's catalog with one field deselected."""
    done = subprocess.run([*TAP, "--discover"], capture_output=True, check=True, cwd=HERE.parent)
    catalog = json.loads(done.stdout)
    entry = next(e for e in catalog["streams"] if e["stream"] == stream)
    for metadata in entry["metadata"]:
        if metadata["breadcrumb"] == ["properties", field]:
            metadata["metadata"]["selected"] = False
    return catalog


def latency() -> str:
    """Return how near 40 companies come to what ten requests at once allow."""
    rows: list[list[object]] = []
    for seconds in (0.05, 0.15, 0.5):
        for name, command, settings in (("this tap", TAP, UNLIMITED), ("usual tap", PLAIN, {})):
            if command is PLAIN and seconds > 0.15:  # noqa: PLR2004 - it would take four minutes
                continue
            with server(companies=40, orders=1, latency=seconds) as url:
                done = Tap(command, url, **settings)()
                seen = stats(url)
            requests, wall = len(seen["seen"]), seen["seen"][-1] - seen["seen"][0] + seconds
            ideal = requests * seconds / 10
            share = f"{ideal / wall:.0%}"
            label = f"{name}, {seconds * 1000:.0f} ms"
            rows.append([label, requests, seen["most_open"], f"{ideal:.2f}", f"{wall:.2f}", share, f"{done.wall:.2f}"])
    head = "40 companies | requests | most at once | ideal s | first to last s | of the ideal | with start s"
    return table(head, rows)


def growth() -> str:
    """Return what more and more companies cost, run after run: the second also says what has arrived of the first."""
    rows: list[list[object]] = []

    def add(name: str, companies: int, done: Done, start: float, requests: int) -> None:
        each = (done.cpu - start) / companies * 1000
        kinds = ", ".join(f"{n} {k} ({_bytes(done.volume[k])})" for k, n in sorted(done.messages.items()))
        shown = f"{companies:,}", f"{done.cpu:.2f}", f"{each:.2f}", f"{done.megabytes:.0f}", requests, kinds
        rows.append([name, *shown])

    with server(companies=0) as url:
        start = median(Tap(TAP, url, **UNLIMITED)).cpu
        usual_start = median(Tap(PLAIN, url)).cpu
    for companies in (100, 400, 1600, 6400):
        with server(companies=companies, orders=1) as url:
            tap = Tap(TAP, url, **UNLIMITED)
            times = 3 if companies < 1600 else 1  # noqa: PLR2004
            first = median(partial(tap, count=True), times)
            add("this tap, first run", companies, first, start, len(stats(url)["seen"]) // times)
            state = first.state
            for name in ("second run", "unchanged"):
                again = median(partial(tap, count=True, state=state), times)
                add(f"this tap, {name}", companies, again, start, len(stats(url)["seen"]) // times)
                state = again.state
            if companies <= 400:  # noqa: PLR2004 - it grows by the square
                usual = Tap(PLAIN, url)(count=True)
                add("usual tap, first run", companies, usual, usual_start, len(stats(url)["seen"]))
    head = "one record in each of eleven data sets | companies | CPU s | ms a company | peak MB | requests | messages"
    return table(head, rows)


def pace() -> str:
    """Return how many requests a minute go out."""
    rows: dict[int, list[object]] = {}

    def one(per_minute: int) -> None:
        with server(companies=1000, orders=1, latency=0.05) as url:
            Tap(TAP, url, requests_per_minute=per_minute)(stop_after=SECONDS_OF_PACE)
            seen = stats(url)["seen"]
        starts = [seen[0] + second for second in range(int(seen[-1] - seen[0]) - 60)]
        counts = [sum(start <= t < start + 60 for t in seen) for start in starts]
        rows[per_minute] = [per_minute, min(counts), max(counts), len(counts)]

    threads = [threading.Thread(target=one, args=(n,)) for n in (60, 600, 900)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    head = "requests_per_minute | fewest in a minute | most in a minute | minutes looked at, one a second"
    return table(head, [rows[n] for n in sorted(rows)])


def _bytes(number: int) -> str:
    return f"{number / 1e6:.1f} MB" if number >= 1e5 else f"{number / 1e3:.1f} KB"  # noqa: PLR2004


def main() -> None:
    """Measure, print, and write the page."""
    page = HERE / "README.md"
    parts = []
    for measure in (throughput, shapes, latency, growth, pace):
        parts.append(measure())
        print(parts[-1], "\n", flush=True)  # noqa: T201
    made = f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} processors"
    text = "\n\n".join([f"`python3 dev.py bench`, {made}.", *parts])
    begin, end = "<!-- begin tables -->", "<!-- end tables -->"
    head, _, rest = page.read_text().partition(begin)
    page.write_text(f"{head}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


if __name__ == "__main__":
    main()
