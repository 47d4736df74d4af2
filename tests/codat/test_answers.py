"""Answers about companies and syncs: a value, an entry that can't be read, or an answer that can't be read."""

from __future__ import annotations

import itertools
import json
import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codat_mock.faults import Fault
from codat_mock.platforms import BY_KEY
from conftest import Meanwhile, options
from tap_codat_commerce.codat import answers, pages
from tap_codat_commerce.codat.client import decoded
from tap_codat_commerce.codat.errors import NoAnswer, UnexpectedAnswer, UnreadableAnswer
from tap_codat_commerce.codat.paths import path
from tap_codat_commerce.codat.transport import Answer
from tap_codat_commerce.records import schemas
from tap_codat_commerce.records.record_pages import RecordMaker
from tap_codat_commerce.records.shaping import RecordShaper, StrayFieldCounter
from tap_codat_commerce.sync import pull_history
from tap_codat_commerce.sync.company_selection import CompanySelection
from tap_codat_commerce.sync.data_status import STATUSES, SyncStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Run, Stage

NAMES = (
    "id results totalResults _links next href dataConnections status sourceType integrationKey lastSync dataType "
    "currentStatus latestSyncId lastSuccessfulSync connectionId requested completed commerce-orders error statusCode "
    "orderNumber totalAmount orderLineItems modifiedDate"
)
TEXTS = (
    "",
    ".",
    "..",
    "a/b",
    "Commerce",
    "Linked",
    "Complete",
    "Fetching",
    "\ud83d",
    "\x1b[2J",
    "2026-01-31T06:00:00Z",
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(2**64)
    | st.floats()
    | st.sampled_from(TEXTS)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=5),
    max_leaves=30,
)
entries = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES.split(), json_values))
answers_of_any_kind = json_values | st.fixed_dictionaries(
    {"results": st.lists(json_values | entries, max_size=4), "totalResults": st.integers(0, 9) | json_values},
    optional={"_links": json_values},
)


def given_out(value: Any, decode: Callable[[bytes], Any]) -> Any:
    """Return what the gate makes of an answer; None if it can't be read."""
    try:
        return decoded("GET /any", Answer(200, {}, json.dumps(value).encode(), whole=True), decode)
    except UnreadableAnswer:
        return None


@pytest.mark.slow
class TestAnythingIn:
    """Whatever JSON comes, nothing is raised but what says that it can't be read."""

    @given(answers_of_any_kind)
    @example({"results": [{"id": "a"}, {"id": "b", "dataConnections": ""}], "totalResults": 2})
    def test_companies(self, value: Any) -> None:
        page = given_out(value, pages.decode)
        selection = CompanySelection(None, options(integration_keys=frozenset({"fztf"})), logging.getLogger())  # type: ignore[arg-type]
        for number, raw in enumerate(page.results if page else ()):
            try:
                company = answers.company(raw)
            except UnexpectedAnswer:
                continue
            assert company.id == answers.id_of(raw)
            given = json.loads(bytes(raw)).get("dataConnections")
            expected = len(given) if isinstance(given, list) else 1
            assert len(company.fields["dataConnections"]) + len(company.unreadable) == expected
            for connection in selection.connections(company.fields, number):
                path(company.id, connection.connection_id).encode()

    @given(json_values | st.dictionaries(st.sampled_from(["commerce-orders", "error"]), json_values | entries))
    def test_data_status(self, value: Any) -> None:
        for entry in (given_out(value, answers.data_status) or {}).values():
            try:
                status = SyncStatus.of(entry)
            except UnexpectedAnswer:
                continue
            assert entry is None or isinstance(entry, dict)
            status.older_than(1, datetime.now(UTC))
            assert status.kind or not status.current or status.current not in STATUSES

    @given(answers_of_any_kind)
    def test_history(self, value: Any) -> None:
        if page := given_out(value, pages.decode):
            operations = pull_history.latest(page)
            operations.status("", "commerce-orders")
            operations.within("", "commerce-orders", "", "9")
            operations.are_behind(SyncStatus())

    @given(answers_of_any_kind)
    def test_records(self, value: Any) -> None:
        page = given_out(value, pages.decode)
        shaper = RecordShaper("orders", schemas.ORDERS, StrayFieldCounter(), left_out={}, keep=True)
        with suppress(ValueError):
            made = RecordMaker(schemas.ORDERS, shaper).page(page.results if page else [], {})
            assert all(json.loads(line) is not None for line in made.content.splitlines())

    @given(st.binary(), st.booleans())
    def test_bytes(self, body: bytes, whole: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        answer = Answer(200, {}, body, whole)
        for decode in (pages.decode, answers.data_status):
            with suppress(UnexpectedAnswer, UnreadableAnswer if whole else NoAnswer):
                decoded("GET /any", answer, decode)


def truth(shops: Stage, path: str) -> Any:
    """Return a stand-in's answer."""
    request = Request(shops.url + path, headers={"Authorization": shops.gate.authorization})
    with urlopen(request) as response:
        return json.load(response)


def lie(shops: Stage, path: str, answer: Any) -> None:
    """Have a stand-in give another answer from now on."""
    shops.gate.faults.append(Fault("json", f"{path}$", body=json.dumps(answer), times=0))


def companies_read(run: Run) -> set[str]:
    """Return the companies whose orders came."""
    return {r["companyId"] for r in run.records["orders"]}


BAD_ENTRIES = {
    "null": (None, "Expected `object`, got `null`"),
    "no id": ({"name": "x", "status": "Linked"}, "Object missing required field `id`"),
    "a number": ({"id": 7}, "Expected `str`, got `int` - at `$.id`"),
    "the folder above": ({"id": ".."}, "its id is empty, or has a blank"),
}


@pytest.mark.parametrize(
    ("given", "word"), [("null", "missing or null"), ('{"a":1}', "{'a': 1}"), ('"' + 40 * "x" + '"', "'" + 19 * "x")]
)
def test_what_is_said_of_connections_that_are_no_list(given: str, word: str) -> None:
    company = answers.company(msgspec.Raw(f'{{"id":"c1","dataConnections":{given}}}'.encode()))
    assert company.unreadable == [f"dataConnections is no list, but {word}"]


def test_what_is_said_of_a_connection_without_an_id() -> None:
    company = answers.company(msgspec.Raw(b'{"id":"c1","dataConnections":[{"id":"k1"},{"id":""},{"id":"k3"}]}'))
    assert [entry["id"] for entry in company.fields["dataConnections"]] == ["k1", "k3"]
    (said,) = company.unreadable
    assert said.startswith("connection 2 of 3: ")


@pytest.mark.parametrize(
    ("latest", "good", "ids"),
    [
        ("s2", "s1", ("s2", "s1")),
        ("", "00000000-0000-0000-0000-000000000000", (None, None)),
        (None, "s1", (None, "s1")),
    ],
)
def test_the_ids_of_a_status(latest: str | None, good: str, ids: tuple[str | None, str | None]) -> None:
    entry = {"dataType": "commerce-orders", "latestSyncId": latest, "latestSuccessfulSyncId": good}
    assert answers.status_entry(entry).ids == ids


@pytest.mark.parametrize("bad", BAD_ENTRIES)
def test_a_company_that_can_not_be_read_costs_no_other(stage: Callable[..., Stage], bad: str) -> None:
    shops = stage(companies=3, connections=1, extras=False)
    answer = truth(shops, "/companies")
    entry, why = BAD_ENTRIES[bad]
    answer["results"][1] = entry
    lie(shops, "/companies", answer)
    run = shops.run()
    assert run.code == 1
    assert any(p.startswith(f"companies: 1 entries of the list can't be read: {why}") for p in run.problems)
    assert run.problems[-1] == "1 entry of Codat's answers can't be read (see above)."
    assert companies_read(run) == {answer["results"][0]["id"], answer["results"][2]["id"]}


@pytest.mark.parametrize("bad", BAD_ENTRIES)
def test_a_connection_that_can_not_be_read_costs_no_other(stage: Callable[..., Stage], bad: str) -> None:
    shops = stage(companies=2, connections=1, extras=False)
    answer = truth(shops, "/companies")
    entry, why = BAD_ENTRIES[bad]
    answer["results"][1]["dataConnections"].insert(0, entry)
    lie(shops, "/companies", answer)
    run = shops.run()
    assert run.code == 1
    where = f"connections of company {answer['results'][1]['id']}"
    assert any(p.startswith(f"{where} can't be read: connection 1 of 2: {why}") for p in run.problems)
    assert run.problems[-1] == "1 entry of Codat's answers can't be read (see above)."
    assert companies_read(run) == set(shops.world.companies)


@pytest.mark.parametrize("given", [{"id": "x"}, "none", 7])
def test_connections_that_are_no_list(stage: Callable[..., Stage], given: Any) -> None:
    shops = stage(companies=2, connections=1, extras=False)
    answer = truth(shops, "/companies")
    answer["results"][0]["dataConnections"] = given
    lie(shops, "/companies", answer)
    run = shops.run()
    assert run.code == 1
    assert f"connections of company {answer['results'][0]['id']} can't be read: dataConnections is no list" in run.log
    assert companies_read(run) == {answer["results"][1]["id"]}


@pytest.mark.parametrize(
    ("change", "settings", "is_read"),
    [
        ({"sourceType": None}, {}, True),
        ({"sourceType": "commerce"}, {}, True),
        ({"sourceType": "Retail"}, {}, True),
        ({"sourceType": "accounting"}, {}, False),
        ({"status": None}, {}, True),
        ({"status": "linked"}, {}, True),
        ({"status": "Resting"}, {}, True),
        ({"status": ["Linked"]}, {}, True),
        ({"status": "pendingAuth"}, {}, False),
        ({"status": "Unlinked"}, {"connection_statuses": ["Linked"]}, False),
        ({"integrationKey": None}, {"integration_keys": ["fztf"]}, True),
        ({"integrationKey": "FZTF"}, {"integration_keys": ["fztf"]}, True),
        ({"integrationKey": "exgd"}, {"integration_keys": ["fztf"]}, False),
    ],
)
def test_a_connection_that_does_not_tell_is_read(
    stage: Callable[..., Stage], change: dict[str, Any], settings: dict[str, Any], *, is_read: bool
) -> None:
    shops = stage(companies=2, connections=1, extras=False, platforms=(BY_KEY["fztf"],))
    answer = truth(shops, "/companies")
    answer["results"][0]["dataConnections"][0] |= change
    lie(shops, "/companies", answer)
    run = shops.run(**settings).ok()
    assert (answer["results"][0]["id"] in companies_read(run)) == is_read


@pytest.mark.parametrize("entry", [7, "Complete", [], {}, {"dataType": 7}, {"currentStatus": {}}, {"hello": "world"}])
def test_an_entry_of_a_data_status_that_can_not_be_read(stage: Callable[..., Stage], entry: Any) -> None:
    shops = stage(companies=2, connections=1, extras=False)
    first = next(iter(shops.world.companies))
    lie(shops, f"{first}/dataStatus", {**truth(shops, f"/companies/{first}/dataStatus"), "commerce-orders": entry})
    run = shops.run()
    assert run.code == 1
    assert run.says("orders of ", f"(company {first})", "entry in the data status")
    assert run.says(f"data_status of company {first}, commerce-orders can't be read")
    assert "1 entry of Codat's answers can't be read (see above)." in run.problems[-1]
    assert companies_read(run) == set(shops.world.companies) - {first}
    assert {r["companyId"] for r in run.records["products"]} == set(shops.world.companies)
    rows = {r["dataType"] for r in run.records["data_status"] if r["companyId"] == first}
    assert len(rows) == 10
    assert "commerce-orders" not in rows


@pytest.mark.parametrize(
    "answer", [{}, {"statusCode": 404, "error": "No", "validation": {"errors": []}}, {"commerce-orders": "Complete"}]
)
def test_an_answer_that_is_no_data_status(stage: Callable[..., Stage], answer: Any) -> None:
    shops = stage(companies=2, connections=1, extras=False)
    first = next(iter(shops.world.companies))
    lie(shops, f"{first}/dataStatus", answer)
    run = shops.run()
    assert run.code == 1
    assert (
        f"GET /companies/{first}/dataStatus answered 200 with JSON of an unexpected form: it holds no data" in run.log
    )
    assert companies_read(run) == set(shops.world.companies) - {first}


@pytest.mark.parametrize("part", ["dataStatus", "data/history"])
def test_409_says_something_of_a_data_set_alone(stage: Callable[..., Stage], part: str) -> None:
    shops = stage(companies=1, connections=2, extras=False)
    shops.gate.faults.append(Fault(path=f"{part}$", status=409, times=0))
    run = shops.run()
    assert run.code == 1
    assert run.says("answered 409", "The rest is read.")
    assert "Not ready" not in run.log


@pytest.mark.parametrize("number", [2, 0])
def test_pages_of_companies_that_bring_nothing_new_end(stage: Callable[..., Stage], number: int) -> None:
    shops = stage(companies=number, connections=1)
    answer = truth(shops, "/companies")
    results = answer["results"] or [None]
    lie(shops, "/companies", {"results": results, "totalResults": 10**9, "_links": {"next": answer["_links"]["self"]}})
    run = shops.run(page_size=2)
    assert run.code == 1
    assert run.says(f"{number} different companies came, its last page told of 1000000000")
    assert {r["id"] for r in run.records["companies"]} == set(shops.world.companies)
    assert shops.requests().count("/companies") == 1 + 6, "the first was the truth"


@pytest.mark.parametrize("results", [[{"id": "1", "modifiedDate": "2026-01-31T06:00:00Z"}], []])
@pytest.mark.parametrize("data_set", ["commerce-locations", "commerce-orders"])
def test_links_in_a_circle_end(stage: Callable[..., Stage], data_set: str, results: list[Any]) -> None:
    shops = stage(companies=1, connections=1, platforms=(BY_KEY["fztf"],))
    connection = shops.world.connections()[0]
    here = f"/companies/{connection.company_id}/connections/{connection.id}/data/{data_set}"
    lie(shops, data_set, {"results": results, "totalResults": 10**9, "_links": {"next": {"href": here}}})
    run = shops.run(page_size=1)
    assert run.code == 1
    assert run.says(f"{data_set.removeprefix('commerce-')} of ", f"(connection {connection.id})")
    assert len(shops.requests(data_set)) < 100


@pytest.mark.parametrize("given", [None, {}, 0, "", False, "missing"])
def test_a_company_that_does_not_tell_of_its_connections(stage: Callable[..., Stage], given: Any) -> None:
    shops = stage(companies=2, connections=1, extras=False)
    answer = truth(shops, "/companies")
    company = answer["results"][0]
    company["dataConnections"] = given
    if given == "missing":
        del company["dataConnections"]
    lie(shops, "/companies", answer)
    run = shops.run()
    assert run.code == 1
    assert run.says(f"connections of company {company['id']}", "dataConnections is no list")
    assert companies_read(run) == set(shops.world.companies) - {company["id"]}


@pytest.mark.parametrize("sync_id", ["", "00000000-0000-0000-0000-000000000000", "always-the-same"])
def test_a_sync_is_known_by_more_than_its_id(stage: Callable[..., Stage], sync_id: str) -> None:
    shops = stage(companies=1, connections=1, extras=False)
    company = next(iter(shops.world.companies))

    def same_ids() -> None:
        shops.gate.faults.clear()
        status = truth(shops, f"/companies/{company}/dataStatus")
        for entry in filter(None, status.values()):
            entry |= {"latestSyncId": sync_id, "latestSuccessfulSyncId": sync_id}
        lie(shops, "dataStatus", status)

    same_ids()
    first = shops.run().ok()
    shops.world.sync(company, add=2)
    same_ids()
    second = shops.run(state=first.state).ok()
    came = {r["id"] for run in (first, second) for r in run.records["orders"]}
    assert came == {i for _, _, i in shops.held("commerce-orders")}


def test_ids_of_broken_characters_stay_two(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, extras=False, records=2)
    page = '{"results": [{"id": "caf\xe9"}, {"id": "caf\xe8"}, {"id": "\\ud83d"}], "totalResults": 3, "_links": {}}'
    shops.gate.faults.append(Fault("raw", "orders$", body=f"HTTP/1.0 200 OK\r\n\r\n{page}"))
    run = shops.run(catalog=shops.catalog("orders")).ok()
    assert [r["id"] for r in run.records["orders"]] == [r"caf\xe9", r"caf\xe8", r"\ud83d"]
    assert run.says("3 characters are no Unicode")


@pytest.mark.parametrize("data_set", ["commerce-orders", "commerce-locations"])
def test_totals_that_grow_by_each_page_end(stage: Callable[..., Stage], data_set: str) -> None:
    shops = stage(companies=1, connections=1, platforms=(BY_KEY["fztf"],))
    pages = itertools.count(1)
    last: dict[str, Any] = {}

    def another() -> None:
        number = next(pages)
        connection = shops.world.connections()[0]
        here = f"/companies/{connection.company_id}/connections/{connection.id}/data/{data_set}"
        results = [{"id": str(number), "modifiedDate": "2026-01-31T06:00:00Z"}]
        total = 3 if "locations" in data_set else number + 1
        last.update({"results": results, "totalResults": total, "_links": {"next": {"href": here}}})
        shops.gate.faults[1:] = [Fault("json", f"{data_set}$", body=json.dumps(last), times=0)]

    shops.gate.faults.append(Meanwhile(another, path=f"{data_set}$", times=0))
    run = shops.run(page_size=1, max_concurrent_requests=1, catalog=shops.catalog(data_set.removeprefix("commerce-")))
    assert run.code == 1
    assert run.says(f"(connection {shops.world.connections()[0].id})", "in all")
    assert next(pages) < 60


def test_an_answer_of_millions_of_values_is_not_taken_apart(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=1, extras=False)
    body = '{"results": [' + "0," * 4_000_000 + '0], "totalResults": 1}'
    shops.gate.faults.append(Fault("json", shops.world.connections()[0].id + "/data/commerce-orders", body=body))
    run = shops.run()
    assert run.code == 1
    assert run.says("orders of ", "with more than 4000000 values", "Lower page_size")
    assert len({r["companyId"] for r in run.records["orders"]}) == 1


def test_company_ids_in_capitals(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=1, extras=False)
    first = next(iter(shops.world.companies))
    lie(shops, "/companies", json.loads(json.dumps(truth(shops, "/companies")).replace(first, first.upper())))
    run = shops.run(company_ids=[first], catalog=shops.catalog("companies")).ok()
    assert [r["id"] for r in run.records["companies"]] == [first.upper()]
    assert run.problems == []
