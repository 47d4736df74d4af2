"""The stand-in's syncs use the freedom that Codat's documentation leaves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.platforms import BY_KEY
from codat_mock.world import World
from test_mock import ORDERS, Caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from codat_mock.world import Connection, Operation
    from conftest import Stage

STRIPE = (BY_KEY["fztf"], BY_KEY["exgd"])
"""A shop that has all data types, and one that lacks some."""
LACKED = "commerce-taxComponents"


@pytest.fixture
def shops(stage: Callable[..., Stage]) -> Stage:
    """Return a stand-in with one company, of two shops."""
    return stage(companies=1, connections=2, records=10, platforms=STRIPE)


@pytest.fixture
def world(shops: Stage) -> World:
    """Return its world."""
    return shops.world


@pytest.fixture
def shop(world: World) -> Connection:
    """Return the first shop."""
    return world.connections()[0]


@pytest.fixture
def call(shops: Stage) -> Caller:
    """Return how to call it."""
    return Caller(shops)


def begin(world: World, shop: Connection) -> Operation:
    """Begin a sync of the shop's orders that stays under way."""
    return world.begin(shop.company_id, shop.id, ORDERS, "Fetching")[0]


def cached(call: Caller) -> dict[str, str]:
    """Return the stamps of the orders that the first shop's cache shows, by id."""
    return {r["id"]: r["modifiedDate"] for r in call.data().json()["results"]}


def status(call: Caller, data_type: str = ORDERS) -> dict[str, Any]:
    """Return what the data status says."""
    found: dict[str, Any] = call(f"/companies/{call.company}/dataStatus").json()[data_type]
    return found


def history(call: Caller, **params: Any) -> list[dict[str, Any]]:
    """Return the history of operations."""
    found: list[dict[str, Any]] = call(f"/companies/{call.company}/data/history", **params).json()["results"]
    return found


class TestSteps:
    """A sync changes the cache in steps."""

    def test_what_is_planned_comes_bit_by_bit(self, world: World, shop: Connection, call: Caller) -> None:
        before, operation = cached(call), begin(world, shop)
        assert [(c.stamp is None, c.record is None) for c in world.plan(operation, restamp=3, add=2, remove=1)] == [
            (True, True),
            *[(False, True)] * 3,
            *[(False, False)] * 2,
        ]
        assert cached(call) == before, "a plan alone changes nothing"
        revealed = world.reveal(operation, 4)
        between = cached(call)
        changed = before.items() ^ between.items()
        assert {record_id for record_id, _ in changed} == set(revealed)
        assert len(revealed) == 4
        assert status(call)["currentStatus"] == "Fetching"
        world.finish(operation)
        after = cached(call)
        assert len(after) == 10 + 2 - 1
        assert next(iter(before)) not in after
        assert len(after.items() - before.items()) == 5
        assert status(call)["latestSuccessfulSyncId"] == operation.id

    def test_the_order_is_by_chance_and_by_the_seed(self) -> None:
        seen = []
        for _ in range(2):
            world = World(companies=1, records=10)
            operation = begin(world, world.connections()[0])
            planned = [c.record_id for c in world.plan(operation, restamp=10)]
            seen.append([i for _ in range(10) for i in world.reveal(operation, 1)])
            assert sorted(seen[-1]) == sorted(planned)
            assert seen[-1] != planned
            assert world.reveal(operation, 1) == []
        assert seen[0] == seen[1]

    def test_a_failed_one_leaves_what_it_has_revealed(self, world: World, shop: Connection, call: Caller) -> None:
        before, good, operation = cached(call), status(call), begin(world, shop)
        last_sync = shop.last_sync
        world.plan(operation, add=5)
        world.reveal(operation, 2)
        operation.status_description = "The shop did not answer."
        world.fail(operation)
        assert len(cached(call)) == len(before) + 2
        now = status(call)
        assert (now["currentStatus"], now["latestSyncId"]) == ("FetchError", operation.id)
        assert all(now[k] == good[k] for k in ("latestSuccessfulSyncId", "lastSuccessfulSync"))
        failed = history(call)[-1]
        assert failed["completed"] > failed["requested"]
        assert (failed["isErrored"], failed["isCompleted"]) == (True, False)
        assert failed["statusDescription"] == "The shop did not answer."
        assert shop.last_sync == last_sync
        assert call(f"/companies/{call.company}/data/queue/{ORDERS}", "POST").ok, "it is no longer under way"

    def test_planned_again_more_is_changed(self, world: World, shop: Connection, call: Caller) -> None:
        before, operation = cached(call), begin(world, shop)
        world.plan(operation, restamp=2)
        world.plan(operation, restamp=2)
        world.finish(operation, restamp=1, add=1)
        assert len(cached(call).items() - before.items()) == 2 + 2 + 1 + 1

    def test_a_queued_one_ends_with_what_is_planned(self, world: World, shop: Connection, call: Caller) -> None:
        world.sync_seconds = 0.0
        before = cached(call)
        operation = world.begin(shop.company_id, shop.id, ORDERS)[0]
        world.plan(operation, add=7)
        assert len(cached(call)) == len(before) + 7
        assert operation.good

    def test_what_is_removed_meanwhile_stays_gone(self, world: World, shop: Connection, call: Caller) -> None:
        operation = begin(world, shop)
        gone = world.plan(operation, restamp=1)[0].record_id
        told = status(call), history(call)
        world.remove(shop, ORDERS, [gone])
        assert gone not in cached(call)
        assert (status(call), history(call)) == told
        world.finish(operation)
        assert gone not in cached(call)

    def test_a_first_sync_in_steps(self, world: World, call: Caller) -> None:
        shop = world.connect(call.company, "zsth", "Linked")
        path = f"/companies/{call.company}/connections/{shop.id}/data/"
        operation = begin(world, shop)
        world.plan(operation, add=4)
        world.reveal(operation, 3)
        assert call(path + ORDERS).status_code == 409
        assert not [key for key in world.visible(ORDERS) if key[0] == shop.id]
        info = world.begin(shop.company_id, shop.id, "commerce-companyInfo", "Fetching")[0]
        world.plan(info)
        assert call(path + "commerce-info").status_code == 409
        world.finish(info)
        assert call(path + "commerce-info").json()["modifiedDate"]

    def test_what_is_visible_is_what_is_served(self, world: World, shop: Connection, call: Caller) -> None:
        operation = begin(world, shop)
        world.plan(operation, add=2, remove=2)
        world.reveal(operation, 2)
        assert {i: r["modifiedDate"] for (c, i), r in world.visible(ORDERS).items() if c == shop.id} == cached(call)
        assert len(world.visible("commerce-companyInfo")) == 2
        assert {c for c, _ in world.visible(LACKED)} == {shop.id}


@pytest.mark.parametrize(("moves", "moved"), [("end", "00111"), ("begin", "01111"), ("never", "00000")])
def test_when_last_sync_moves(world: World, shop: Connection, call: Caller, moves: Any, moved: str) -> None:
    def last_sync() -> str:
        told: str = call(f"/companies/{call.company}/connections/{shop.id}").json()["lastSync"]
        return told

    world.last_sync_moves = moves
    seen = [last_sync()]
    operation = begin(world, shop)
    seen.append(last_sync())
    world.finish(operation)
    seen.append(last_sync())
    if moves == "begin":
        assert seen[1] == seen[2] == history(call)[-1]["requested"]
    world.sync(shop.company_id, shop.id, (ORDERS,))
    seen.append(last_sync())
    world.fail(begin(world, shop))
    seen.append(last_sync())
    assert "".join(str(int(s > seen[0])) for s in seen) == moved


class TestNotSupported:
    """A sync may be requested over a connection whose platform lacks the data type."""

    def test_nothing_happens(self, world: World, call: Caller) -> None:
        before = history(call)
        assert world.begin(call.company, world.connections()[1].id, LACKED) == []
        assert world.sync(call.company, world.connections()[1].id, (LACKED,)) == []
        assert history(call) == before

    @pytest.mark.parametrize("wanted", [None, "Fetching"])
    def test_or_an_operation_says_so(self, world: World, call: Caller, wanted: str | None) -> None:
        world.not_supported_operations = True
        good = status(call, LACKED)
        assert good["currentStatus"] == "Complete"
        operation = world.begin(call.company, world.connections()[1].id, LACKED, wanted)[0]
        now = status(call, LACKED)
        assert (now["currentStatus"], now["latestSyncId"]) == ("NotSupported", operation.id)
        assert now["latestSuccessfulSyncId"] == good["latestSuccessfulSyncId"]
        told = history(call)[-1]
        assert told["completed"]
        assert not told["isErrored"]
        assert not told["isCompleted"]
        assert call.data(LACKED).ok, "the other shop's are readable"

    def test_a_request_for_both_shops(self, world: World, call: Caller) -> None:
        world.not_supported_operations = True
        assert [o.status for o in world.sync(call.company, None, (LACKED,))] == ["Complete", "NotSupported"]
        assert call(f"/companies/{call.company}/data/queue/{LACKED}", "POST").json()["status"] == "Queued"
        assert status(call, LACKED)["currentStatus"] == "NotSupported"


class TestLag:
    """What tells of syncs may lag behind."""

    def test_the_data_status(self, world: World, shop: Connection, call: Caller) -> None:
        world.lag = 2
        operation = begin(world, shop)
        assert [status(call)["currentStatus"] for _ in range(4)] == ["Complete"] * 2 + ["Fetching"] * 2
        old = status(call)["latestSuccessfulSyncId"]
        world.finish(operation, add=1)
        assert len(cached(call)) == 11, "the cache itself does not lag"
        seen = [status(call) for _ in range(3)]
        assert [s["currentStatus"] for s in seen] == ["Fetching", "Fetching", "Complete"]
        assert [s["latestSuccessfulSyncId"] for s in seen] == [old, old, operation.id]

    def test_the_history(self, world: World, shop: Connection, call: Caller) -> None:
        before = len(history(call))
        world.lag = 2
        operation = begin(world, shop)
        assert [len(history(call)) - before for _ in range(3)] == [0, 0, 1]
        world.fail(operation)
        assert [history(call)[-1]["status"] for _ in range(3)] == ["Fetching", "Fetching", "FetchError"]

    def test_each_change_has_its_own(self, world: World, shop: Connection, call: Caller) -> None:
        world.lag = 2
        operation = begin(world, shop)
        seen = [status(call)["currentStatus"]]
        world.fail(operation, "AuthError")
        seen += [status(call)["currentStatus"] for _ in range(3)]
        assert seen == ["Complete", "Complete", "Fetching", "AuthError"]

    def test_other_data_types_are_not_behind(self, world: World, shop: Connection, call: Caller) -> None:
        world.lag = 1
        world.begin(shop.company_id, shop.id, ORDERS, "Fetching")
        status(call)
        world.begin(shop.company_id, shop.id, LACKED, "Fetching")
        told = call(f"/companies/{call.company}/dataStatus").json()
        assert (told[ORDERS]["currentStatus"], told[LACKED]["currentStatus"]) == ("Fetching", "Complete")

    def test_without_it_all_is_told(self, world: World, shop: Connection, call: Caller) -> None:
        world.lag = 5
        begin(world, shop)
        world.lag = 0
        assert status(call)["currentStatus"] == "Fetching"
