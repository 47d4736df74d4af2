"""Runs the tap for an hour at full rate, over thousands of companies, while syncs, faults and kills go on.

    python3 dev.py run python -m benchmarks.soak --minutes 60 --companies 5000

Each run goes on from the last STATE that came out. At the end all is left to rest, and what came is compared with what
the stand-in holds. It prints what each run took, how memory and open files grew, and how many records are missing.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codat_mock.faults import Fault
from codat_mock.language import ticks
from codat_mock.running import Running
from codat_mock.world import World

if TYPE_CHECKING:
    from codat_mock.world import Connection

KEY = "soak-key"
TYPES = {"orders": "commerce-orders", "customers": "commerce-customers"}
FAULTY = 0.01
"""Of the requests go wrong."""
KILLED = 0.3
"""Of the runs are killed."""
SYNCS_A_SECOND = 5
BETWEEN_SAMPLES = 5.0


class Trouble(Fault):
    """Goes wrong now and then, in one way."""

    def strikes(self, request: Any) -> bool:
        """Say whether this request is to go wrong."""
        return bool(random.random() < FAULTY / 4 and super().strikes(request))  # noqa: S311 - no secrets


@dataclass
class Warehouse:
    """What came: the newest stamp of each record, and the last state."""

    newest: dict[tuple[str, str, str], int] = field(default_factory=dict)
    state: str = "{}"
    records: int = 0

    def take(self, line: str) -> None:
        """Take a message."""
        message = json.loads(line)
        if message["type"] == "STATE":
            self.state = json.dumps(message["value"])
        elif message["type"] == "RECORD" and message["stream"] in TYPES:
            record = message["record"]
            key = (message["stream"], record["connectionId"], record["id"])
            self.newest[key] = max(self.newest.get(key, 0), micros(record["modifiedDate"]))
            self.records += 1


def micros(stamp: str) -> int:
    """Return a stamp as microseconds."""
    return (ticks(stamp) or 0) // 10


class Soak:
    """A stand-in, what happens to it, and the runs against it."""

    def __init__(self, companies: int, folder: Path) -> None:
        """Make the shops."""
        self.world = World(companies=companies, connections=1, records=4, extras=False)
        self.world.stamps = "shuffled"
        self.shops = self.world.connections()
        self.running = Running(self.world, KEY)
        self.running.gate.faults += [
            Trouble("reset", times=0),
            Trouble("cut", times=0),
            Trouble(status=503, times=0),
            Trouble(status=429, times=0, headers={"Retry-After": "1"}),
        ]
        self.folder, self.warehouse, self.over = folder, Warehouse(), threading.Event()

    def syncs(self) -> None:
        """Let syncs happen until it is over, each to its end or in two steps."""
        begun: list[Any] = []
        while not self.over.wait(1 / SYNCS_A_SECOND):
            shop: Connection = random.choice(self.shops)  # noqa: S311
            data_type = random.choice(list(TYPES.values()))  # noqa: S311
            found = {"restamp": random.randint(0, 2), "add": random.randint(0, 2), "remove": random.randint(0, 1)}  # noqa: S311
            if random.random() < 0.7:  # noqa: S311, PLR2004
                self.world.sync(shop.company_id, shop.id, (data_type,), **found)
            elif all(o.connection_id != shop.id for o in begun):
                begun += self.world.begin(shop.company_id, shop.id, data_type, "Mapping")
                self.world.plan(begun[-1], **found)
                self.world.reveal(begun[-1], 1)
            while len(begun) > 20:  # noqa: PLR2004
                self.world.finish(begun.pop(0))
        for operation in begun:
            self.world.finish(operation)

    def run(self, kill_after: float | None = None) -> str:
        """Run once, from the last state; return a line about it."""
        state, config = self.folder / "state.json", self.folder / "config.json"
        state.write_text(self.warehouse.state)
        config.write_text(json.dumps({"api_key": KEY, "api_url": self.running.url, "sync_wait": 20}))
        command = [sys.executable, "-m", "tap_codat_commerce.tap", "--config", str(config), "--state", str(state)]
        command += ["--catalog", str(self.folder / "catalog.json")]
        before, began = self.warehouse.records, time.monotonic()
        asked = len(self.running.gate.asked)
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        how = random.choice([process.kill, process.terminate])  # noqa: S311
        timer = threading.Timer(kill_after or 10**6, how)
        timer.daemon = True
        timer.start()
        samples: list[tuple[int, int]] = []
        watch = threading.Thread(target=self.watch, args=(process, samples), daemon=True)
        watch.start()
        for line in process.stdout or ():
            if line.endswith("\n"):
                self.warehouse.take(line)
        code = process.wait()
        timer.cancel()
        watch.join()
        megabytes = [s[0] for s in samples] or [0]
        files = [s[1] for s in samples] or [0]
        minutes = (time.monotonic() - began) / 60
        requests = len(self.running.gate.asked) - asked
        return (
            f"exit {code:>4}  {minutes:5.1f} min  {requests:>6} requests ({requests / minutes:4.0f} a minute)  "
            f"{self.warehouse.records - before:>6} records  MB {megabytes[0]} {megabytes[len(megabytes) // 2]} "
            f"{megabytes[-1]}  files {files[0]} {max(files)} {files[-1]}"
        )

    def watch(self, process: subprocess.Popen[str], samples: list[tuple[int, int]]) -> None:
        """Look at memory (MB) and open files of a process until it ends."""
        of = Path(f"/proc/{process.pid}")
        while process.poll() is None:
            time.sleep(BETWEEN_SAMPLES)
            try:
                status = dict(line.split(":", 1) for line in (of / "status").read_text().splitlines())
                samples.append((int(status["VmRSS"].split()[0]) // 1024, len(list((of / "fd").iterdir()))))
            except (OSError, KeyError):
                return

    def missing(self) -> Counter[str]:
        """Return how many of the records that the stand-in holds have not come in their newest version, by stream."""
        found: Counter[str] = Counter()
        for stream, data_type in TYPES.items():
            for (connection_id, record_id), record in self.world.visible(data_type).items():
                came = self.warehouse.newest.get((stream, connection_id, record_id), 0)
                found[stream] += came < micros(record["modifiedDate"])
                found["held"] += 1
        return found

    def catalog(self) -> None:
        """Write a catalog with the streams that are read."""
        config = self.folder / "config.json"
        config.write_text(json.dumps({"api_key": KEY}))
        command = [sys.executable, "-m", "tap_codat_commerce.tap", "--config", str(config), "--discover"]
        catalog = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        for stream in catalog["streams"]:
            for entry in stream["metadata"]:
                if not entry["breadcrumb"]:
                    entry["metadata"]["selected"] = stream["stream"] in TYPES
        (self.folder / "catalog.json").write_text(json.dumps(catalog))


def main() -> int:
    """Soak; return 1 if a record is missing."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--companies", type=int, default=5000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(chosen.companies, Path(folder))
        soak.catalog()
        with soak.running:
            syncs = threading.Thread(target=soak.syncs)
            syncs.start()
            end = time.monotonic() + 60 * chosen.minutes
            while (left := end - time.monotonic()) > 0:
                kill = random.random() < KILLED  # noqa: S311
                say(soak.run(random.uniform(20, 120) if kill else left))  # noqa: S311
            soak.over.set()
            syncs.join()
            soak.running.gate.faults.clear()
            say(soak.run())
            say(soak.run())
            missing = soak.missing()
            say(f"records came {soak.warehouse.records}, held {missing.pop('held')}, missing {dict(missing)}")
    return int(any(missing.values()))


def say(line: str) -> None:
    """Print a line now."""
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
