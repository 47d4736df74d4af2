"""Every request of a run times everything that can go wrong with its answer, and what must come of it.

`test_matrix.py` runs a part of it that covers each request and each fault. All of it: `python3 dev.py faults`.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from codat_mock.faults import Fault, bomb
from codat_mock.platforms import BY_KEY
from codat_mock.running import Running
from codat_mock.world import World
from tap_codat_commerce.workflow.session import DATA_TYPES

KEY = "3a5e8c1f-test-key-9b7d"
SECONDS = 40.0
"""So long a cell may take at most: a start of the tap, two tries, each within the timeout."""
MEGABYTES = 400
"""So much memory a run may take at most."""
MOST_MEMORY = 4 * 2**30
"""Bytes of addresses: what a thread may take for its stack counts too."""
BOMB = 256
"""Megabytes, of which a quarter of one is sent."""
TIMEOUT = 2
"""Seconds: the tap's `request_timeout`."""

REQUESTS: dict[str, dict[str, Any]] = {
    "companies": {"path": "/companies$"},
    "data status": {"path": "/dataStatus$"},
    "history": {"path": "/data/history$"},
    "first page": {"path": "/commerce-orders$", "page": 1},
    "second page": {"path": "/commerce-orders$", "page": 2},
    "linked page": {"path": "/commerce-locations$", "page": 2},
    "company info": {"path": "/commerce-info$"},
}
OK = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
CHUNKED = OK + "Transfer-Encoding: chunked\r\n\r\n"
ERROR = "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Expectation:
    """What must come of a fault.

    Attributes:
        fault: what goes wrong, each time that the request is made.
        code: the exit code.
        line: a regular expression that a warning or an error matches; empty if there is to be none of either.
        whole: whether all records come, also those behind the request.
        ends: whether the run ends there.
        other: what is different at some requests.
    """

    fault: dict[str, Any]
    code: int = 1
    line: str = ""
    whole: bool = False
    ends: bool = False
    other: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of(self, request: str) -> Expectation:
        """Return what must come of it at a request."""
        return replace(self, **self.other.get(request, {}))


def raw(body: str, line: str, piece: str = "", seconds: float = 0.0, **more: Any) -> Expectation:
    """Return the expectation of an answer that is given byte for byte."""
    return Expectation({"kind": "raw", "body": body, "piece": piece, "seconds": seconds}, line=line, **more)


def spoil(find: str, body: str, **more: Any) -> Expectation:
    """Return the expectation of an answer that is true but for one place."""
    return Expectation({"kind": "spoil", "find": find, "body": body}, **more)


def status(number: int, line: str, message: str = "Something went wrong.", **more: Any) -> Expectation:
    """Return the expectation of an error."""
    return Expectation({"status": number, "message": message}, line=f"answered {number}.*{line}", **more)


MUCH = 4_000_000
"""Characters: what costs a hundred times as much is seen, and even a busy machine brings them in time."""
ENTRY = r'(?="(?:id|dataType|companyName)": )'
"""The place before the first field of the first entry."""
ID = r'(?<="id": )"[^"]*"'
MENDED = r"characters are no Unicode"
FINE: dict[str, Any] = {"code": 0, "line": "", "whole": True}
"""Nothing is lost, and nothing said."""
READ_ALL_THE_SAME = {"history": FINE}
"""Where the operations can't be had, the shops are read."""
NO_IDS = {"data status": FINE, "history": FINE, "company info": FINE}
"""What is there without ids, or where nothing rests on them."""
NO_PAGES = {"data status": FINE, "company info": FINE}
"""What does not say of itself what it is."""
WRONG_PATH = {"line": "answered 404.*Check api_url"}
UNEXPECTED = "JSON of an unexpected form"
NO_JSON = "are no JSON"
GONE = "GET .* at http"
RECORD = "can't be read"
NO_SHOP = "with none of the fields of company_info"
LATE = "was not there within 2 s"
LARGE = f"answered with more than 64 MB|{LATE}"
"""A busy machine may not bring so much in time."""

FAULTS: dict[str, Expectation] = {
    # Statuses
    "204": status(204, NO_JSON, whole=False),
    "206 without a body": raw(OK.replace("200 OK", "206 Some") + "Content-Length: 0\r\n\r\n", NO_JSON),
    "304": raw("HTTP/1.1 304 Same\r\n\r\n", "was redirected to nowhere"),
    "400": status(400, "report this as a defect", other=READ_ALL_THE_SAME),
    "401": status(401, "Set api_key", ends=True),
    "402": status(402, "account limit", ends=True),
    "403": status(403, "key is current", other=READ_ALL_THE_SAME),
    "404": status(404, "may have been deleted", other={**READ_ALL_THE_SAME, "companies": WRONG_PATH}),
    "404, not supported": status(
        404,
        "the platform has no such data",
        "Datatype [x] not supported by platform(s) [y]",
        other={
            **READ_ALL_THE_SAME,
            "first page": {"code": 0, "line": ""},
            "company info": {"code": 0, "line": ""},
            "linked page": {"code": 1},
            "second page": {"code": 1},
        },
    ),
    "409": status(
        409,
        "Report this to Codat",
        other={
            r: {"code": 0, "line": "Codat answered 409"}
            for r in ("first page", "second page", "linked page", "company info")
        },
    ),
    "400, at length": status(400, "report this as a defect", "://" * 5000, other=READ_ALL_THE_SAME),
    "418": status(418, "Report this to Codat"),
    "429": status(429, "Another application"),
    "500": status(500, "Codat has trouble"),
    "503": status(503, "Codat has trouble"),
    "999": raw("HTTP/1.1 999 Odd\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", "answered 999"),
    # The connection
    "reset": Expectation({"kind": "reset"}, line=GONE),
    "cut": Expectation({"kind": "cut"}, line=GONE),
    "silence": raw("", GONE + ".*" + LATE, seconds=0.1),
    "closed at once": raw("", GONE),
    "no HTTP": raw("SSH-2.0-OpenSSH_9.6\r\n", GONE),
    # Bodies
    "HTML": Expectation({"kind": "garbage"}, line=NO_JSON),
    "empty": Expectation({"kind": "json", "body": ""}, line=NO_JSON),
    "half, to the close": raw(OK + '\r\n{"results": [', NO_JSON),
    "NaN": Expectation({"kind": "json", "body": "NaN"}, line=NO_JSON),
    "never-ending": raw(CHUNKED, LARGE, piece="10000\r\n" + " " * 65536 + "\r\n"),
    "never-ending error": raw(ERROR, "answered 500", piece="10000\r\n" + "x" * 65536 + "\r\n"),
    "trickling": raw(CHUNKED, LATE, piece="1\r\n \r\n", seconds=0.1),
    "trickling error": raw(ERROR, "answered 500", piece="1\r\nx\r\n", seconds=0.1),
    "gzip bomb": Expectation({"kind": "bomb", "megabytes": BOMB}, line=LARGE),
    "gzip that is none": raw(OK + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", "body can't be read"),
    "another encoding": raw(
        OK + "Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}", "nobody asked for the encoding br"
    ),
    # Headers
    "trickling headers": raw(OK, LATE, piece="X-A: b\r\n", seconds=0.1),
    "100 Continue for ever": raw("", LATE, piece="HTTP/1.1 100 Continue\r\n\r\n", seconds=0.05),
    "a header without end": raw(OK + "X-A: ", GONE, piece="a" * 65536),
    "a thousand headers": raw(OK + "X-A: b\r\n" * 1000 + "\r\n", GONE),
    "a header that is none": raw(
        OK + "what is this\r\nX-A: b\r\n\r\n{}", UNEXPECTED, other={"company info": {"line": NO_SHOP}}
    ),
    "two lengths": raw(OK + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}", GONE),
    "a length of 2^63": raw(OK + f"Content-Length: {2**63}\r\n\r\n{{}}", GONE),
    "a chunk of 2^63": raw(CHUNKED + f"{2**63:x}\r\n{{}}", GONE),
    "chunks that are none": raw(CHUNKED + "zz\r\n{}", GONE),
    "an absurd Retry-After": Expectation(
        {"status": 503, "headers": {"Retry-After": "Sat, 31 Jan 2026 06:02:00 +99999999999999"}},
        line="Codat has trouble",
    ),
    "a wait of a year": Expectation(
        {"status": 429, "headers": {"Retry-After": "31536000"}}, line="raise max_retry_wait", ends=True
    ),
    # Elsewhere
    "redirect": Expectation(
        {"status": 302, "headers": {"Location": "http://evil.example/"}}, line="The key was not sent"
    ),
    "redirect with a long body": raw(
        "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 600000000\r\n\r\n",
        "was redirected to another path",
        piece="x" * 65536,
    ),
    "redirect to nowhere": Expectation({"status": 307}, line="was redirected to nowhere"),
    # JSON
    "null": Expectation({"kind": "json", "body": "null"}, line=UNEXPECTED, other={"company info": {"line": NO_SHOP}}),
    "a list": Expectation({"kind": "json", "body": "[]"}, line=UNEXPECTED, other={"company info": {"line": NO_SHOP}}),
    "a text": Expectation({"kind": "json", "body": '"a"'}, line=UNEXPECTED, other={"company info": {"line": NO_SHOP}}),
    "{}": Expectation({"kind": "json", "body": "{}"}, line=UNEXPECTED, other={"company info": {"line": NO_SHOP}}),
    "an error as 200": Expectation(
        {"kind": "json", "body": '{"statusCode": 404, "error": "No", "validation": {"errors": []}}'},
        line=UNEXPECTED,
        other={"company info": {"line": NO_SHOP}},
    ),
    "a total of 2^64": Expectation(
        {"kind": "json", "body": f'{{"results": [], "totalResults": {2**64}}}'},
        line=UNEXPECTED,
        other={"company info": {"line": NO_SHOP}},
    ),
    "nesting": Expectation({"kind": "json", "body": '{"a":' * 100_000 + "1" + "}" * 100_000}, line="nested too deeply"),
    "another page": spoil(
        r'"pageNumber": \d+', '"pageNumber": 77', line="was asked for, and page 77 came", other=NO_PAGES
    ),
    "another company": spoil(
        r'"self": \{"href": "[^"]*"',
        '"self": {"href": "/companies/0d5c1a52-7d3e-4a5c-9f3b-6f1f3f1c2a10"',
        line="an answer came that says",
        other=NO_PAGES,
    ),
    # Entries
    "nesting of 1,000": spoil(
        ENTRY, '"deep": ' + "[" * 1000 + "]" * 1000 + ", ", line="nested too deeply", other=READ_ALL_THE_SAME
    ),
    "nesting in an entry": spoil(
        ENTRY, f'"deep": {"[" * 100_000}{"]" * 100_000}, ', line="nested too deeply", other=READ_ALL_THE_SAME
    ),
    "half a surrogate pair": spoil(ENTRY, r'"extra": "\ud83d", ', code=0, line=MENDED, whole=True),
    "no UTF-8": spoil(ENTRY, '"extra": "\xff\xfe", ', code=0, line=MENDED, whole=True),
    "half a surrogate pair, and line feeds": spoil(
        ENTRY, r'"extra": "\ud83d' + r"\n" * MUCH + '", ', code=0, line=MENDED, whole=True
    ),
    "megabytes that are no UTF-8": spoil(ENTRY, '"extra": "' + MUCH * "\xff" + '", ', code=0, line=MENDED, whole=True),
    "-0 beside megabytes": spoil(ENTRY, '"extra": -0, "more": "' + MUCH * "x" + '", ', **FINE),
    "NaN within an entry": spoil(
        ENTRY,
        '"extra": NaN, ',
        line=RECORD,
        other={"data status": {"line": NO_JSON}, "history": FINE, "company info": {"line": NO_JSON}},
    ),
    "a million nulls": spoil(
        r'"results": \[', '"results": [' + "null, " * 10**6, line="more than 100000 entries", other=NO_PAGES
    ),
    "a leap second": spoil(
        r'"(lastSuccessfulSync|completed)": "[^"]*"',
        '"lastSuccessfulSync": "2026-06-30T23:59:60Z"',
        **FINE,
        other={"data status": {"line": "data_status.lastSuccessfulSync"}},
    ),
    "a huge number": spoil(ENTRY, '"extra": 1e9999999999999999999999, ', **FINE),
    "5,000 digits": spoil(ENTRY, f'"extra": {"9" * 5000}, ', **FINE),
    "an id that is null": spoil(
        ID, "null", line="1 of its records can't be read", other={**NO_IDS, "companies": {"line": RECORD}}
    ),
    "a number as an id": spoil(ID, "7", **FINE, other={"companies": {"code": 1, "line": RECORD, "whole": False}}),
    "an id that leads elsewhere": spoil(
        ID, '"../../../admin"', **FINE, other={"companies": {"code": 1, "line": "%2Fadmin/dataStatus", "whole": False}}
    ),
}
BEHIND = {
    "companies": {"companies", "connections", "data_status", *DATA_TYPES},
    "data status": {"data_status", *DATA_TYPES},
    "history": set(DATA_TYPES),
    "first page": {"orders"},
    "second page": {"orders"},
    "linked page": {"locations"},
    "company info": {"company_info"},
}
"""The streams whose records may be missing when a request fails."""


@dataclass(frozen=True)
class Result:
    """What came of a run.

    Attributes:
        megabytes: its memory at its peak, by looks in short intervals.
        counts: records of each stream that Codat serves.
        log: all of it.
    """

    code: int
    seconds: float
    megabytes: float
    counts: Counter[str]
    log: str

    @property
    def problems(self) -> list[str]:
        """The warnings and errors."""
        return [line for line in self.log.splitlines() if re.search(r"\| (WARNING|ERROR) +\|", line)]


def run(fault: dict[str, Any]) -> Result:
    """Run the tap once over a company with two shops, against a stand-in with a fault."""
    bomb(BOMB)  # is made once, which takes a while
    world = World(companies=1, connections=2, records=8, extras=False, platforms=(BY_KEY["fztf"],))
    for connection in world.connections():
        world.sync(connection.company_id, connection.id, ("commerce-locations",), add=100)
    with Running(world, KEY) as running, tempfile.TemporaryDirectory() as folder:
        if fault:
            running.gate.faults.append(Fault(**{"times": 0, **fault}))
        settings = {"api_key": KEY, "api_url": running.url, "page_size": 5, "sync_wait": 0, "request_timeout": TIMEOUT}
        config = Path(folder) / "config.json"
        config.write_text(json.dumps({**settings, "max_retries": 1, "max_retry_wait": 0}))
        return measured([sys.executable, "-m", "tap_codat_commerce.tap", "--config", str(config)], Path(folder))


def measured(command: list[str], folder: Path) -> Result:
    """Run a command; it is stopped when its time is over, and gets no more memory than the machine can spare."""
    out, log = folder / "out", folder / "log"
    began = time.monotonic()
    with out.open("wb") as stdout, log.open("wb") as stderr:
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr)
        if sys.platform == "linux":
            resource.prlimit(process.pid, resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        megabytes = 0.0
        while process.poll() is None:
            megabytes = max(megabytes, peak(process.pid))
            if time.monotonic() - began > SECONDS:
                process.kill()
            time.sleep(0.02)
    seconds = time.monotonic() - began
    messages = (json.loads(line) for line in out.read_bytes().splitlines())
    counts = Counter(m["stream"] for m in messages if m["type"] == "RECORD" and m["stream"] != "reads")
    return Result(process.returncode, seconds, megabytes, counts, log.read_text(errors="replace"))


def peak(process_id: int) -> float:
    """Return the megabytes that a process held at its peak so far: of its own, not of what it was started by."""
    try:
        found = re.search(r"^VmHWM:\s*(\d+)", Path(f"/proc/{process_id}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


@cache
def calm() -> Result:
    """Return what comes of a run without a fault."""
    found = run({})
    assert found.code == 0, found.log
    return found


def cells() -> list[tuple[str, str]]:
    """Return all requests times all faults."""
    return [(request, fault) for fault in FAULTS for request in REQUESTS]


def wrong(request: str, fault: str, result: Result) -> list[str]:
    """Return what is not as it must be."""
    expected = FAULTS[fault].of(request)
    found = []
    if result.code != expected.code:
        found.append(f"exit code {result.code}, not {expected.code}")
    if result.seconds > SECONDS or result.megabytes > MEGABYTES:
        found.append(f"{result.seconds:.0f} s, {result.megabytes:.0f} MB")
    if "Traceback" in result.log or KEY in result.log or re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", result.log):
        found.append("a traceback, the key or a control character in the log")
    if expected.line and not any(re.search(expected.line, line) for line in result.problems):
        found.append(f"no line matches {expected.line!r}")
    if result.code and not any("| ERROR" in line for line in result.problems):
        found.append("no error says why it failed")
    may_lack = set(calm().counts) if expected.ends else set() if expected.whole else BEHIND[request]
    if lacking := {s for s, n in calm().counts.items() if result.counts[s] < n} - may_lack:
        found.append(f"too few {', '.join(sorted(lacking))}")
    return found


def main() -> int:
    """Run all cells, or those whose names hold each of the parts given; print a table of them."""
    chosen = [(r, f) for r, f in cells() if all(part in f"{r}: {f}" for part in sys.argv[1:])]
    good, began, worst = 0, time.monotonic(), calm()
    for request, fault in chosen:
        result = run({**REQUESTS[request], **FAULTS[fault].fault})
        found = wrong(request, fault, result)
        good += not found
        worst = max(worst, result, key=lambda r: r.megabytes)
        row = f"{request:<13}{fault:<28}{result.code:>3}{result.seconds:>6.1f} s{result.megabytes:>5.0f} MB"
        say(f"{row}  {'; '.join(found) or 'as it must be'}")
        if found:
            say(*(f"    {line[:300]}" for line in result.problems[-5:]))
    seconds = time.monotonic() - began
    bad = len(chosen) - good
    say(f"{len(chosen)} cells: {good} good, {bad} bad; {seconds:.0f} s; {worst.megabytes:.0f} MB at most.")
    return int(bad > 0)


def say(*lines: str) -> None:
    """Print lines at once."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
