"""How tests run: a stand-in on a real socket, and the tap as a process that is judged by its messages."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from signal import SIG_DFL, SIG_IGN
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import urlopen

import pytest
from hypothesis import HealthCheck, settings

import warm
from browsers import chrome
from codat_mock.faults import Fault
from codat_mock.running import Running
from codat_mock.world import World
from tap_codat_commerce.settings import Settings
from tap_codat_commerce.workflow.session import DATA_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from selenium import webdriver

    from tap_codat_commerce.codat.client import Client
    from tap_codat_commerce.sync.options import SyncOptions

API_KEY = "3a5e8c1f-test-key-9b7d"
DATA_SETS = DATA_TYPES
SERVED = ("companies", "connections", "data_status", *DATA_SETS)
STREAMS = (*SERVED, "reads")
QUICK_WITH_STAND_IN = 5
"""So many tests of each module with a stand-in are not slow, unless they are marked so."""
QUICK_SECONDS = 3.0
"""Of the processor: so much a test of the fast half may take."""
TAP = [sys.executable, "-m", "tap_codat_commerce"]

LONG = {"targets", "transform"}
"""The folders of the tests that take longest."""
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark as slow what comes after the first tests of a module that have a stand-in: most of them run the tap.

    And have each worker begin with its share of what takes longest: at the end, the others would wait for it.
    """
    seen: Counter[Path] = Counter()
    for item in items:
        if "stage" in getattr(item, "fixturenames", ()):
            seen[item.path] += 1
            if seen[item.path] > QUICK_WITH_STAND_IN:
                item.add_marker("slow")
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    long = [item for item in items if item.path.parent.name in LONG]
    others = [item for item in items if item.path.parent.name not in LONG]
    each = -(-len(others) // workers)
    items[:] = [i for n in range(workers) for i in (*long[n::workers], *others[n * each : (n + 1) * each])]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Have a test of the fast half fail that is slow; by processor time, which a busy machine does not lengthen."""
    began = time.process_time()
    result = yield
    took = time.process_time() - began
    assert took < QUICK_SECONDS or item.config.option.markexpr != "not slow", f"it takes {took:.1f} s: mark it as slow"
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped: which package is missing, and where it is needed."""
    for line in skips(terminalreporter.getreports("skipped")):
        terminalreporter.write_line(line, yellow=True)


def skips(reports: Iterable[Any]) -> Iterator[str]:
    """Yield a line for each reason for which tests were skipped."""
    modules: dict[str, Counter[str]] = defaultdict(Counter)
    for report in reports:
        modules[report.longrepr[2].removeprefix("Skipped: ")][report.nodeid.partition("::")[0]] += 1
    for reason, found in modules.items():
        number = found.total()
        yield f"{reason}: {number} {'test was' if number == 1 else 'tests were'} skipped, in {', '.join(found)}."


def client(url: str = "http://127.0.0.1:1", **settings: Any) -> Client:
    """Return a client of a stand-in, of nothing if none is given, which tries once; as the settings say otherwise."""
    return Settings.of({"api_key": API_KEY, "api_url": url, "max_retries": 0, **settings}).client()


def options(**chosen: Any) -> SyncOptions:
    """Return options: those chosen, and what is read if nothing is set."""
    return replace(Settings.of({}).sync, **chosen)


class Meanwhile(Fault):
    """Nothing goes wrong with the request, but something happens before it is answered."""

    def __init__(self, happening: Callable[[], object], **which: Any) -> None:
        super().__init__(**which)
        self.happening = happening

    def strikes(self, request: Any) -> bool:
        if super().strikes(request):
            self.happening()
        return False


@dataclass
class Run:
    """What a run of the tap left: its exit code, its messages, its log. Numbers are kept as the text they came as."""

    code: int
    out: str
    log: str

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        """All messages."""
        return [json.loads(line, parse_float=str) for line in self.out.split("\n") if line]

    @property
    def records(self) -> dict[str, list[dict[str, Any]]]:
        """The records by stream."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for message in self.messages:
            if message["type"] == "RECORD":
                found[message["stream"]].append(message["record"])
        return found

    @property
    def schemas(self) -> list[dict[str, Any]]:
        """The SCHEMA messages."""
        return [m for m in self.messages if m["type"] == "SCHEMA"]

    @property
    def state(self) -> dict[str, Any]:
        """The last state."""
        states: list[dict[str, Any]] = [m["value"] for m in self.messages if m["type"] == "STATE"]
        return states[-1]

    @property
    def content(self) -> tuple[Any, ...]:
        """What came out of Codat, without the times at which it did, and what binds a bookmark to them."""
        served = {stream: records for stream, records in self.records.items() if stream != "reads"}
        state = re.sub(r"'read': \[\d+, \d+, -?\d+, -?\d+", "'read': [", str(self.state))
        return served, self.schemas, re.sub(r"('seen': '[^']*)[0-9a-f]{4}'", r"\1'", state)

    @property
    def problems(self) -> list[str]:
        """The warnings and errors, each without its time and logger."""
        lines = [line.split(" | ") for line in self.log.splitlines()]
        return [" | ".join(p[3:]) for p in lines if len(p) > 3 and p[1].strip() in {"WARNING", "ERROR"}]

    @property
    def summary(self) -> dict[str, int]:
        """The counts of data sets and records."""
        line = next(line for line in self.log.splitlines() if "data sets: " in line).partition("data sets: ")[2]
        return {name: int(number) for name, number in re.findall(r"(\w[\w ]*?) (\d+)", line)}

    def says(self, *parts: str) -> bool:
        """Say whether one of the warnings and errors holds all the parts."""
        return any(all(part in line for part in parts) for line in self.problems)

    def ok(self) -> Run:
        """Return the run if it went well."""
        assert self.code == 0, self.log
        return self


class Stage:
    """A stand-in, and a way to run the tap against it."""

    def __init__(self, running: Running, folder: Path) -> None:
        self.running, self.folder = running, folder
        self.world, self.gate, self.url = running.world, running.gate, running.url

    def run(
        self,
        *arguments: str,
        state: dict[str, Any] | None = None,
        catalog: dict[str, Any] | None = None,
        env: dict[str, str] | None = None,
        config: dict[str, Any] | None = None,
        config_name: str = "config",
        **settings: Any,
    ) -> Run:
        """Run the tap once, with the settings beside key and address."""
        chosen = {"api_key": API_KEY, "api_url": self.url, **settings} if config is None else config
        command = [*TAP, "--config", self._file(config_name, chosen)]
        if state is not None:
            command += ["--state", self._file("state", state)]
        if catalog is not None:
            command += ["--catalog", self._file("catalog", catalog)]
        return start([*command, *arguments], env)

    def catalog(self, *selected: str, **settings: Any) -> dict[str, Any]:
        """Return the catalog with only these streams selected."""
        found: dict[str, Any] = json.loads(self.run("--discover", **settings).ok().out)
        for stream in found["streams"]:
            for entry in stream["metadata"]:
                if not entry["breadcrumb"]:
                    entry["metadata"]["selected"] = stream["stream"] in selected
        return found

    def requests(self, part: str = "") -> list[str]:
        """Return the paths asked for so far that contain the part, and forget all."""
        paths = [a.path for a in self.gate.asked if part in a.path]
        self.gate.asked.clear()
        return paths

    def wait_for(self, number: int, part: str = "") -> None:
        """Have requests whose path or query holds the part answered only once so many of them were there at once."""
        checked, all_there, there = self.gate._checked, asyncio.Event(), 0  # noqa: SLF001

        async def waiting(request: Any, handler: Any) -> Any:
            nonlocal there
            if part in request.path_qs:
                there += 1
                if there >= number:
                    all_there.set()
                await all_there.wait()
            return await checked(request, handler)

        self.gate._checked = waiting  # type: ignore[method-assign]  # noqa: SLF001

    def held(self, data_type: str) -> dict[tuple[str, str, str], dict[str, Any]]:
        """Return what the stand-in holds of a data type, by company, connection and id, as it goes over the wire."""
        import simplejson  # noqa: PLC0415

        return {
            (c.company_id, c.id, record_id): json.loads(simplejson.dumps(record, use_decimal=True), parse_float=str)
            for c in self.world.connections()
            if data_type in c.data and data_type not in c.platform.lacks
            for record_id, record in c.data[data_type].records.items()
        }

    def _file(self, name: str, content: dict[str, Any]) -> str:
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(content))
        return str(path)


def aged(state: dict[str, Any], days: int, *, stream: str | None = None) -> dict[str, Any]:
    """Return the state as if its full reads, or those of one stream, had been made so many days earlier."""
    old = copy.deepcopy(state)
    for name, bookmarks in old.get("bookmarks", {}).items():
        for entry in (e for e in bookmarks.get("partitions", ()) if "full_read" in e and stream in {None, name}):
            moment = datetime.fromisoformat(entry["full_read"]) - timedelta(days=days)
            entry["full_read"] = moment.replace(tzinfo=None).isoformat() + "Z"
    return old


def batches(folder: Path, form: str, **more: Any) -> dict[str, Any]:
    """Return the setting `batch_config` for files in a folder."""
    return {"encoding": {"format": form, "compression": "gzip"}, "storage": {"root": f"file://{folder}"}, **more}


def in_files(run: Run, stream: str) -> list[dict[str, Any]]:
    """Return the records of the files that a run wrote of a stream."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    found: list[dict[str, Any]] = []
    for message in run.messages:
        for address in message["manifest"] if message["type"] == "BATCH" and message["stream"] == stream else ():
            path = Path(urlparse(address).path)
            if path.suffix == ".parquet":
                found += pq.read_table(path).to_pylist()
            else:
                lines = gzip.decompress(path.read_bytes()).splitlines()
                found += [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines]
    return found


def rest(running: Running) -> None:
    """Wait until a stand-in has nothing to do: a run that ended early may leave requests on their way."""
    urlopen(running.url + "/_mock/asked").close()  # those that came before this one have been seen by then
    while running.gate.in_flight:
        time.sleep(0.01)


def start(command: list[str], env: dict[str, str] | None = None, folder: Path | None = None) -> Run:
    """Run a command of the tap, in a folder if one is given."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TAP_CODAT_COMMERCE_")}
    chosen = {**kept, **(env or {})}
    if command[: len(TAP)] == TAP:
        return Run(*warm.run("main", command[len(TAP) :], chosen, folder))
    done = subprocess.run(command, capture_output=True, text=True, env=chosen, timeout=120, check=False, cwd=folder)
    return Run(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def signals(**handlers: Any) -> Iterator[None]:
    """Have processes that are started meanwhile take signals so, whatever the tests themselves were started with."""
    before = {name: signal.signal(signal.Signals[name], handler) for name, handler in handlers.items()}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(signal.Signals[name], handler)


def start_tap(
    shops: Stage, state: dict[str, Any], env: dict[str, str] | None = None, *, nohup: bool = False, **settings: Any
) -> subprocess.Popen[str]:
    """Start a run as a terminal does, or as `nohup` does; its log goes into a file."""
    config, file = shops.folder / "config.json", shops.folder / "state.json"
    config.write_text(json.dumps({"api_key": API_KEY, "api_url": shops.url, **settings}))
    file.write_text(json.dumps(state))
    command = [*TAP, "--config", str(config), "--state", str(file)]
    with (shops.folder / "log").open("w") as log, signals(SIGHUP=SIG_IGN if nohup else SIG_DFL, SIGINT=SIG_DFL):
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **(env or {})}
        )


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Return how to set up a stand-in with the given shops; it is gone when the test ends."""
    open_stages: list[Running] = []

    def set_up(**shops: Any) -> Stage:
        running = Running(World(**shops), API_KEY)
        running.__enter__()
        open_stages.append(running)
        return Stage(running, tmp_path)

    yield set_up
    for running in open_stages:
        running.__exit__(None, None, None)


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    """Return a browser."""
    driver = chrome(1000, 900)
    yield driver
    driver.quit()
