"""Runs of the tap against answers that were changed at random, each followed by a calm one: `dev.py fuzz MINUTES`.

A valid answer is changed in its bytes, its headers, its structure or its meaning. What must hold, whatever came: the
run ends in time, with 0 or 1, without a traceback, a defect or the key; the last message is a STATE; from that, a calm
run ends with 0, and the two together bring every record that there is. A change that nobody could notice is not made:
an id, a stamp or a total of a data set that looks as good as the true one.
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

import conftest
from codat_mock.platforms import COMMERCE
from codat_mock.running import Running
from codat_mock.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 60.0
RATE = 0.08
"""Of the answers, so many are changed."""
TRUSTED = {"id", "modifiedDate", "totalResults"}
"""Fields of data sets of which a false value may look true."""
WORDS = ("Complete", "Fetching", "FetchError", "NotSupported", "AuthError", "Brand new", "Linked", "", "null")
ODD: tuple[Any, ...] = (
    *(None, True, [], {}, "", 0, -1, 1.5, 2**64, "x" * 5000, "://" * 2000, "\n| forged", "\x1b[2J", "yesterday"),
    *("2026-06-30T23:59:60Z", "10000-01-01T00:00:00Z", [[[[[]]]]], {"a": {"b": None}}),
)
HEADERS = (
    *(("Content-Type", "text/html"), ("Content-Encoding", "br"), ("Content-Encoding", "gzip"), ("Date", "yesterday")),
    *(("Date", "Fri, 31 Dec 9999 23:59:59 GMT"), ("Set-Cookie", "a=" + "b" * 3000), ("X-Rate-Limit-Remaining", "-1")),
    *(("Retry-After", "0"), ("X-Rate-Limit-Reset", "x" * 3000), ("X-Rate-Limit-Limit", "many")),
)


class Fuzzer:
    """Changes answers of one stand-in, by one seed."""

    def __init__(self, seed: int, running: Running) -> None:
        self.random, self.answered, self.done = random.Random(seed), running.gate._checked, Counter[str]()  # noqa: S311, SLF001 - nothing secret; where all answers come by
        self.made = 0
        running.gate._checked = self  # type: ignore[method-assign]  # noqa: SLF001

    async def __call__(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Answer a request, it may be with something else."""
        response = await self.answered(request, handler)
        self.made += 1
        if self.random.random() > RATE or not isinstance(response, web.Response) or not response.body:
            return response
        way = self.random.choice((self._bytes, self._headers, self._structure, self._structure, self._meaning))
        self.done[way.__name__.strip("_")] += 1
        return way(request.path, bytes(response.body), response)  # type: ignore[arg-type]

    def _bytes(self, _: str, body: bytes, response: web.Response) -> web.Response:
        """Break some bytes such that they are no JSON, or cut the answer."""
        changed, at = bytearray(body), self.random.randrange(len(body))
        what = self.random.choice((b"\xff", b"\\ud800", b"NaN", b"\t", b'"', b"{", b"]", b"\0", b",", b""))
        changed[at : at + self.random.choice((0, 1, 1, 7))] = what
        if self.random.random() < 0.3:
            del changed[self.random.randrange(len(changed)) :]
        if _is_json(changed):
            changed += b"}"
        return web.Response(body=bytes(changed), status=response.status, content_type="application/json")

    def _headers(self, _: str, body: bytes, response: web.Response) -> web.Response:
        """Have a header say what is not so, or another status."""
        name, value = self.random.choice(HEADERS)
        status = self.random.choice((response.status, response.status, 202, 302, 304, 409, 500, 503, 599))
        return web.Response(body=body, status=status, headers={"Content-Type": "application/json", name: value})

    def _structure(self, path: str, body: bytes, response: web.Response) -> web.Response:
        """Put something of another kind in the place of a value, or leave one out."""
        return self._changed(path, body, response, lambda _: self.random.choice(ODD))

    def _meaning(self, path: str, body: bytes, response: web.Response) -> web.Response:
        """Put another valid value in the place of one."""

        def other(value: Any) -> Any:
            if isinstance(value, bool):
                return not value
            if isinstance(value, int | float):
                return self.random.choice((0, 1, value + 1, 10**6))
            return self.random.choice(WORDS)

        return self._changed(path, body, response, other)

    def _changed(self, path: str, body: bytes, response: web.Response, other: Callable[[Any], Any]) -> web.Response:
        value = json.loads(body)
        places = list(_places(value))
        if "/data/commerce-" in path:
            places = [(of, key) for of, key in places if not (isinstance(key, str) and key in TRUSTED)]
            places = [(of, key) for of, key in places if not isinstance(key, int) or of is not value.get("results")]
        if places:
            of, key = self.random.choice(places)
            if self.random.random() < 0.2 and isinstance(of, dict):
                del of[key]
            else:
                of[key] = other(of[key])
        return web.json_response(value, status=response.status, headers={"Date": response.headers.get("Date", "")})


def _is_json(body: bytearray) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _places(value: Any) -> Any:
    """Yield each place within a value: what it is in, and its key or index."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def tried(seed: int) -> tuple[Counter[str], list[str]]:
    """Run twice with a seed; return what was done, and what is wrong."""
    chance = random.Random(seed)  # noqa: S311
    world = World(
        companies=chance.choice((1, 2, 3)), connections=chance.choice((1, 2)), records=8, platforms=COMMERCE, seed=seed
    )
    with Running(world, conftest.API_KEY) as running, tempfile.TemporaryDirectory() as folder:
        stage = conftest.Stage(running, Path(folder))
        settings: dict[str, Any] = {
            "page_size": chance.choice((3, 1000)),
            "max_retries": 1,
            "max_retry_wait": 1,
            "sync_wait": 0,
        }
        settings["unknown_fields"] = chance.choice(("drop", "keep"))
        state = stage.run(**settings).state if chance.random() < 0.5 else None
        if state:
            world.sync(next(iter(world.companies)), restamp=3, add=2)
        calm = running.gate._checked  # noqa: SLF001
        fuzzer = Fuzzer(seed, running)
        began = time.monotonic()
        first = stage.run(state=state, **settings)
        seconds = time.monotonic() - began
        running.gate._checked = calm  # type: ignore[method-assign]  # noqa: SLF001
        found = [f"{seconds:.0f} s"] if seconds > SECONDS else []
        if first.code not in {0, 1} or re.search("Traceback|defect of the tap: [A-Z]", first.log):
            found.append(f"exit code {first.code}: {first.log[-600:]}")
        if conftest.API_KEY in first.log or "\n| forged" in first.log or "\x1b" in first.log:
            found.append("the key, a forged line or a control character in the log")
        if not first.messages or first.messages[-1]["type"] != "STATE":
            return fuzzer.done, [*found, f"no STATE at the end: {first.log[-600:]}"]
        second = stage.run(state=first.state, **settings)
        if second.code:
            found.append(f"the calm run ended with {second.code}: {second.log[-600:]}")
        for stream, data_type in conftest.DATA_SETS.items():
            came = {_key(r) for run in (first, second) for r in run.records[stream]}
            lacking = {key for key in stage.held(data_type) if key not in came} if state is None else set()
            if lacking:
                found.append(f"{len(lacking)} of {stream} never came")
        fuzzer.done["answers"] = fuzzer.made
        return fuzzer.done, found


def _key(record: dict[str, Any]) -> tuple[str, str, str]:
    return record["companyId"], record["connectionId"], record.get("id", "")


def main(minutes: float = 10, begin: float = 0) -> int:
    """Try one seed after the other for so many minutes; print what is wrong."""
    total, seed = Counter[str](), int(begin)
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until:
        seed += 1
        done, found = tried(seed)
        total.update(done)
        total.update(runs=2, bad=bool(found))
        for what in found:
            sys.stdout.write(f"seed {seed}: {what}\n")
            sys.stdout.flush()
    sys.stdout.write(" ".join(f"{name} {number}" for name, number in total.items()) + "\n")
    return int(total["bad"] > 0)


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
