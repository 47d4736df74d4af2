"""Random histories: whatever syncs, faults and kills come in whatever order, over several runs, nothing is lost.

The tap runs in this process, over a real socket, so that many histories can be tried: `HISTORIES=2000` sets how many.
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codat_mock.faults import Fault
from codat_mock.platforms import COMMERCE
from codat_mock.running import Running
from codat_mock.world import World
from conftest import API_KEY, Meanwhile, rest
from tap_codat_commerce.codat import retry_policy
from tap_codat_commerce.codat.errors import CodatError
from tap_codat_commerce.singer import messages
from tap_codat_commerce.sync.run_summary import RunError
from tap_codat_commerce.tap import TapCodatCommerce

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES = {"orders": "commerce-orders", "customers": "commerce-customers", "locations": "commerce-locations"}
Version = tuple[str, str, str, str]


class Captured(messages.LosslessWriter):
    """Takes the messages; after so many of them a SIGTERM arrives."""

    def __init__(self, stop_after: int | None) -> None:
        super().__init__()
        self.tap: TapCodatCommerce | None = None
        self.stop_after = stop_after
        self.taken: list[dict[str, Any]] = []

    def _write(self, *texts: bytes | bytearray, flush: bool = False) -> None:
        self.taken += map(json.loads, b"".join(texts).splitlines())
        if self.tap and self.stop_after is not None and len(self.taken) >= self.stop_after:
            self.tap._handle_termination(signal.SIGTERM, None)  # noqa: SLF001 - what the signal would call


@dataclass
class Target:
    """What has come out so far, over all runs."""

    versions: set[Version] = field(default_factory=set)
    state: dict[str, Any] = field(default_factory=dict)

    def take(self, taken: list[dict[str, Any]]) -> None:
        """Take the messages of a run, as far as they got out."""
        for message in taken:
            if message["type"] == "RECORD":
                record = message["record"]
                version = (message["stream"], record["connectionId"], record["id"], record["modifiedDate"])
                self.versions.add(version)
            elif message["type"] == "STATE":
                self.state = message["value"]


found = st.one_of(
    st.fixed_dictionaries({"restamp": st.integers(0, 6), "add": st.integers(0, 3), "remove": st.integers(0, 2)}),
    st.integers(1, 4).map(lambda n: {"restamp": 0, "add": n, "remove": n}),  # the count tells nothing
)
Event = tuple[str, int, str, dict[str, int]]
events: st.SearchStrategy[Event] = st.one_of(
    st.tuples(st.just("sync"), st.integers(0, 1), st.sampled_from(sorted(TYPES)), found),
    st.tuples(st.just("begin"), st.integers(0, 1), st.sampled_from(sorted(TYPES)), st.just({})),
    st.tuples(st.just("hide"), st.just(0), st.sampled_from(sorted(TYPES)), found),
    st.tuples(st.just("finish"), st.integers(0, 1), st.sampled_from(sorted(TYPES)), found),
    st.tuples(st.just("ties"), st.just(0), st.just("orders"), st.just({})),
)
troubles = st.one_of(
    st.tuples(st.sampled_from(["reset", "cut", "garbage"]), st.integers(1, 2)),
    st.tuples(st.sampled_from([500, 503, 429, 409]), st.integers(1, 3)),
)
runs = st.fixed_dictionaries(
    {
        "page_size": st.integers(1, 9),
        "meanwhile": st.lists(st.tuples(st.integers(0, 12), events), max_size=2),
        "troubles": st.lists(st.tuples(st.integers(0, 8), st.sampled_from(sorted(TYPES)), troubles), max_size=2),
        "term": st.none() | st.integers(1, 60),
        "kill": st.none() | st.integers(1, 60),
        "states": st.booleans(),
    }
)
histories = st.lists(st.one_of(events, runs), min_size=1, max_size=6)


class History:
    """A company with one or two shops, and all that happens to it."""

    def __init__(self, records: int, platform: int, shops: int) -> None:
        world = World(companies=1, connections=shops, records=records, extras=False, platforms=(COMMERCE[platform],))
        world.status_by_request = True
        self.running = Running(world, API_KEY)
        self.world, self.shops = world, world.connections()
        self.company = next(iter(world.companies.values()))
        self.target = Target()

    def happen(self, event: Event) -> None:
        """Let something happen at Codat."""
        what, number, stream, details = event
        shop, data_type = self.shops[number % len(self.shops)], TYPES[stream]
        if data_type in shop.platform.lacks:
            return
        # Codat has at most one sync of a data set of a connection under way: a new one is refused until it ends.
        open_one = next(
            (
                o
                for o in self.company.operations
                if not o.good and o.data_type == data_type and o.connection_id == shop.id
            ),
            None,
        )
        if what == "ties":
            self.world.unstable_ties = not self.world.unstable_ties
        elif open_one and what in {"sync", "finish"}:
            self.world.finish(open_one, **details)
        elif what == "sync":
            self.world.sync(self.company.id, shop.id, (data_type,), **details)
        elif not open_one and what in {"begin", "hide"}:
            self.world.begin(self.company.id, shop.id, data_type, "Mapping")
        if what == "hide" and len(self.shops) > 1:  # a sync of the other shop begins after it, and ends
            self.happen(("sync", number + 1, stream, details))

    def run(self, plan: dict[str, Any]) -> bool:
        """Run the tap once, by a plan; say whether it ended well."""
        faults = self.running.gate.faults
        faults[:] = [Meanwhile(partial(self.happen, event), skip=skip) for skip, event in plan["meanwhile"]]
        for skip, stream, (kind, times) in plan["troubles"]:
            which = {"path": TYPES[stream], "skip": skip, "times": times}
            faults.append(Fault(status=kind, **which) if isinstance(kind, int) else Fault(kind, **which))
        writer = Captured(plan["term"])
        config = {"api_key": API_KEY, "api_url": self.running.url, "page_size": plan["page_size"]}
        config |= {"max_retries": 1, "sync_wait": 0}
        messages.SECONDS_BETWEEN_STATES = 0 if plan["states"] else 10
        state = json.loads(json.dumps(self.target.state))  # as from a file: the tap writes into what it is given
        tap = TapCodatCommerce(config=config, state=state, catalog=CATALOG, message_writer=writer)
        writer.tap = tap
        try:
            tap.sync_all()
        except (RunError, CodatError, SystemExit):
            ended_well = False
        else:
            ended_well = plan["kill"] is None
        rest(self.running)
        self.target.take(writer.taken[: plan["kill"]])
        return ended_well

    def held(self) -> Iterator[tuple[str, Version]]:
        """Yield what the stand-in holds, with the form that its stamps have in the target."""
        for shop in self.shops:
            for stream, data_type in TYPES.items():
                data_set = shop.data.get(data_type)
                for record in data_set.records.values() if data_set else ():
                    seconds, _, fraction = record["modifiedDate"].removesuffix("Z").partition(".")
                    stamp = f"{seconds}.{fraction[:6]}Z" if fraction else f"{seconds}Z"
                    yield stream, (stream, shop.id, record["id"], stamp)

    def check_bookmarks(self) -> None:
        """Check that no bookmark is past a record that did not come."""
        for stream, version in self.held():
            for partition in self.target.state.get("bookmarks", {}).get(stream, {}).get("partitions", []):
                if partition["context"]["connectionId"] != version[1]:
                    continue
                good = self.world.latest_good(self.company, TYPES[stream])
                passed = padded(version[3]) < partition.get("replication_key_value", "")
                taken_for_unchanged = good is not None and partition.get("sync_id") == good.id
                if passed or (taken_for_unchanged and len(self.shops) == 1):
                    assert version in self.target.versions, (version, partition)


def padded(stamp: str) -> str:
    """Return a stamp with six digits of fraction."""
    seconds, _, fraction = stamp.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction:0<6}Z"


def catalog() -> dict[str, Any]:
    """Return the catalog with only the streams of the histories selected."""
    entries: dict[str, Any] = json.loads(TapCodatCommerce(config={"api_key": API_KEY}).catalog_json_text)
    for stream in entries["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["stream"] in TYPES
    return entries


CATALOG = catalog()
CALM = {"page_size": 4, "meanwhile": [], "troubles": [], "term": None, "kill": None, "states": False}


@pytest.fixture(scope="module", autouse=True)
def _nothing_waits_and_signals_stay() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    pause, retry_policy.FIRST_PAUSE = retry_policy.FIRST_PAUSE, 0.0
    yield
    retry_policy.FIRST_PAUSE, messages.SECONDS_BETWEEN_STATES = pause, 10.0
    for number, handler in kept.items():
        signal.signal(number, handler)


@settings(
    max_examples=int(os.environ.get("HISTORIES", "60")),
    derandomize="HISTORIES" not in os.environ,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    records=st.integers(0, 25),
    platform=st.integers(0, len(COMMERCE) - 1),
    shops=st.integers(1, 2),
    history=histories,
)
def test_nothing_is_lost(records: int, platform: int, shops: int, history: list[Any]) -> None:
    story = History(records, platform, shops)
    with story.running:
        for step in history:
            if isinstance(step, dict):
                story.run(step)
            else:
                story.happen(step)
            story.check_bookmarks()
        for stream in TYPES:  # what is under way comes to its end
            for number in range(shops):
                story.happen(("finish", number, stream, {"restamp": 0, "add": 0, "remove": 0}))
        assert story.run(CALM), "a calm run ends well"
        story.check_bookmarks()
        assert {version for _, version in story.held()} <= story.target.versions
        story.running.gate.asked.clear()
        assert story.run(CALM)
        asked = [a.path for a in story.running.gate.asked]
        assert len(asked) == 2, "and the run after it finds all unchanged"
