"""Codat as `sync` sees it, as plain values: one company, one or two shops, their orders, their syncs, and the time.

Nothing here is shared with the tap or the stand-in. A world is a value: what happens makes another one of it. What
Codat's documents leave open is a freedom of the world: a status or a machine that is behind by up to a minute, records
of a sync that show in another order than that of their stamps, syncs that fail half-way.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
"""When the clock of a world shows 0 seconds."""
BEHIND = 60
"""Seconds. A status, or the cache of a machine, may be behind by so much."""
APPEARS = 6 * 3600
"""Seconds. So soon after a good sync may Codat still say that there is no data."""
COMPANY, SHOPS = "company", ("shop-0", "shop-1")
ORDERS = "commerce-orders"
UNDER_WAY, GOOD, FAILED = "Fetching", "Complete", "FetchError"
NOW = -1
"""The stamp of a record that is stamped when it shows."""

Records = dict[str, int]
Change = tuple[str, int | None]
"""A record's id, and its new stamp, None if it leaves the cache."""


class Freedoms(NamedTuple):
    """What is different from world to world.

    Attributes:
        shops: how many are linked at the begin.
        synced: whether their first sync has ended; else it is under way.
        pace: seconds from one event to the next.
        gap: seconds from one run to the next.
        skew: seconds by which the clock that stamps records is ahead, of what a sync shows first.
        late: seconds by which the clock that stamps the others is behind.
        zone: seconds by which the ends of syncs are told wrongly: they may be in local time.
        ids: whether a status names its syncs.
        history: whether the history of operations can be had.
        by_request: whether the status is that of the good sync that was requested last, not of the one that ended last.
        full: days after which data sets are read whole.
        wait: seconds that a run may wait.
        refresh: hours after which a run has data sets synced again; what is under way then ends before the next run.
    """

    shops: int = 1
    synced: bool = True
    pace: int = 40
    gap: int = 7200
    skew: int = 0
    late: int = 0
    zone: int = 0
    ids: bool = True
    history: bool = True
    by_request: bool = False
    full: int | None = None
    wait: int = 0
    refresh: int | None = None


class Operation(NamedTuple):
    """A sync of a shop's orders."""

    id: str
    shop: int
    began: int
    status: str = UNDER_WAY
    ended: int | None = None


class Shop(NamedTuple):
    """A connection.

    Attributes:
        listed: whether it is in the company's list.
        records: id and stamp of each, by id.
        coming: what a sync that is under way has still to show: what shows together, in the order of showing.
        undo: what shows if it fails.
        before: when the cache changed last, and what it held before, as far as a machine may still hold that.
    """

    listed: bool
    records: tuple[tuple[str, int], ...] = ()
    coming: tuple[tuple[Change, ...], ...] = ()
    undo: tuple[Change, ...] = ()
    before: tuple[int, tuple[tuple[str, int], ...]] | None = None


class World(NamedTuple):
    """Codat at a moment.

    Attributes:
        clock: seconds since `BEGAN`.
        shops: the connections.
        operations: the syncs, in the order of request.
        before: when they changed last, and what they were before, as far as a status may still be of then.
        behind: whether the next status is of then.
        stale: whether the next page is of a machine that is behind.
        no_data: whether the next page is the word that there is no data.
    """

    free: Freedoms
    clock: int
    shops: tuple[Shop, ...]
    operations: tuple[Operation, ...] = ()
    before: tuple[int, tuple[Operation, ...]] | None = None
    behind: bool = False
    stale: bool = False
    no_data: bool = False

    # What may happen

    def events(self, path: str) -> list[str]:
        """Return what may happen now, before this path is answered."""
        found = []
        for number, shop in enumerate(self.shops):
            if shop.listed and self._under_way(number):
                found += [f"show {number}"] * bool(shop.coming) + [f"end {number}", f"fail {number}"]
            elif shop.listed:
                found += [f"{how} {number} {kind}" for how in ("begin", "half", "sync") for kind in self._kinds(number)]
                found += [f"try {number} restamp"] * bool(shop.records)
            if shop.listed and shop.records:
                found.append(f"vanish {number}")
            if shop.listed and sum(s.listed for s in self.shops) > 1:
                found.append(f"unlink {number}")
            if number and not shop.listed and not any(o.shop == number for o in self.operations):
                found += [f"link {number}", f"linked {number}"]
        if path.endswith("/dataStatus") and self.free.history and self._is_recent(self.before):
            found.append("behind")
        if path.endswith(ORDERS) and not (self.stale or self.no_data):
            number = _shop_of(path)
            found += ["stale"] * (self._is_recent(self.shops[number].before) and not self.free.zone)
            found += ["no data"] * self._may_have_none(number)
        return found

    def _kinds(self, number: int) -> tuple[str, ...]:
        """Return what a sync of a shop may bring: of one shop among two, fewer."""
        if number:
            return ("restamp",)
        return ("restamp", "add", "swap", "cycle") if self.free.shops == 1 else ("restamp", "swap")

    def happen(self, event: str) -> World:
        """Return the world after an event."""
        name, number, kind = (*event.split(), "0", "")[:3]
        once: dict[str, Any] = {event.replace(" ", "_"): True}
        if once.keys() & {"behind", "stale", "no_data"}:
            return self._replace(**once)
        world: World = getattr(self._replace(clock=self.clock + self.free.pace), f"_{name}")(int(number), kind)
        return world

    def _begin(self, number: int, kind: str) -> World:
        shop, early = self.shops[number], self.clock - self.free.late
        ids, new = [record_id for record_id, _ in shop.records], f"{len(self.operations)}"
        coming: dict[str, tuple[tuple[Change, ...], ...]] = {
            "restamp": tuple(((record_id, stamp),) for record_id, stamp in ((ids[-1], NOW), (ids[0], early)))
            if ids
            else (),
            "add": ((("z" + new, NOW),), (("a" + new, early),)),
            "swap": ((*((i, None) for i in ids[:1]), ("z" + new, NOW)),),
            "cycle": (tuple((i, None) for i in ids[:-1]), tuple(shop.records[:-1])),
            "first": ((("d", NOW), ("e", NOW)), (("b", early), ("c", early))),
        }
        undo = tuple(shop.records[:-1]) if kind == "cycle" else ()
        begun = (*self.operations, Operation(f"sync-{len(self.operations)}", number, self.clock))
        return self._set(number, coming=coming[kind], undo=undo)._note(begun)

    def _show(self, number: int, _: str = "") -> World:
        shop = self.shops[number]
        return self._change(number, shop.coming[0])._set(number, coming=shop.coming[1:]) if shop.coming else self

    def _half(self, number: int, kind: str) -> World:
        return self._begin(number, kind)._show(number)

    def _end(self, number: int, _: str = "") -> World:
        shop = self.shops[number]
        changes = tuple(change for some in shop.coming for change in some)
        world = self._change(number, changes)._set(number, coming=(), undo=())
        return world._close(number, GOOD)

    def _fail(self, number: int, _: str = "") -> World:
        return self._change(number, self.shops[number].undo)._set(number, coming=(), undo=())._close(number, FAILED)

    def _sync(self, number: int, kind: str) -> World:
        """Let a whole sync happen; a status, and a machine, that is behind knows nothing of it."""
        begun = self._begin(number, kind)
        done = begun._replace(clock=begun.clock + bool(self.free.pace))._end(number)
        older = done.shops[number].before and (done.clock, self.shops[number].records)
        return done._set(number, before=older)._replace(before=(done.clock, self.operations))

    def _try(self, number: int, kind: str) -> World:
        """Let a sync fail after it has shown a part; a status, and a machine, that is behind knows nothing of it."""
        done = self._half(number, kind)._fail(number)
        return done._set(number, before=(done.clock, self.shops[number].records))._replace(
            before=(done.clock, self.operations)
        )

    def _vanish(self, number: int, _: str) -> World:
        return self._change(number, ((self.shops[number].records[0][0], None),))

    def _link(self, number: int, _: str) -> World:
        return self._set(number, listed=True)._begin(number, "first")

    def _linked(self, number: int, _: str) -> World:
        return self._set(number, listed=True)._sync(number, "first")

    def _unlink(self, number: int, _: str) -> World:
        world = self._fail(number) if self._under_way(number) else self
        return world._set(number, listed=False)

    def queue(self, number: int) -> World | None:
        """Return the world after a sync was queued; None if one is under way."""
        return None if self._under_way(number) else self.happen(f"begin {number} restamp")

    def rest(self, clock: int) -> World:
        """Return the world at a later time, when nothing is behind any more."""
        shops = tuple(shop._replace(before=None) for shop in self.shops)
        later = max(clock, self.clock + BEHIND)
        return self._replace(clock=later, shops=shops, before=None, behind=False, stale=False, no_data=False)

    def end_all(self) -> World:
        """Return the world after all that is under way has ended well."""
        world = self
        for number in range(len(self.shops)):
            if world._under_way(number):
                world = world.happen(f"end {number}")
        return world

    def _set(self, number: int, **values: Any) -> World:
        shops = list(self.shops)
        shops[number] = shops[number]._replace(**values)
        return self._replace(shops=tuple(shops))

    def _change(self, number: int, changes: tuple[Change, ...]) -> World:
        shop = self.shops[number]
        records = dict(shop.records)
        for record_id, stamp in changes:
            records.pop(record_id, None)
            if stamp is not None:
                records[record_id] = self.clock + self.free.skew if stamp == NOW else stamp
        if not changes:
            return self
        return self._set(number, records=tuple(sorted(records.items())), before=(self.clock, shop.records))

    def _note(self, operations: tuple[Operation, ...]) -> World:
        return self._replace(operations=operations, before=(self.clock, self.operations))

    def _close(self, number: int, status: str) -> World:
        open_one = self._under_way(number)
        ended = [o._replace(status=status, ended=self.clock) if o is open_one else o for o in self.operations]
        return self._note(tuple(ended))

    def _under_way(self, number: int) -> Operation | None:
        return next((o for o in self.operations if o.shop == number and o.ended is None), None)

    def _may_have_none(self, number: int) -> bool:
        """Say whether a page may be the word that there is no data: after a failed sync, or soon after a good one."""
        own = [o for o in self.operations if o.shop == number]
        good = [o.ended for o in own if o.status == GOOD and o.ended is not None]
        return bool(good) and (own[-1].status == FAILED or self.clock - good[-1] < APPEARS)

    def _is_recent(self, before: tuple[int, Any] | None) -> bool:
        return before is not None and self.clock - before[0] < BEHIND

    # What Codat answers

    def answer(self, path: str, params: dict[str, Any]) -> tuple[World, bytes | int]:
        """Return the world after a request, and the answer to it; instead of one, the status of an error."""
        if path == "/companies":
            return self, _page([self._company()], 1)
        if path.endswith("/dataStatus"):
            told = self.before[1] if self.behind and self.before else self.operations
            return self._replace(behind=False), msgspec.json.encode({ORDERS: self._status(told)})
        if path.endswith("/history"):
            return self, self._operations(params)
        shop = self.shops[_shop_of(path)]
        if not any(o.shop == _shop_of(path) and o.status == GOOD for o in self.operations):
            return self, 409
        if self.no_data:
            return self._replace(no_data=False), 404
        records = shop.before[1] if self.stale and shop.before else shop.records
        asked = params.get("query", ""), int(params["page"]), int(params["pageSize"])
        return self._replace(stale=False), _orders(records, *asked)

    def _company(self) -> dict[str, Any]:
        connections = [
            {"id": SHOPS[n], "sourceType": "Commerce", "status": "Linked", "lastSync": self._last_sync(n)}
            for n, shop in enumerate(self.shops)
            if shop.listed
        ]
        return {"id": COMPANY, "name": "Baker", "dataConnections": connections}

    def _last_sync(self, number: int) -> str | None:
        good = [o.ended for o in self.operations if (o.shop, o.status) == (number, GOOD) and o.ended is not None]
        return written(good[-1]) if good else None

    def _status(self, every: tuple[Operation, ...]) -> dict[str, Any]:
        operations = [o for o in every if self.shops[o.shop].listed]  # an assumption: ARCHITECTURE.md
        if not operations:
            return {"dataType": ORDERS}
        good = [o for o in operations if o.status == GOOD]
        by_end = sorted(good, key=lambda o: o.ended or 0)
        found = {"dataType": ORDERS, "currentStatus": operations[-1].status, "latestSyncId": operations[-1].id}
        if good:
            latest = (good if self.free.by_request else by_end)[-1]
            end = written((latest.ended or 0) + self.free.zone)
            found |= {"lastSuccessfulSync": end, "latestSuccessfulSyncId": latest.id}
        return found if self.free.ids else {k: v for k, v in found.items() if not k.endswith("Id")}

    def _operations(self, params: dict[str, Any]) -> bytes | int:
        if not self.free.history:
            return 403
        shop = params.get("query", "").partition("=")[2]
        some = [o for o in reversed(self.operations) if shop in {"", SHOPS[o.shop]}]
        names = ("id", "connectionId", "dataType", "requested", "status", "completed")
        values = [
            (o.id, SHOPS[o.shop], ORDERS, written(o.began), o.status, *(() if o.ended is None else (written(o.ended),)))
            for o in some
        ]
        return _page([dict(zip(names, v, strict=False)) for v in values], len(some))


def begin(free: Freedoms) -> World:
    """Return a world in which the first sync has ended a day ago, or is under way."""
    world = World(free, -86_400, (Shop(listed=True), Shop(listed=free.shops == 2)))
    for number in range(free.shops):
        world = world._begin(number, "first")._replace(clock=world.clock + 100)
        world = world._end(number) if free.synced else world
    return world.rest(0)


@lru_cache(maxsize=10_000)
def written(clock: int) -> str:
    """Return a time as Codat writes it."""
    return f"{(BEGAN + timedelta(seconds=clock)).replace(tzinfo=None).isoformat()}Z"


@lru_cache(maxsize=10_000)
def _orders(records: tuple[tuple[str, int], ...], query: str, number: int, size: int) -> bytes:
    """Return a page of the records, which are in the order of ids, that fit a query."""
    since = re.fullmatch(r"modifiedDate(>=?)(\S+)Z", query)
    if since:
        moment = (datetime.fromisoformat(since[2] + "+00:00") - BEGAN).total_seconds()
        records = tuple(r for r in records if r[1] > moment or (r[1] == moment and since[1] == ">="))
    some = records[(number - 1) * size : number * size]
    return _page([{"id": record_id, "modifiedDate": written(stamp)} for record_id, stamp in some], len(records))


def _shop_of(path: str) -> int:
    return SHOPS.index(path.split("/")[4])


def _page(results: list[Any], total: int) -> bytes:
    return msgspec.json.encode({"results": results, "totalResults": total})
