"""The stamps that the stand-in gives the records of one sync: as a platform does, or in any order."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock import stamps as moments
from codat_mock.language import ticks
from codat_mock.platforms import BY_KEY, written
from codat_mock.world import World
from test_mock import ORDERS, Caller
from test_mock_syncs import begin, cached, history

if TYPE_CHECKING:
    from collections.abc import Callable

    from codat_mock.world import Connection
    from conftest import Stage


@pytest.fixture
def shops(stage: Callable[..., Stage]) -> Stage:
    """Return a stand-in with one shop, whose records are stamped in no order from now on."""
    shops = stage(companies=1, connections=1, records=10)
    shops.world.stamps = "shuffled"
    return shops


@pytest.fixture
def world(shops: Stage) -> World:
    """Return its world."""
    return shops.world


@pytest.fixture
def shop(world: World) -> Connection:
    """Return the shop."""
    return world.connections()[0]


@pytest.fixture
def call(shops: Stage) -> Caller:
    """Return how to call it."""
    return Caller(shops)


def at(stamp: str) -> int:
    """Return a stamp as a number."""
    found = ticks(stamp)
    assert found is not None
    return found


def test_they_are_within_the_sync(world: World, shop: Connection, call: Caller) -> None:
    for _ in range(20):
        before = cached(call)
        operation = world.sync(shop.company_id, shop.id, (ORDERS,), restamp=5, add=3)[0]
        told = history(call, pageSize=500)[-1]
        assert told["id"] == operation.id
        stamps = [at(s) for i, s in cached(call).items() if before.get(i) != s]
        assert len(set(stamps)) == 8
        assert at(told["requested"]) < min(stamps)
        assert max(stamps) < at(told["completed"])


def test_some_are_close_and_some_are_far(world: World, shop: Connection, call: Caller) -> None:
    world.sync(shop.company_id, shop.id, (ORDERS,), add=60)
    made = [at(s) for s in cached(call).values()][-60:]
    assert made != sorted(made), "they are in no order"
    made.sort()
    gaps = [b - a for a, b in pairwise(made)]
    assert min(gaps) <= 40 * 10
    assert max(gaps) > 10_000 * 10


def test_what_becomes_visible_later_may_have_the_earlier_stamp(world: World, shop: Connection) -> None:
    earlier_came_later = 0
    for _ in range(20):
        operation = begin(world, shop)
        planned = {c.record_id: c.stamp or "" for c in world.plan(operation, add=4)}
        first = [at(planned[i]) for i in world.reveal(operation, 2)]
        now = at(written(world.stamp(), "ticks"))
        assert max(at(s) for s in planned.values()) < now
        second = [at(planned[i]) for i in world.reveal(operation, 2)]
        earlier_came_later += min(second) < max(first)
        world.finish(operation)
    assert earlier_came_later > 5


@pytest.mark.parametrize("seconds", [300, -300])
@pytest.mark.parametrize("stamps", ["platform", "shuffled"])
def test_a_clock_that_is_off(world: World, shop: Connection, call: Caller, stamps: Any, seconds: int) -> None:
    world.stamps, world.skew, world.skewed = stamps, timedelta(seconds=seconds), 2
    before, operation = cached(call), begin(world, shop)
    world.plan(operation, restamp=2)
    world.finish(operation, restamp=2)
    told = history(call)[-1]
    changed = [at(s) for i, s in cached(call).items() if before[i] != s]
    within = [at(told["requested"]) <= s <= at(told["completed"]) for s in changed]
    assert sorted(within) == [False, False, True, True]


@pytest.mark.parametrize("platform", BY_KEY)
def test_no_right_stamp_is_after_the_end(platform: str) -> None:
    world = World(companies=1, records=30, platforms=(BY_KEY[platform],), extras=False)
    for connection in world.connections():
        for operation in world.companies[connection.company_id].operations:
            assert operation.completed
            end = at(written(operation.completed, "ticks"))
            records = connection.data[operation.data_type].records.values()
            assert all(at(r["modifiedDate"]) <= end for r in records)


def test_the_clock_goes_forward(world: World, shop: Connection) -> None:
    times = []
    for number in range(6):
        world.stamps = "shuffled" if number % 2 else "platform"
        operation = begin(world, shop)
        world.plan(operation, add=1)
        world.finish(operation)
        times += [operation.requested, operation.completed or operation.requested]
    assert all(b - a >= timedelta(seconds=1) for a, b in pairwise(times))


@pytest.mark.parametrize("width", [12, 10**6])
def test_they_are_distinct_from_those_before(width: int) -> None:
    chance, start = random.Random(1), datetime(2026, 1, 1, tzinfo=UTC)  # noqa: S311 - no secrets
    end = start + timedelta(microseconds=width)
    first = moments.shuffled(chance, start, end, 5)
    second = moments.shuffled(chance, start, end, 6, first)
    assert len({*first, *second}) == 11
    assert all(start < m < end for m in (*first, *second))
