"""Random histories: whatever syncs, faults, kills and changes of settings come in whatever order, nothing is lost.

The stand-in's world is the model of Codat's cache, with all the freedom that the documentation leaves; `sync` runs in
this process, over a real socket. After each run that ended well, every newest version that Codat served before the run
began is in the target, or its data set was named. `HISTORIES=5000` sets how many; `-s` then shows what they held.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codat_mock.faults import Fault
from codat_mock.language import ticks
from codat_mock.platforms import COMMERCE
from codat_mock.running import Running
from codat_mock.world import World
from conftest import API_KEY, Meanwhile, rest
from engine import Engine
from tap_codat_commerce.codat import retry_policy
from tap_codat_commerce.codat.errors import CodatError
from tap_codat_commerce.sync.run_summary import RunError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from codat_mock.world import Connection, Operation

pytestmark = pytest.mark.slow
TYPES = {"orders": "commerce-orders", "customers": "commerce-customers", "locations": "commerce-locations"}
Version = tuple[str, str, str]
"""A stream, a connection's id and a record's id."""
HELD: Counter[str] = Counter()
"""What the histories of this process held."""

found = st.one_of(
    st.fixed_dictionaries({"restamp": st.integers(0, 6), "add": st.integers(0, 3), "remove": st.integers(0, 2)}),
    st.integers(1, 4).map(lambda n: {"restamp": 0, "add": n, "remove": n}),  # the count tells nothing
)
what = st.sampled_from(["sync", "begin", "half", "half", "reveal", "finish", "fail", "hide", "remove", "skew"])
events = st.tuples(what, st.integers(0, 1), st.sampled_from(sorted(TYPES)), found)
troubles = st.one_of(
    st.tuples(st.sampled_from(["reset", "cut", "garbage"]), st.integers(1, 2)),
    st.tuples(st.sampled_from([500, 503, 429, 409]), st.integers(1, 3)),
)
runs = st.fixed_dictionaries(
    {
        "page_size": st.sampled_from([1, 2, 3, 4, 5, 7, 9, 1000]),
        "skip_unchanged": st.integers(0, 9).map(bool),
        "full_read_every_days": st.sampled_from([None, None, 1]),
        "meanwhile": st.lists(st.tuples(st.integers(0, 12), events), max_size=3),
        "troubles": st.lists(st.tuples(st.integers(0, 8), st.sampled_from(sorted(TYPES)), troubles), max_size=1),
        "stop": st.none() | st.integers(1, 9),
        "kill": st.booleans(),
    }
)
histories = st.lists(st.one_of(events, runs), min_size=1, max_size=7)
freedoms = st.fixed_dictionaries(
    {
        "status_by_request": st.booleans(),
        "not_supported_operations": st.booleans(),
        "last_sync_moves": st.sampled_from(["end", "begin", "never"]),
        "stamps": st.sampled_from(["platform", "shuffled", "shuffled"]),
        "lag": st.sampled_from([0, 0, 0, 2]),
        "unstable_ties": st.booleans(),
        "refused_orders": st.sampled_from([set(), set(), set(), {"id"}]),
        "history_refused": st.sampled_from([None, None, None, 400, 403, 404]),
        "history_keeps": st.sampled_from([None, None, 4]),
        "settles": st.sampled_from([timedelta(), timedelta(minutes=2), timedelta(minutes=2)]),
    }
)
Event = tuple[str, int, str, dict[str, int]]


class Story(Engine):
    """A company with one or two shops, all that happens to it, and what has come out."""

    def __init__(self, records: int, platform: int, shops: int, free: dict[str, Any]) -> None:
        platforms = (COMMERCE[platform], COMMERCE[(platform + shops - 1) % len(COMMERCE)])
        self.world = World(companies=1, connections=shops, records=records, extras=False, platforms=platforms)
        super().__init__(Running(self.world, API_KEY), *TYPES)
        for name, value in free.items():
            setattr(self.world, name, value)
        self.shops = self.world.connections()
        self.company = next(iter(self.world.companies.values()))
        self.pages = 0

    def happen(self, event: Event) -> None:
        """Let something happen at Codat."""
        name, number, stream, details = event
        shop, data_type = self.shops[number % len(self.shops)], TYPES[stream]
        operation = self.open_one(shop, data_type)
        HELD[name] += 1
        if operation and name in {"reveal", "fail"}:
            self.world.reveal(operation, details["restamp"])
        if name == "skew":
            self.world.skew, self.world.skewed = timedelta(minutes=5 if not self.world.skew else 0), 2
        elif name == "remove" and data_type in shop.data:
            self.world.remove(shop, data_type, list(shop.data[data_type].records)[: details["remove"]])
        elif name in {"sync", "finish"} and operation:
            self.world.finish(operation, **details)
        elif name == "sync":
            self.world.sync(self.company.id, shop.id, (data_type,), **details)
        elif name == "fail" and operation:
            self.world.fail(operation)
        elif name in {"begin", "half", "hide"} and not operation:
            self.begin(shop, data_type, details, shown=name == "half")
        if name == "hide" and len(self.shops) > 1:  # a sync of the other shop begins after it, and ends
            self.happen(("sync", number + 1, stream, details))

    def begin(self, shop: Connection, data_type: str, details: dict[str, int], *, shown: bool) -> None:
        """Let a sync begin, fix what it will change, and make half of it visible if it is to be `shown`."""
        for new in self.world.begin(self.company.id, shop.id, data_type, "Mapping"):
            if new.status == "Mapping":
                changes = self.world.plan(new, **details)
                self.world.reveal(new, len(changes) // 2 * shown)

    def open_one(self, shop: Connection, data_type: str) -> Operation | None:
        """Return the sync that is under way: Codat has at most one of a data set of a connection at a time."""
        some = (o for o in self.company.operations if o.data_type == data_type and o.connection_id == shop.id)
        return next((o for o in some if o.status == "Mapping"), None)

    def play(self, plan: dict[str, Any]) -> None:
        """Run once by a plan, and check what came."""
        HELD["runs"] += 1
        faults = self.running.gate.faults
        faults[:] = [Meanwhile(partial(self.happen, event), skip=skip) for skip, event in plan["meanwhile"]]
        for skip, stream, (kind, times) in plan["troubles"]:
            which = {"path": TYPES[stream], "skip": skip, "times": times}
            faults.append(Fault(status=kind, **which) if isinstance(kind, int) else Fault(kind, **which))
        before, kept = self.versions(), [(dict(s.bookmarks), dict(s.begun)) for s in self.sinks.values()]
        self.pages, stop = 0, plan["stop"]
        for sink in self.sinks.values():
            sink.after_page = partial(self.turn, stop)
        try:
            run = self.run(**{k: plan[k] for k in ("page_size", "skip_unchanged", "full_read_every_days")})
        except (RunError, CodatError):
            named = None
        except SystemExit:
            HELD["stops"] += 1
            named = None
            if plan["kill"]:  # no STATE came out
                HELD["kills"] += 1
                for sink, (bookmarks, begun) in zip(self.sinks.values(), kept, strict=True):
                    sink.bookmarks, sink.begun = bookmarks, begun
        else:
            found = run.summary.findings.as_json().values()
            named = {(name, place) for some in found for place, names in some.items() for name in names}
            named |= {(name, place) for name, _, place in (where.partition(" of ") for where in run.summary.failed)}
        rest(self.running)
        if named is not None and not self.world.lag:
            self.check(before, named)

    def turn(self, stop: int | None) -> None:
        """Stop the run at a page, as a signal does."""
        self.pages += 1
        if self.pages == stop:
            raise SystemExit(143)

    def versions(self) -> dict[Version, int]:
        """Return the newest version of each record that Codat serves."""
        return {
            (stream, *key): micros(record.get("modifiedDate"))
            for stream, data_type in TYPES.items()
            for key, record in self.world.visible(data_type).items()
        }

    def check(self, before: dict[Version, int], named: Collection[tuple[str, str]] = ()) -> None:
        """Check that each version of then came, or a newer one did, or its record is gone, or it was named."""
        came: dict[Version, int] = {}
        for stream, sink in self.sinks.items():
            for record in sink.records:
                key = (stream, record["connectionId"], record["id"])
                came[key] = max(came.get(key, -1), micros(record.get("modifiedDate")))
        now = self.versions()
        for key, version in before.items():
            is_named = any(name == key[0] and f"connection {key[1]}" in place for name, place in named)
            if key in now and not is_named:
                # By a clock that was ahead, the version before may be stamped later than the one that replaced it.
                assert came.get(key, -1) >= min(version, now[key]), key


def micros(stamp: str | None) -> int:
    """Return a stamp as microseconds: what is beyond is cut off on the way."""
    return (ticks(stamp or "") or 0) // 10


CALM: dict[str, Any] = {
    "page_size": 4,
    "skip_unchanged": True,
    "full_read_every_days": None,
    "meanwhile": [],
    "troubles": [],
    "stop": None,
    "kill": False,
}


@pytest.fixture(scope="module", autouse=True)
def _nothing_waits() -> Iterator[None]:
    pause, retry_policy.FIRST_PAUSE = retry_policy.FIRST_PAUSE, 0.0
    yield
    retry_policy.FIRST_PAUSE = pause
    print(dict(HELD))  # noqa: T201


@settings(
    max_examples=int(os.environ.get("HISTORIES", "60")),
    derandomize="HISTORIES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(
    records=st.integers(0, 25),
    platform=st.integers(0, len(COMMERCE) - 1),
    shops=st.integers(1, 2),
    free=freedoms,
    history=histories,
)
def test_nothing_is_lost(records: int, platform: int, shops: int, free: dict[str, Any], history: list[Any]) -> None:
    story = Story(records, platform, shops, free)
    HELD.update(["histories", f"shops {shops}", f"stamps {free['stamps']}"])
    with story.running:
        for step in history:
            if isinstance(step, dict):
                story.play(step)
            else:
                story.happen(step)
        story.world.lag, story.world.unstable_ties = 0, False
        for stream in TYPES:  # what is under way comes to its end
            for number in range(shops):
                story.happen(("finish", number, stream, {"restamp": 0, "add": 0, "remove": 0}))
        story.world.stamp(600)
        before = story.versions()
        story.play(CALM)
        story.check(before)
        if not (story.world.history_refused or story.world.history_keeps):
            story.asked()
            story.play(CALM)
            assert set(story.asked()) <= {"companies", "dataStatus", "history"}, "the run after it finds all unchanged"
