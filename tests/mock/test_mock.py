"""The stand-in refuses what Codat would refuse, and its answers have Codat's form."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from codat_mock import language
from codat_mock.faults import Fault
from conftest import API_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

KEY = {"Authorization": "Basic " + base64.b64encode(API_KEY.encode()).decode()}
ORDERS = "commerce-orders"


class Caller:
    """Calls a stand-in."""

    def __init__(self, shops: Stage) -> None:
        self.url = shops.url
        self.connection = next(iter(shops.world.connections()), None)
        self.company = next(iter(shops.world.companies), "")

    def __call__(self, path: str, method: str = "GET", body: Any = None, **params: Any) -> requests.Response:
        return requests.request(method, self.url + path, headers=KEY, params=params, json=body, timeout=10)

    def data(self, segment: str = ORDERS, **params: Any) -> requests.Response:
        """Ask for a data set of the first connection."""
        assert self.connection
        return self(f"/companies/{self.company}/connections/{self.connection.id}/data/{segment}", **params)


@pytest.fixture
def shops(stage: Callable[..., Stage]) -> Stage:
    """Return a stand-in with two companies."""
    return stage(companies=2, connections=2, records=25)


@pytest.fixture
def call(shops: Stage) -> Caller:
    """Return how to call it."""
    return Caller(shops)


def test_a_body_has_to_be_json_and_say_so(call: Caller) -> None:
    assert call("/companies", "POST", {"name": "A shop"}).status_code == 200
    for kind, status in (("application/json", 400), ("text/plain", 415), ("", 415)):
        headers = {**KEY, "Content-Type": kind}
        assert requests.post(call.url + "/companies", "name", headers=headers, timeout=10).status_code == status


SETTING = '{"settings": [{"dataType": [], "fetchOnFirstLink": true, "syncSchedule": 1, "syncOrder": 1}]}'


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/companies", b"\xff"),
        ("/companies", b"[" * 100_000),
        ("/companies", b'{"name": %s}' % (b"9" * 5000)),
        ("/companies", b'{"name": "x", "tags": 5}'),
        ("/companies", b'{"name": "x", "description": 5}'),
        ("/companies/{}/connections", b'{"platformKey": []}'),
        ("/companies/{}/syncSettings", SETTING.encode()),
    ],
)
def test_a_bad_body_is_refused_in_codats_form(call: Caller, path: str, body: bytes) -> None:
    headers = {**KEY, "Content-Type": "application/json"}
    answer = requests.post(call.url + path.format(call.company), body, headers=headers, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["statusCode"] == 400


@pytest.mark.parametrize("header", [None, "Basic", "Basic " + API_KEY, "Bearer x"])
def test_the_key_is_checked(shops: Stage, header: str | None) -> None:
    answer = requests.get(shops.url + "/companies", headers={"Authorization": header} if header else {}, timeout=10)
    assert answer.status_code == 401
    assert answer.json()["error"] == "Unauthorized"


def test_errors_have_codats_form(call: Caller) -> None:
    answer = call("/companies/8f1c7d1e-0000-4000-8000-000000000000/dataStatus")
    assert answer.status_code == 404
    body = answer.json()
    assert set(body) == {
        "statusCode",
        "service",
        "error",
        "correlationId",
        "validation",
        "canBeRetried",
        "detailedErrorCode",
    }
    assert len(body["correlationId"]) == 32
    assert call("/nowhere").status_code == 404
    assert call("/companies", "DELETE").status_code == 405


def test_pages_have_codats_envelope(call: Caller) -> None:
    first = call.data(pageSize=10, orderBy="modifiedDate").json()
    assert (first["pageNumber"], first["pageSize"], first["totalResults"], len(first["results"])) == (1, 10, 25, 10)
    assert set(first["_links"]) == {"self", "current", "next"}
    second = call(first["_links"]["next"]["href"]).json()
    last = call(second["_links"]["next"]["href"]).json()
    assert set(last["_links"]) == {"self", "current", "previous"}
    assert len({r["id"] for p in (first, second, last) for r in p["results"]}) == 25
    assert len(call.data().json()["results"]) == 25, "100 is the default"


@pytest.mark.parametrize(
    "params",
    [
        {"pageSize": 0},
        {"pageSize": 5001},
        {"pageSize": "x"},
        {"page": 0},
        {"query": "modifiedDate>="},
        {"query": "modifiedDate"},
        {"query": "modifiedDate>=2022-01-01 &&"},
        {"query": "{currency=GBP"},
        {"query": "currency=GBP}"},
        {"query": "nonsense=1"},
        {"query": "currency=null"},
        {"query": "currency=" + "x" * 2048},
        {"orderBy": "nonsense"},
    ],
)
def test_what_codat_would_refuse_is_refused(call: Caller, params: dict[str, Any]) -> None:
    answer = call.data(**params)
    assert answer.status_code == 400, answer.text
    assert answer.json()["correlationId"]


def test_locations_take_no_query(call: Caller) -> None:
    assert call.data("commerce-locations", query="name=x").status_code == 400
    assert call.data("commerce-locations").status_code == 200


RECORDS: list[dict[str, Any]] = [
    {"id": "1", "modifiedDate": "2022-08-23T00:00:00Z", "currency": "GBP", "total": 5, "ref": {"name": "A"}},
    {"id": "2", "modifiedDate": "2022-08-23T00:00:00.0000001Z", "currency": "EUR", "total": 10.5, "ref": None},
    {"id": "3", "modifiedDate": "2022-08-23T02:00:00+02:00", "currency": None, "total": -1, "ref": {"name": "Beta"}},
    {"id": "4", "modifiedDate": "2022-08-22T23:59:59", "currency": "gbp", "total": None, "ref": {}},
]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("modifiedDate>=2022-08-23T00:00:00Z", "123"),
        ("modifiedDate>2022-08-23T00:00:00Z", "2"),
        ("modifiedDate<2022-08-23", "4"),
        ("modifiedDate = 2022-08-23T00:00:00.000Z", "13"),
        ("currency=GBP", "14"),
        ("currency!=GBP", "2"),
        ("currency=GBP||currency=EUR", "124"),
        ("currency=GBP && total>1", "1"),
        ("{currency=EUR || total<0} && id!=2", "3"),
        ("total>=5", "12"),
        ("ref.name~bet", "3"),
    ],
)
def test_queries_really_filter(query: str, ids: str) -> None:
    test = language.parse(query, language.resolve(frozenset(RECORDS[0]), "Record"))
    assert "".join(r["id"] for r in RECORDS if test(r)) == ids


@pytest.mark.parametrize("query", ["(currency=GBP)", "currency>GBP", "total~1", "currency=null", "{currency=GBP)"])
def test_what_is_no_query(query: str) -> None:
    with pytest.raises(language.QueryError):
        list(filter(language.parse(query, language.resolve(frozenset(RECORDS[0]), "Record")), RECORDS))


@pytest.mark.parametrize(
    ("by", "ids"), [("modifiedDate", "4132"), ("-total", "4213"), ("total", "4312"), ("id", "1234")]
)
def test_order_really_orders(by: str, ids: str) -> None:
    ordered = language.order(RECORDS, by, language.resolve(frozenset(RECORDS[0]), "Record"))
    assert "".join(r["id"] for r in ordered) == ids


def test_companies_can_be_asked_for_by_tag(call: Caller) -> None:
    for params in ({"tags": "region = uk && team = t0"}, {"tags": "region~u && team!=t1"}):
        assert [c["id"] for c in call("/companies", **params).json()["results"]] == [call.company]
    assert call("/companies", tags="region > uk").status_code == 400


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("dataConnections.platformName~Shopify && dataConnections.status=Linked", 200),
        ("{name~a || name!=a} && created>2020-01-01", 200),
        ("region = uk", 400),
        ("tags.region = uk", 400),
        ("dataConnections.region = uk", 400),
        ("(name~a || name!=a)", 400),
        ("name>a", 400),
    ],
)
def test_companies_can_be_asked_for_by_their_fields(call: Caller, query: str, status: int) -> None:
    assert call("/companies", query=query).status_code == 400, "pageSize has to be there"
    answer = call("/companies", query=query, pageSize=10)
    assert answer.status_code == status
    if status == 200:
        assert call.company in [c["id"] for c in answer.json()["results"]]


def test_limits_are_in_every_answer_and_kept(shops: Stage, call: Caller) -> None:
    answer = call("/companies")
    assert int(answer.headers["X-Rate-Limit-Limit"]) == 1000 * (1 + 2)
    assert int(answer.headers["X-Rate-Limit-Remaining"]) == 2999
    assert answer.headers["X-Rate-Limit-Reset"].endswith("GMT")
    shops.gate.quota = 2
    assert call("/companies").status_code == 200
    over = call("/companies")
    assert over.status_code == 429
    assert 0 < int(over.headers["Retry-After"]) <= 86400
    shops.gate.quota, shops.gate.per_minute = None, 2
    assert int(call("/companies").headers["Retry-After"]) <= 60


def test_twenty_requests_at_once(shops: Stage, call: Caller) -> None:
    shops.wait_for(20)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: call("/companies").status_code, range(20)))
    assert answers == [200] * 20
    assert shops.gate.most_in_flight == 20


def test_more_at_once_than_allowed_are_refused(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1)
    shops.wait_for(12)
    call = Caller(shops)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: call("/companies").status_code, range(12)))
    assert sorted(set(answers)) == [200, 429]


@pytest.mark.parametrize("kind", ["reset", "cut"])
def test_broken_connections(shops: Stage, call: Caller, kind: Any) -> None:
    shops.gate.faults.append(Fault(kind, ORDERS))
    with pytest.raises(requests.RequestException, match=r"reset|IncompleteRead"):
        call.data()
    assert call.data().status_code == 200


def test_a_refresh_goes_through_its_statuses(shops: Stage, call: Caller) -> None:
    shops.world.sync_seconds, shops.gate.per_minute = 2.0, 10**6
    queue = f"/companies/{call.company}/data/queue/{ORDERS}"
    before = call(f"/companies/{call.company}/dataStatus").json()[ORDERS]
    queued = call(queue, "POST").json()
    assert (queued["status"], queued["dataType"], queued["isCompleted"]) == ("Queued", ORDERS, False)
    assert call(queue, "POST").status_code == 400, "an error while one is in progress"
    assert call(f"/companies/{call.company}/data/queue/invoices", "POST").status_code == 400
    seen: list[str] = []
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and (not seen or seen[-1] != "Complete"):
        now = call(f"/companies/{call.company}/dataStatus").json()[ORDERS]
        if now["currentStatus"] not in seen[-1:]:
            seen.append(now["currentStatus"])
        assert call.data().status_code == 200, "what was read before stays readable"
    assert seen[-1] == "Complete"
    assert len(seen) > 3
    assert now["latestSuccessfulSyncId"] == now["latestSyncId"] != before["latestSyncId"]
    history = call(f"/companies/{call.company}/data/history", query=f"dataType={ORDERS}", orderBy="-requested").json()
    assert history["results"][0]["isCompleted"]
    assert call(f"/companies/{call.company}/data/history", query="isCompleted=true").status_code == 400
    assert call(f"/companies/{call.company}/data/history/{queued['id']}").json()["status"] == "Complete"


def test_sync_settings(call: Caller) -> None:
    whole = call("/profile/syncSettings").json()
    changed = [{**s, "fetchOnFirstLink": s["dataType"] == ORDERS} for s in whole["settings"]]
    assert call("/profile/syncSettings", "POST", {"settings": changed}).status_code == 400, "clientId is required"
    assert call("/profile/syncSettings", "POST", {**whole, "settings": [{"dataType": ORDERS}]}).status_code == 400
    assert call("/profile/syncSettings", "POST", {**whole, "settings": changed}).status_code == 204
    on = [s["dataType"] for s in call("/profile/syncSettings").json()["settings"] if s["fetchOnFirstLink"]]
    assert on == [ORDERS]
    own = f"/companies/{call.company}/syncSettings"
    assert call(own).json()["overridesDefaults"] is False
    assert call(own, "POST", {"settings": [{**changed[0], "syncSchedule": 24}]}).status_code == 204
    assert {s["syncSchedule"] for s in call(own).json()["settings"]} == {0, 24}
    assert call(f"/companies/{call.company}/data/all", "POST").status_code == 204


def test_a_new_company_with_a_new_connection(call: Caller) -> None:
    company = call("/companies", "POST", {"name": "Demir (Tea)"}).json()
    assert company["name"] == "Demir Tea"
    assert call("/companies", "POST", {}).status_code == 400
    connections = f"/companies/{company['id']}/connections"
    connection = call(connections, "POST", {"platformKey": "ltpp"}).json()
    assert (connection["status"], connection["platformName"]) == ("PendingAuth", "WooCommerce")
    assert call(connections, "POST", {"platformKey": "none"}).status_code == 404
    assert call(connections).json()["totalResults"] == 1
    assert call(f"{connections}/{connection['id']}").json() == connection
    assert call(f"{connections}/{connection['id']}/data/{ORDERS}").status_code == 404
    assert {p["name"] for p in call("/integrations").json()["results"]} >= {"Shopify", "Stripe", "Square"}
    assert call("/integrations/fztf").json()["sourceType"] == "Commerce"


def test_shops_have_the_quirks_of_real_ones(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=5, connections=1, records=30, extras=False)
    text = {c.platform.name: json.dumps({t: d.records for t, d in c.data.items()}) for c in shops.world.connections()}
    every = "".join(text.values())
    assert '"closedDate": "0001-01-01T00:00:00"' in every
    assert "+02:00" in text["BigCommerce"]
    assert any(len(r["modifiedDate"]) == len("2021-05-04T15:28:09.2805505Z") for r in orders(shops, "Square"))
    assert len({r["modifiedDate"] for r in orders(shops, "Shopify")}) == 1
    assert not any("sourceModifiedDate" in r for r in orders(shops, "Stripe"))
    assert all(f'"{name}"' in every for name in ("taxAmount", "productCategoryRefs", "type", "quantity"))
    assert "5e-07" in every


def orders(shops: Stage, platform: str) -> list[dict[str, Any]]:
    """Return the orders of the shop on a platform."""
    connection = next(c for c in shops.world.connections() if c.platform.name == platform)
    return list(connection.data[ORDERS].records.values())


def test_knobs_over_http(shops: Stage, call: Caller) -> None:
    def knob(name: str, method: str = "POST", body: Any = None) -> requests.Response:
        return requests.request(method, f"{shops.url}/_mock/{name}", json=body, timeout=10)

    assert knob("faults", body={"path": ORDERS, "status": 503, "times": 0}).status_code == 204
    assert call.data().status_code == 503
    assert knob("faults", body={"no": "such"}).status_code == 400
    assert knob("faults", "DELETE").status_code == 204
    assert call.data().status_code == 200
    assert knob("latency", "PUT", {"seconds": 0.2}).status_code == 204
    assert call.data().elapsed.total_seconds() > 0.2
    assert knob("latency", "PUT", {"seconds": 0}).status_code == 204
    assert knob("status", body={"companyId": call.company, "dataType": ORDERS, "status": "AuthError"}).ok
    assert call.data().status_code == 409
    assert call(f"/companies/{call.company}/dataStatus").json()[ORDERS]["currentStatus"] == "AuthError"
    assert knob("sync", body={"companyId": call.company, "dataTypes": [ORDERS], "add": 2, "remove": 1}).ok
    assert call.data().json()["totalResults"] == 26
    assert call.connection
    assert len(knob(f"records/{call.connection.id}/{ORDERS}", "GET").json()) == 26
    assert knob("quota", "PUT", {"perDay": 0}).status_code == 204
    assert call.data().status_code == 429
    assert len(knob("asked", "GET").json()["asked"]) == 7
    assert knob("asked", "DELETE").status_code == 204
    assert knob("asked", "GET").json()["asked"] == []


def test_the_command() -> None:
    command = [sys.executable, "-m", "codat_mock.cli", "--port", "0", "--companies", "2", "--api-key", API_KEY]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    killer = threading.Timer(30, process.kill)
    killer.start()
    assert process.stdout
    line = process.stdout.readline()
    assert line.startswith("codat-mock: 2 companies at http://127.0.0.1:")
    url = line.partition(" at ")[2].partition(",")[0]
    assert requests.get(url + "/companies", headers=KEY, timeout=10).json()["totalResults"] == 2
    port = url.rpartition(":")[2]
    again = subprocess.run([*command[:3], "--port", port], capture_output=True, text=True, timeout=30, check=False)
    assert again.returncode == 1
    assert again.stderr == f"Error: codat-mock can't listen on 127.0.0.1:{port}: is the port in use?\n"
    no_link = subprocess.run([*command[:3], "authorize", ""], capture_output=True, text=True, check=False)
    assert no_link.stderr.startswith("Error: '' is no link of this stand-in: it begins with http://")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    killer.cancel()
