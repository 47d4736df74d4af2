"""The stand-in answers oddly where Codat's documentation does not say that it may not; and the knobs for that."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from codat_mock import knobs
from codat_mock.faults import Fault
from codat_mock.freedoms import IN_JSON, Freedoms
from codat_mock.holdings import FAILED
from codat_mock.running import Running
from codat_mock.world import World
from test_mock import ORDERS, Caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage


@pytest.fixture
def shops(stage: Callable[..., Stage]) -> Stage:
    """Return a stand-in with one shop."""
    return stage(companies=1, connections=1, records=10, extras=False)


@pytest.fixture
def call(shops: Stage) -> Caller:
    """Return how to call it."""
    return Caller(shops)


def ids(answer: requests.Response) -> list[str]:
    """Return the ids of the records on a page."""
    return [r["id"] for r in answer.json()["results"]]


class TestRefusals:
    """Not everything may be asked for."""

    @pytest.mark.parametrize("sign", ["", "-"])
    def test_orders(self, shops: Stage, call: Caller, sign: str) -> None:
        shops.world.refused_orders = {"id"}
        assert call.data(orderBy=sign + "id").status_code == 400
        assert call.data(orderBy=sign + "modifiedDate").status_code == 200
        assert call("/companies", orderBy=sign + "id").status_code == 200, "only data sets"

    @pytest.mark.parametrize("refused", [400, 403, 404])
    def test_the_history(self, shops: Stage, call: Caller, refused: int) -> None:
        shops.world.history_refused = refused
        answer = call(f"/companies/{call.company}/data/history")
        assert answer.status_code == answer.json()["statusCode"] == refused

    def test_parameters_of_the_history(self, shops: Stage, call: Caller) -> None:
        path = f"/companies/{call.company}/data/history"
        params = {"query": f"dataType={ORDERS}", "orderBy": "requested"}
        shops.world.history_refuses = {"orderBy"}
        assert call(path, **params).status_code == 400
        assert call(path, query=params["query"]).status_code == 200
        shops.world.history_refuses = {"query"}
        assert call(path, query=params["query"]).status_code == 400
        assert call(path, orderBy="-requested").status_code == 200
        assert call(path).status_code == 200

    def test_a_history_that_forgets(self, shops: Stage, call: Caller) -> None:
        path = f"/companies/{call.company}/data/history"
        every = ids(call(path))
        for keeps in (3, 0, 1000):
            shops.world.history_keeps = keeps
            assert ids(call(path)) == every[max(0, len(every) - keeps) :]
        shops.world.history_keeps = 1
        assert call(f"{path}/{every[0]}").status_code == 404
        assert call(f"{path}/{every[-1]}").status_code == 200
        assert call(f"/companies/{call.company}/dataStatus").json()["commerce-companyInfo"]["latestSyncId"] == every[0]


class TestNoNotice:
    """Something is asked for, and the answer takes no notice of it, or another one than is to be expected."""

    @pytest.mark.parametrize("parameter", ["tags", "query", "orderBy"])
    def test_of_companies(self, stage: Callable[..., Stage], parameter: str) -> None:
        shops = stage(companies=3)
        call, asked = Caller(shops), {"tags": "region=eu", "query": "name=nobody", "orderBy": "-created"}[parameter]
        plain = ids(call("/companies"))
        params: dict[str, Any] = {parameter: asked, "pageSize": 100}
        assert ids(call("/companies", **params)) != plain
        shops.world.companies_ignore = {parameter}
        assert ids(call("/companies", **params)) == plain

    def test_of_a_field_that_companies_do_not_have(self, shops: Stage, call: Caller) -> None:
        params: dict[str, Any] = {"query": "shape=round", "pageSize": 100}
        assert call("/companies", **params).status_code == 400
        shops.world.companies_ignore = {"field"}
        assert ids(call("/companies", **params)) == [call.company]
        assert call("/companies", **{**params, "query": "name="}).status_code == 400

    @pytest.mark.parametrize(("parameter", "asked"), [("query", f"dataType={ORDERS}"), ("orderBy", "-requested")])
    def test_of_the_history(self, shops: Stage, call: Caller, parameter: str, asked: str) -> None:
        path = f"/companies/{call.company}/data/history"
        plain = ids(call(path))
        assert ids(call(path, **{parameter: asked})) != plain
        shops.world.history_ignores = {parameter}
        assert ids(call(path, **{parameter: asked})) == plain

    def test_queries(self, shops: Stage, call: Caller) -> None:
        shops.world.sync(call.company, restamp=1)
        latest = call.data(orderBy="-modifiedDate").json()["results"][0]
        query = f"modifiedDate>={latest['modifiedDate']}"
        assert ids(call.data(query=query)) == [latest["id"]]
        for shops.world.data_queries in ("exclusive", "nothing"):
            assert ids(call.data(query=query)) == []
        assert len(ids(call.data())) == 10

    def test_an_order_of_ids_that_is_not_that_of_their_text(self, shops: Stage, call: Caller) -> None:
        shops.world.id_order = "scattered"
        found = ids(call.data(orderBy="id"))
        assert found not in (sorted(found), ids(call.data()))
        assert ids(call.data(orderBy="-id"))[::-1] == found
        assert ids(call.data(orderBy="id", page=2, pageSize=4)) == found[4:8]

    def test_totals_and_sizes(self, shops: Stage, call: Caller) -> None:
        shops.world.max_page = 4
        third = call.data(page=3, pageSize=100).json()
        assert (len(third["results"]), third["totalResults"], "next" in third["_links"]) == (2, 10, False)
        assert third["pageSize"] == 4
        shops.world.told_page_size = "asked"
        second = call.data(page=2, pageSize=100).json()
        assert (len(second["results"]), second["pageSize"]) == (4, 100)
        assert second["_links"]["next"]["href"].endswith("?page=3&pageSize=100")
        shops.world.totals = "page"
        assert call.data(page=3).json()["totalResults"] == 2
        shops.world.max_page, shops.world.totals, shops.world.greatest_total = None, "all", 8
        second = call.data(page=2, pageSize=4).json()
        assert (len(second["results"]), second["totalResults"], "next" in second["_links"]) == (4, 8, False)
        assert "next" in call.data(page=1, pageSize=4).json()["_links"]
        assert len(call("/companies").json()["results"]) == 1
        shops.world.own_links = False
        assert [*call("/companies").json()["_links"], *call.data(page=1, pageSize=4).json()["_links"]] == ["next"]


def test_a_fault_of_requests_with_some_parameter(shops: Stage, call: Caller) -> None:
    shops.gate.faults.append(Fault(path=ORDERS, asked="orderBy=-?id&page=2", times=0))
    assert call.data(orderBy="-id", page=2).status_code == 500
    assert call.data(orderBy="-id", page=1).status_code == call.data(page=2).status_code == 200


class TestOddRecords:
    """Records that are there twice, and records without a stamp."""

    @pytest.mark.parametrize("segment", [ORDERS, "commerce-locations"])
    def test_twice(self, shops: Stage, call: Caller, segment: str) -> None:
        before = ids(call.data(segment))
        shops.world.twice = {before[0]}
        assert ids(call.data(segment)) == [before[0], *before]
        pages = [call.data(segment, page=n, pageSize=1).json() for n in (1, 2, 3)]
        assert [p["results"][0]["id"] for p in pages] == [before[0], before[0], before[1]]
        assert pages[0]["totalResults"] == len(before) + 1

    def test_unstamped(self, shops: Stage, call: Caller) -> None:
        world, connection = shops.world, shops.world.connections()[0]
        last = ids(call.data(orderBy="modifiedDate"))[-1]
        world.unstamped = {last}
        shown = {r["id"]: "modifiedDate" in r for r in call.data().json()["results"]}
        assert [i for i, stamped in shown.items() if not stamped] == [last]
        assert last not in ids(call.data(query="modifiedDate>=2000-01-01"))
        assert last not in ids(call.data(query="modifiedDate!=2000-01-01"))
        for by in ("modifiedDate", "-modifiedDate"):
            assert ids(call.data(orderBy=by))[0] == last
        assert "modifiedDate" not in world.visible(ORDERS)[connection.id, last]
        world.unstamped = set()
        assert last in ids(call.data(query="modifiedDate>=2000-01-01"))


@pytest.mark.parametrize("status", [*sorted(FAILED), "NotSupported", "Fetching", "Complete"])
def test_what_is_errored(shops: Stage, call: Caller, status: str) -> None:
    operation = shops.world.begin(call.company, None, ORDERS, "Fetching")[0]
    shops.world.fail(operation, status)
    told = call(f"/companies/{call.company}/data/history/{operation.id}").json()
    assert told["isErrored"] is ("errorMessage" in told) is (status in FAILED)
    assert told["statusDescription"] == ""


class TestServersThatNeverEnd:
    """Pages that go on for ever."""

    def test_each_page_is_the_first(self, shops: Stage, call: Caller) -> None:
        shops.world.same_page = True
        first, far = (call.data(page=n, pageSize=4, orderBy="id").json() for n in (1, 99))
        assert far["results"] == first["results"]
        assert far["pageNumber"] == 99
        assert "page=100&" in far["_links"]["next"]["href"]
        assert "next" in call.data().json()["_links"]
        assert "next" not in call("/companies").json()["_links"], "only data sets"

    def test_links_that_lead_back(self, shops: Stage, call: Caller) -> None:
        shops.world.circular_links = True
        first, last = (call.data(page=n, pageSize=6, query="id!=x").json() for n in (1, 2))
        assert "page=2&" in first["_links"]["next"]["href"]
        assert call(last["_links"]["next"]["href"]).json() == first
        assert len(last["results"]) == 4
        assert "page=1&" in call("/companies").json()["_links"]["next"]["href"]


class TestKnobs:
    """All of that can be set over HTTP."""

    def knob(self, shops: Stage, name: str, body: Any, method: str = "POST") -> requests.Response:
        return requests.request(method, f"{shops.url}/_mock/{name}", json=body, timeout=10)

    def test_the_world(self, shops: Stage) -> None:
        wanted = {"lag": 2, "skewSeconds": 300, "lastSyncMoves": "begin", "twice": ["7"], "historyKeeps": None}
        assert self.knob(shops, "world", wanted, "PUT").status_code == 204
        world = shops.world
        assert (world.lag, world.skew.total_seconds(), world.last_sync_moves) == (2, 300, "begin")
        assert (world.twice, world.history_keeps) == ({"7"}, None)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"nonsense": 1},
            {"random": 1},
            {"lag": -1},
            {"lag": True},
            {"samePage": 1},
            {"stamps": "none"},
            {"twice": "7"},
            {"historyRefuses": ["page"]},
            {"historyRefused": 500},
            {"syncSeconds": "2"},
            {"skewSeconds": None},
        ],
    )
    def test_what_it_does_not_know(self, shops: Stage, wrong: dict[str, Any]) -> None:
        answer = self.knob(shops, "world", {"skewed": 3, **wrong}, "PUT")
        assert answer.status_code == 400
        assert next(iter(wrong)) in answer.text
        assert shops.world.skewed == 0, "all or nothing"

    def test_every_name_is_documented(self, shops: Stage) -> None:
        defaults = json.loads("{" + (knobs.__doc__ or "").rpartition("\n{")[2])
        assert set(defaults) == set(IN_JSON)
        before = dict(vars(shops.world))
        assert self.knob(shops, "world", defaults, "PUT").status_code == 204
        assert all(vars(shops.world)[name] == before[name] for name, _ in IN_JSON.values())
        assert {name for name, _ in IN_JSON.values()} == set(vars(Freedoms()))
        assert all(f"{name}: " in (Freedoms.__doc__ or "") for name in vars(Freedoms()))

    def test_a_sync_in_steps(self, shops: Stage, call: Caller) -> None:
        assert call.connection
        body = {"companyId": call.company, "dataType": ORDERS, "add": 4, "statusDescription": "Paused."}
        operation = self.knob(shops, "begin", body).json()["syncIds"][0]
        told = call(f"/companies/{call.company}/data/history/{operation}").json()
        assert (told["status"], told["statusDescription"]) == ("Fetching", "Paused.")
        assert len(self.knob(shops, "reveal", {"id": operation, "count": 3}).json()["ids"]) == 3
        assert call.data().json()["totalResults"] == 13
        assert self.knob(shops, "finish", {"id": operation, "remove": 1}).status_code == 204
        assert call.data().json()["totalResults"] == 13
        second = self.knob(shops, "begin", body).json()["syncIds"][0]
        assert self.knob(shops, "fail", {"id": second, "status": "MapError"}).status_code == 204
        assert call(f"/companies/{call.company}/data/history/{second}").json()["status"] == "MapError"
        gone = {"connectionId": call.connection.id, "dataType": ORDERS, "ids": ids(call.data())[:2]}
        assert self.knob(shops, "remove", gone).status_code == 204
        assert call.data().json()["totalResults"] == 11

    @pytest.mark.parametrize("name", ["reveal", "finish", "fail"])
    def test_no_such_operation(self, shops: Stage, name: str) -> None:
        assert self.knob(shops, name, {"id": "none", "count": 1}).status_code == 404


def test_it_stops_at_once_though_an_answer_is_awaited() -> None:
    running = Running(World(companies=1)).__enter__()
    with ThreadPoolExecutor(1) as pool:
        running.gate.latency = 60
        awaited = pool.submit(requests.get, running.url + "/companies", timeout=50)
        while not running.gate.in_flight:
            time.sleep(0.01)
        began = time.monotonic()
        running.__exit__(None, None, None)
        assert time.monotonic() - began < 10
        assert isinstance(awaited.exception(), requests.ConnectionError)
