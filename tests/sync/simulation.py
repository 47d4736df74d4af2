"""Runs of `sync` in worlds of `codat_model`: in one process, by a clock of their own, without threads or sockets.

A history is a list of events, each at a place: before a run, before one of its requests, after it. After it all come
two calm runs, the second when what was under way has ended. `every` goes through all histories of so many events; those
that lead to the same state are tried once. As a program, it goes through all worlds: `python3 dev.py histories`.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

import codat_model
from codat_model import SHOPS, Freedoms, World
from tap_codat_commerce import streams
from tap_codat_commerce.codat import clock, errors
from tap_codat_commerce.codat.retry_policy import RetryLimits
from tap_codat_commerce.records import dates
from tap_codat_commerce.records.record_pages import RecordMaker
from tap_codat_commerce.records.shaping import RecordShaper, StrayFieldCounter
from tap_codat_commerce.settings import Settings
from tap_codat_commerce.singer.bookmarks import Bookmarks
from tap_codat_commerce.sync import pending_syncs
from tap_codat_commerce.sync.data_set import SelectedDataSet
from tap_codat_commerce.sync.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_codat_commerce.records.record_pages import RecordPage
    from tap_codat_commerce.sync.data_set_sync import DataSetSync

BASE = Freedoms()
WORLDS = {
    "one shop": BASE,
    "one shop, read whole each day": BASE._replace(pace=90, gap=90_000, full=1),
    "one shop, whose first sync is under way": BASE._replace(synced=False),
    "one shop, neither ids nor history": BASE._replace(ids=False, history=False),
    "one shop, a run that waits": BASE._replace(wait=90),
    "one shop, refreshed each day": BASE._replace(refresh=1),
    "one shop, refreshed and waited for": BASE._replace(refresh=1, full=1, wait=30),
    "one shop, all within a second": BASE._replace(pace=0),
    "one shop, stamps that are behind": BASE._replace(pace=61, gap=200, late=300),
    "one shop, stamps that are ahead, local time": BASE._replace(pace=61, skew=3600, zone=7200),
    "two shops": BASE._replace(shops=2),
    "two shops, no ids": BASE._replace(shops=2, ids=False),
    "two shops, no history": BASE._replace(shops=2, history=False),
    "two shops, the good sync that was requested last": BASE._replace(shops=2, by_request=True, pace=90),
}
SUITE = ("one shop", "one shop, whose first sync is under way")
"""The worlds of which the suite tries every history of two events; the command tries all of them in all worlds."""
BEFORE, AFTER = "before", "after"
PAGE_SIZE = 2
SHORT = 7200
"""Seconds to the first calm run at most: no full read is due by then, if the run before has made one."""
MOST_RUNS, CHANCE = 6, 0.12
"""Of a history that is drawn: its runs, but for the calm ones, and how likely something happens at a place."""
ERRORS = {403: errors.Forbidden, 404: errors.NoData, 409: errors.NotReady}
SHOWN = 10
PAUSE = 30.0
"""Seconds between two looks of a run that waits: fewer looks are fewer places."""
DATA_SET = next(d for d in streams.DATA_SETS if d.name == "orders")
OPTIONS = replace(Settings.of({}).sync, page_size=PAGE_SIZE)
MAKER = RecordMaker(
    DATA_SET.schema, RecordShaper(DATA_SET.name, DATA_SET.schema, StrayFieldCounter(), left_out={}, keep=False)
)
Event = tuple[int, str]
"""What happens, and at which place of a run: 0 before it, then before each request, the last one after it."""
History = tuple[tuple[Event, ...], ...]
"""The events of each run."""


class Stopped(BaseException):
    """A signal ends the run."""


class Seen(BaseException):
    """The run goes on as another one that was tried."""


class Known(NamedTuple):
    """What decides how a run goes: Codat, and the tap's state, as JSON."""

    world: World
    bookmarks: bytes = b"{}"


class Change(NamedTuple):
    """What a run has changed.

    Attributes:
        known: what there is after it.
        emptied: whether the table of orders was emptied before.
        rows: those written to it.
        reads: those written to `reads`: whether each has arrived.
    """

    known: Known
    emptied: bool
    rows: dict[tuple[str, str], tuple[str, int]]
    reads: dict[tuple[str, str], bool]


class State(NamedTuple):
    """Everything there is between two runs.

    Attributes:
        known: what decides how the next run goes.
        rows: of the warehouse.
        reads: of the warehouse's table `reads`, those of full reads: connection, begin, whether it has arrived.
    """

    known: Known
    rows: frozenset[tuple[tuple[str, str], tuple[str, int]]] = frozenset()
    reads: frozenset[tuple[tuple[str, str], bool]] = frozenset()

    def after(self, change: Change) -> State:
        """Return what there is after a run."""
        rows = {} if change.emptied else dict(self.rows)
        return State(
            change.known,
            frozenset((rows | change.rows).items()),
            frozenset((dict(self.reads) | change.reads).items()),
        )

    def is_gone(self, key: tuple[str, str], written: int) -> bool:
        """Say whether a row counts as gone: it is older than the last full read of its data set that has arrived."""
        begun = [begin for (shop, begin), arrived in self.reads if shop == key[0] and arrived]
        return bool(begun) and stamp(written) < max(begun)


def stamp(seconds: int) -> str:
    return dates.written(codat_model.BEGAN + timedelta(seconds=seconds))


class Time:
    """Stands for the module `time`: that of the world in which a run is."""

    of: Play

    def monotonic(self) -> float:
        """Return the time; what the tap makes of it is part of what it knows."""
        self.of.trace = hash((self.of.trace, self.of.world.clock))
        return float(self.of.world.clock)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.of.world = self.of.world._replace(clock=self.of.world.clock + round(seconds))


TIME = Time()


@contextmanager
def simulated() -> Iterator[None]:
    """Let the tap have the time of the worlds, and no log."""
    machine: list[tuple[Any, str, Any]] = [
        (clock, "time", TIME),
        (clock, "BEGAN", (codat_model.BEGAN, 0.0)),
        (pending_syncs, "time", TIME),
        (pending_syncs, "FIRST_PAUSE", PAUSE),
        (logging.getLogger("tap-codat-commerce"), "disabled", True),
    ]
    kept = [getattr(module, name) for module, name, _ in machine]
    for module, name, value in machine:
        setattr(module, name, value)
    try:
        yield
    finally:
        for (module, name, _), value in zip(machine, kept, strict=True):
            setattr(module, name, value)


class Play:
    """One run in a world: Codat, for the tap, and the target."""

    def __init__(
        self, known: Known, events: tuple[Event, ...], note: Callable[[Play, str], None] = lambda *_: None
    ) -> None:
        """Begin; `note` is called at each place when nothing more is to come: it may let something happen there."""
        self.world, self._kept, self.coming, self._note = known.world, known.bookmarks, list(events), note
        self.place, self.trace = 0, 0
        self.rows: dict[tuple[str, str], tuple[str, int]] = {}
        self.reads: dict[tuple[str, str], bool] = {}
        self._emptied = False
        self._take_state(msgspec.json.decode(known.bookmarks))
        self.named: set[str] = set()
        self.ended = ""
        # What `sync` uses of client and prefetcher:
        self.clock, self.open, self.requests, self.answered = clock.Clock(), 0, 0, 0
        self.quota, self.retry_limits = SimpleNamespace(remaining=None), RetryLimits(0, 0)
        self.own_sizes: dict[str, int] = {}
        self.prefetch = self.prefetch_post = self.drop = self.expect = self.close = lambda *_, **__: None

    # Codat

    def get(self, path: str, params: dict[str, Any] | None, decode: Callable[[bytes], Any], _: Any = None) -> Any:
        """Let happen what is to happen before this request, and answer it."""
        self._happen(path)
        self.requests += 1
        self.world, body = self.world.answer(path, params or {})
        self.trace = hash((self.trace, path, body))
        if isinstance(body, int):
            raise ERRORS[body](path, status=body)
        return decode(body)

    def post(self, path: str, params: dict[str, str]) -> dict[str, str]:
        """Let happen what is to happen before this request, and queue a sync."""
        self._happen("refresh")
        self.requests += 1
        if (queued := self.world.queue(SHOPS.index(params["connectionId"]))) is None:
            raise errors.UnderWay(path, status=400)
        self.world = queued
        return {"id": queued.operations[-1].id}

    def _happen(self, when: str) -> None:
        """Let happen what is to happen at this place: before or after the run, or before a path is answered."""
        while True:
            if not self.coming:
                self._note(self, when)
            if not self.coming or self.coming[0][0] != self.place:
                break
            self._let(self.coming.pop(0)[1])
        self.place += 1

    def _let(self, event: str) -> None:
        if event in {"stop", "kill"}:
            self.ended = event
            raise Stopped
        if event == "full refresh":
            self._take_state({})
        elif event == "set back":
            self._set_back()
        else:
            self.world = self.world.happen(event)

    def events(self, when: str) -> list[str]:
        """Return what may happen at this place."""
        found = self.world.events(when)
        if when == BEFORE:
            return found + ["set back", "full refresh"] * (b"replication_key_value" in self._kept)
        if when == AFTER:
            return found + ["kill"] * (not self.ended)
        return [*found, "stop", "kill"]

    def _take_state(self, state: dict[str, Any]) -> None:
        self.state, self.bookmarks = state, Bookmarks("orders", state)

    def _set_back(self) -> None:
        """Let the user empty the table, and set the bookmarks back to get all of it again."""
        for entry in self.state.get("bookmarks", {}).get("orders", {}).get("partitions", ()):
            if "replication_key_value" in entry:
                entry["replication_key_value"] = codat_model.written(-(10**8))
        self._emptied, self._kept = True, msgspec.json.encode(self.state)

    # The tap, and its target

    def play(self, gap: int) -> Change:
        """Run once; return what that has changed, so many seconds after its begin."""
        began = self.world.clock
        TIME.of = self
        try:
            self._happen(BEFORE)
            self._run()
            self._happen(AFTER)
        except Stopped:
            self._happen(AFTER)
        rows, bookmarks = self.rows, msgspec.json.encode(self.state)
        if self.ended == "kill":  # the target has kept none of the run's rows but those of `reads`
            rows, bookmarks = {}, self._kept
        world = self.world.end_all() if self.world.free.refresh else self.world
        return Change(Known(world.rest(began + gap), bookmarks), self._emptied, rows, self.reads)

    def _run(self) -> None:
        self._tell_what_has_arrived()
        free = self.world.free
        options = replace(
            OPTIONS, sync_wait=free.wait, full_read_every_days=free.full, refresh_older_than_hours=free.refresh
        )
        selected = SelectedDataSet(DATA_SET, self.bookmarks, self._page_of)
        this: Any = self
        run = Run(this, options, [selected], streams=1, prefetcher=this)
        for company in run.companies():
            self._write(run.data_sets(company.readable))
        self._write(run.set_aside())
        found = run.summary.findings.as_json()
        named = [place for reason, some in found.items() if reason.startswith("Not ready") for place in some]
        self.named = {place.rpartition(" ")[2] for place in [*named, *run.summary.failed]}

    def _page_of(self, context: dict[str, str]) -> Callable[[list[msgspec.Raw]], RecordPage[bytearray]]:
        return partial(MAKER.page, context=context)

    def _write(self, data_sets: Iterator[DataSetSync]) -> None:
        for one in data_sets:
            shop = one.connection.connection_id
            if one.proven:
                if one.proven.read and one.proven.read.full:
                    self.reads[shop, one.proven.read.started_at] = False
                one.conclude()
                continue
            with closing(one.pages()) as pages:
                for page in pages:
                    for line in page.content.splitlines():
                        record = msgspec.json.decode(line)
                        self.rows[shop, record["id"]] = record["modifiedDate"], self.world.clock

    def _tell_what_has_arrived(self) -> None:
        for context, bookmark in self.bookmarks.newly_arrived():
            if bookmark.read and bookmark.read.full:
                self.reads[context["connectionId"], bookmark.read.started_at] = True


# All histories


States = dict[State, History]
"""Each with the shortest history that leads to it."""


class Lost(NamedTuple):
    """What is wrong after a history."""

    history: History
    what: str


class Search:
    """All histories of so many events in one world.

    Attributes:
        runs: how many were made.
        histories: how many were begun, those included that went on as another one.
        lost: those after which something is wrong.
    """

    def __init__(self, free: Freedoms, events: int) -> None:
        """Begin."""
        self.free, self.events = free, events
        self.runs = self.histories = 0
        self.lost: list[Lost] = []

    def every(self) -> list[Lost]:
        """Go through them; return what is lost, the shortest first."""
        states: States = {State(Known(codat_model.begin(self.free))): ()}
        for gap in gaps(self.free):
            following: States = {}
            for some in _alike(states):
                known, most = some[0][0].known, self.events - min(_length(history) for _, history in some)
                for change, events in self._runs(known, most, gap):
                    for state, history in some:
                        longer = (*history, events)
                        if _length(longer) <= self.events:
                            end = state.after(change)
                            following[end] = min(following.get(end, longer), longer, key=_length)
            states = following
        for some in _alike(states):
            for state, what in self.calm([state for state, _ in some]):
                self.lost.append(Lost(states[state], what))
        self.lost.sort(key=lambda lost: _length(lost.history))
        return self.lost

    def _runs(self, known: Known, most: int, gap: int) -> Iterator[tuple[Change, tuple[Event, ...]]]:
        """Yield what one run with up to so many events changes, and the events."""
        seen: set[int] = set()
        coming: list[tuple[Event, ...]] = [()]
        for events in coming:  # grows meanwhile

            def note(play: Play, when: str, events: tuple[Event, ...] = events) -> None:
                key = hash((play.trace, play.world, when, play.ended))
                if key in seen:
                    raise Seen
                seen.add(key)
                if len(events) < most:
                    coming.extend((*events, (play.place, event)) for event in play.events(when))

            self.histories += 1
            self.runs += 1
            try:
                yield Play(known, events, note).play(gap), events
            except Seen:
                continue

    def calm(self, states: list[State]) -> Iterator[tuple[State, str]]:
        """Let two calm runs follow on states in which they are the same; yield those after which something is wrong."""
        known, now = states[0].known, {state: state for state in states}
        for number in (1, 2):
            play = Play(known, ())
            change = play.play(self.free.gap)
            self.runs += 1
            for state, before in list(now.items()):
                now[state] = before.after(change)
                if what := wrong(known.world, now[state], play.named):
                    del now[state]
                    yield state, f"calm run {number}: {what}"
            world = change.known.world
            if world.end_all() is world:
                break
            known = change.known._replace(world=world.end_all().rest(world.clock + self.free.gap))


def _alike(states: States) -> list[list[tuple[State, History]]]:
    """Return the states in groups: those after which every run is the same."""
    groups: dict[Known, list[tuple[State, History]]] = {}
    for state, history in states.items():
        groups.setdefault(state.known, []).append((state, history))
    return list(groups.values())


def wrong(world: World, state: State, named: set[str]) -> str | None:
    """Return what the warehouse has not of what a world held, but for what was named; None if all is well."""
    rows = dict(state.rows)
    for number, shop in enumerate(world.shops):
        if not shop.listed or SHOPS[number] in named:
            continue
        for record_id, stamped in shop.records:
            key = SHOPS[number], record_id
            row = rows.get(key)
            if row is None or row[0] != codat_model.written(stamped):
                return f"{' '.join(key)} of {stamped} is {'missing' if row is None else 'old'}"
            if state.is_gone(key, row[1]):
                return f"{' '.join(key)} counts as gone"
    return None


def gaps(free: Freedoms) -> tuple[int, int]:
    """Return the seconds from each run in which things happen to the next one: there are two, then come calm ones."""
    return free.gap, min(free.gap, SHORT)


def replay(free: Freedoms, history: History) -> str | None:
    """Play one history, the events of each run, and return what is wrong after it."""
    state = State(Known(codat_model.begin(free)))
    with simulated():
        for number, events in enumerate(history, 1):
            state = state.after(Play(state.known, events).play(gaps(free)[number == len(history)]))
        return next((what for _, what in Search(free, 0).calm([state])), None)


def _length(history: History) -> int:
    return sum(map(len, history))


# Larger worlds, drawn


def drawn(seed: int) -> tuple[int, Freedoms, list[list[Event]], str | None]:
    """Play a history that is drawn, in a world that is; return how many runs were made, both, and what is wrong."""
    random = Random(seed)  # noqa: S311 - nothing secret
    free = random.choice(list(WORLDS.values()))._replace(pace=random.choice((1, 40, 61, 90, 4000)))
    free = free._replace(shops=random.choice((1, 2)), wait=random.choice((0, 90)))
    search, state, history = Search(free, 0), State(Known(codat_model.begin(free))), []
    with simulated():
        for _ in range(random.randint(2, MOST_RUNS)):
            events: list[Event] = []

            def note(play: Play, when: str, events: list[Event] = events) -> None:
                if random.random() < CHANCE and (some := play.events(when)):
                    events.append((play.place, random.choice(some)))
                    play.coming.append(events[-1])

            history.append(events)
            search.runs += 1
            state = state.after(Play(state.known, (), note).play(random.choice((free.gap, SHORT))))
        what = next((what for _, what in search.calm([state])), None)
    return search.runs, free, history, what


# The command


def main(events: str = "3", draws: str = "100000", *names: str) -> int:
    """Go through all histories of so many events, in all worlds or those named, and through some that are drawn."""
    worlds = {name: WORLDS[name] for name in names or WORLDS}
    total: Counter[str] = Counter()
    began = time.monotonic()
    with ProcessPoolExecutor() as pool:
        for name, search in zip(worlds, pool.map(partial(searched, int(events)), worlds.values()), strict=True):
            print(f"{name}: histories {search.histories}, runs {search.runs}, lost {len(search.lost)}", flush=True)
            for lost in search.lost[:SHOWN]:
                print(f"  {lost.history}: {lost.what}", flush=True)
            total.update(worlds=1, histories=search.histories, runs=search.runs, lost=len(search.lost))
        for runs, free, history, what in pool.map(drawn, range(int(draws)), chunksize=100):
            total.update(drawn=1, runs=runs, lost=bool(what))
            if what:
                print(f"drawn: {free} {history}: {what}", flush=True)
    print(*(f"{name} {number}" for name, number in total.items()), f"seconds {time.monotonic() - began:.0f}")
    return bool(total["lost"])


def searched(events: int, free: Freedoms) -> Search:
    """Return a search that is done."""
    search = Search(free, events)
    with simulated():
        search.every()
    return search


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
