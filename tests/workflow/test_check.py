"""`codat-commerce check` tells what is not as assumed; and a run loses nothing where it is so, or says so."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from test_workflow import Desk, Done

from codat_mock.faults import Fault
from codat_mock.platforms import BY_KEY
from conftest import API_KEY, STREAMS
from tap_codat_commerce.workflow import assumptions as check

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

ASSUMPTIONS = tuple(check.OTHERWISE)


def looked(desk: Desk) -> dict[str, str]:
    """Return what a check says of each assumption, and see that its exit code fits, and that it is cheap."""
    done = desk("check", "--json")
    assert "Traceback" not in done.err
    assert len(desk.shops.requests()) < 20
    assert done.code == any(entry["holds"] is False or entry["trouble"] for entry in done.json)
    words = {True: "yes", False: "no", None: "not seen"}
    return {entry["assumption"]: words[entry["holds"]] for entry in done.json}


def seen(desk: Desk, word: str) -> list[str]:
    """Return the assumptions of which a check says this."""
    return [name for name, said in looked(desk).items() if said == word]


def names_nobody(desk: Desk, done: Done) -> bool:
    """Say whether nothing that was printed is a secret, an id or a name."""
    companies = desk.world.companies.values()
    names = [name for c in companies for name in (c.id, c.name, *c.connections)]
    return not any(name in done.out + done.err for name in (API_KEY, "127.0.0.1", "region", "Secret Bakery", *names))


@pytest.fixture
def desk(stage: Callable[..., Stage]) -> Desk:
    """Return the command, for shops of which everything can be seen."""
    return busy(stage(companies=4, connections=2, records=12))


def busy(shops: Stage, restamp: int = 1) -> Desk:
    """Have each data set synced a second time: else all records may have one stamp."""
    for company_id in shops.world.companies:
        shops.world.sync(company_id, restamp=restamp)
    return Desk(shops)


@pytest.mark.parametrize(("connections", "records"), [(1, 3), (2, 3), (2, 12), (2, 1001), (1, 2500)])
@pytest.mark.slow
def test_the_stand_in_is_as_assumed(stage: Callable[..., Stage], records: int, connections: int) -> None:
    desk = busy(stage(companies=4, connections=connections, records=records))
    assert seen(desk, "yes") == list(ASSUMPTIONS)


def test_a_line_for_each_assumption(desk: Desk) -> None:
    desk.world.set_free({"companiesRefuse": ["tags"], "historyRefused": 404})
    done = desk("check")
    head, *lines = done.out.splitlines()
    assert head.startswith("tap-codat-commerce/")
    assert [line[10 : 10 + len(name)] for name, line in zip(ASSUMPTIONS, lines, strict=True)] == list(ASSUMPTIONS)
    assert f"no        {check.TAGS}: {check.OTHERWISE[check.TAGS]}. (Codat answered 400)" in lines
    assert f"yes       {check.QUERY}" in lines
    assert f"not seen  {check.SYNC_IDS}" in lines


def test_an_account_without_companies(stage: Callable[..., Stage]) -> None:
    desk = Desk(stage(companies=0))
    always = [check.KEY, check.QUOTA, check.COMPRESSED, check.OWN_PATH]
    assert seen(desk, "yes") == always
    assert seen(desk, "not seen") == [name for name in ASSUMPTIONS if name not in always]


def test_data_sets_without_records(stage: Callable[..., Stage]) -> None:
    found = looked(Desk(stage(companies=2, connections=2, records=0)))
    assert found[check.READABLE] == "yes"
    assert {found[name] for name in (check.SIZE, check.TOTALS, check.LINKS, check.QUERY, check.ID_ORDER)} == {
        "not seen"
    }


def test_a_wrong_key(stage: Callable[..., Stage]) -> None:
    done = Desk(stage(companies=0))("check", env={"TAP_CODAT_COMMERCE_API_KEY": "a-wrong-key"})
    assert done.code == 1
    assert done.out.splitlines()[1] == "no        the key is accepted: nothing can be read. (Codat answered 401)"
    assert done.out.count("not seen") == len(ASSUMPTIONS) - 1
    assert "answered 401" in done.err


@pytest.mark.parametrize(("status", "word"), [(402, "not seen"), (403, "no"), (404, "not seen"), (500, "not seen")])
def test_what_the_list_of_companies_answers_tells_of_the_key(desk: Desk, status: int, word: str) -> None:
    desk.gate.faults.append(Fault(path="/companies$", status=status, message="Secret Bakery.", times=0))
    done = desk("check", env={"TAP_CODAT_COMMERCE_MAX_RETRIES": "1"})
    assert done.code == 1
    assert done.out.splitlines()[1].startswith(f"{word:<10}{check.KEY}")
    assert f"Error: Codat answered {status}" in done.err
    assert names_nobody(desk, done)


DATA = r"/data/commerce-"
LOOKS: dict[str, tuple[tuple[str, str], set[str]]] = {
    "tags": (("/companies$", "tags="), {check.TAGS}),
    "query of companies": (("/companies$", "query="), {check.COMPANY_QUERY, check.NO_FIELD}),
    "query that no field fits": (("/companies$", "query=codat"), {check.NO_FIELD}),
    "order of companies": (("/companies$", "orderBy="), {check.COMPANY_ORDER}),
    "status": (("/dataStatus$", ""), {check.STATUS}),
    "customers": (("/data/commerce-customers$", ""), {check.READABLE}),
    "page size": ((DATA, "pageSize=5000"), {check.SIZE}),
    "order by date": ((DATA, "orderBy=-?modifiedDate"), {check.DATE_ORDER, check.LINKS}),
    "last page": ((DATA, "page=2&pageSize=6$"), {check.TOTALS, check.LINKS}),
    "query": ((DATA, "query="), {check.QUERY}),
    "order by id": ((DATA, "orderBy=id"), {check.ID_ORDER}),
    "reverse order by id": ((DATA, "orderBy=-id"), {check.ID_ORDER}),
    "query of the history": (("/history$", "query="), {check.HISTORY_QUERY}),
    "order of the history": (("/history$", "orderBy="), {check.HISTORY_ORDER}),
    "history": (("/history$", ""), {check.HISTORY_QUERY, check.HISTORY_ORDER, check.SYNC_IDS}),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_that_fails_is_noted_and_the_others_go_on(desk: Desk, look: str) -> None:
    (path, asked), names = LOOKS[look]
    trouble: dict[str, Any] = {"path": path, "asked": asked, "times": 0}
    faults = [Fault(status=status, message="Secret Bakery.", **trouble) for status in (402, 403, 422, 500)]
    faults += [Fault("garbage", **trouble), Fault("json", body="[]", **trouble), Fault("reset", **trouble)]
    for fault in faults:
        desk.gate.faults[:] = [fault]
        done = desk("check")
        assert done.code == 1
        assert done.err == ""
        assert names_nobody(desk, done)
        lines = dict(zip(ASSUMPTIONS, done.out.splitlines()[1:], strict=True))
        assert {name for name, line in lines.items() if not line.startswith("yes")} <= names, done.out
        said = {422: "Codat answered 422", 500: "Codat answered 500"}.get(fault.status if fault.kind == "status" else 0)
        assert any(line.endswith(f"{said})") for line in lines.values()) or not said


def test_more_than_an_answer_may_hold(desk: Desk) -> None:
    desk.gate.faults.append(Fault("bomb", path=DATA, asked="pageSize=5000", megabytes=70, times=0))
    done = desk("check")
    assert f"not seen  {check.SIZE} (the answer was larger than 64 MB)" in done.out
    assert done.out.count("\nyes") == len(ASSUMPTIONS) - 1


def test_the_quota_is_spent_meanwhile(desk: Desk) -> None:
    desk.gate.quota = 8
    done = desk("check", env={"TAP_CODAT_COMMERCE_MAX_RETRY_WAIT": "0"})  # however near midnight is
    assert done.code == 1
    assert done.err.startswith(
        "Error: Codat answered 429, and asks for a longer wait than max_retry_wait: nothing more"
    )
    assert {line[:10].strip() for line in done.out.splitlines()[1:]} == {"yes", "not seen"}


def test_a_pause_is_said_and_names_nobody(desk: Desk) -> None:
    fault = Fault(path=DATA, status=429, message="Secret Bakery.", headers={"Retry-After": "11"})
    desk.gate.faults.append(fault)
    done = desk("check", env={"TAP_CODAT_COMMERCE_MAX_RETRY_WAIT": "11"})
    assert done.out.count("\nyes") == len(ASSUMPTIONS)
    assert "Trying again in" in done.err
    assert names_nobody(desk, done)


@pytest.mark.parametrize(
    ("path", "find", "put"),
    [
        ("/companies$", r'"dataConnections": \[', '"dataConnections": null, "was": ['),
        ("/companies$", r'"dataConnections": \[', '"was": ['),
        ("/companies$", r'"results": \[\{"id"', '"results": [{"was"'),
        ("/companies$", r'"dataConnections": \[\{"id"', '"dataConnections": [{"was"'),
        ("/companies$", r'"results": \[', '"results": [null, 7, [], {}, '),
        ("/companies$", r'"tags": \{[^}]*\}', '"tags": ["x"]'),
        ("/companies$", r'"region": "uk"', '"region": null'),
        ("/companies$", r'"region": "uk"', '"region": ["uk", {}]'),
        ("/companies$", r'"created": "[^"]*"', '"created": 5'),
        ("/companies$", r'"totalResults": \d+', '"totalResults": 0'),
        ("/history$", r'"results": \[', '"results": [null, 7, [], {}, '),
        ("/history$", r'"connectionId": "[^"]*"', '"connectionId": ["x"]'),
        ("/history$", r'"id": "[^"]*"', '"id": {"a": 1}'),
        ("/history$", r'"requested": "[^"]*"', '"requested": 1700000000'),
        ("/dataStatus$", r'"commerce-customers": \{[^}]*\}', '"commerce-customers": 5'),
        ("/dataStatus$", r'"commerce-customers": \{[^}]*\}', '"commerce-customers": {"currentStatus": []}'),
        (DATA, r'"results": \[', '"results": [null, 7, [], {}, '),
        (DATA, r'"modifiedDate": "[^"]*"', '"modifiedDate": 1700000000'),
        (DATA, r'"modifiedDate": "[^"]*"', '"modifiedDate": {"a": 1}'),
        (DATA, r'"results": \[\{"id": "[^"]*"', '"results": [{"id": ["x"]'),
        (DATA, r'"results": \[', '"was": ['),
        (DATA, r'"totalResults": \d+', '"totalResults": null'),
        (DATA, r'"_links": \{', '"_links": [{'),
    ],
)
def test_an_odd_value_costs_no_more_than_its_own_lines(desk: Desk, path: str, find: str, put: str) -> None:
    desk.gate.faults.append(Fault("spoil", path=path, find=find, body=put, times=0))
    yes = seen(desk, "yes")
    others = [name for name in ASSUMPTIONS if name.partition(":")[0] != {DATA: "data set"}.get(path, "history")]
    of_companies = {check.TAGS, check.COMPANY_QUERY, check.NO_FIELD, check.COMPANY_ORDER, check.STATUS}
    assert set(yes) >= {*others} - of_companies


def test_dates_and_ids_of_a_wrong_kind(desk: Desk) -> None:
    for company in desk.world.companies.values():
        for connection in company.connections.values():
            for data_set in connection.data.values():
                for record in data_set.records.values():
                    record["modifiedDate"] = {"a": 1}
    found = looked(desk)
    assert found[check.QUERY] == found[check.DATE_ORDER] == "not seen"
    assert found[check.ID_ORDER] == "yes"


class TestWhatWasNotSeen:
    """Where an answer would be the same if Codat took no notice of what was asked, nothing was seen."""

    def test_of_companies(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, connections=1))
        for ignored in ([], ["tags", "query", "orderBy"]):
            desk.world.set_free({"companiesIgnore": ignored})
            found = looked(desk)
            assert found[check.COMPANY_ORDER] == "not seen"
            assert found[check.TAGS] == ("no" if ignored else "not seen")
            assert found[check.COMPANY_QUERY] == ("no" if ignored else "yes")

    @pytest.mark.parametrize("tags", [{}, {"region": None}, {"region": "uk"}])
    def test_tags_that_are_alike(self, desk: Desk, tags: dict[str, Any]) -> None:
        for company in desk.world.companies.values():
            company.tags = tags
        assert looked(desk)[check.TAGS] == "not seen"

    def test_of_the_history(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, connections=1))
        (company,) = desk.world.companies.values()
        for operation in company.operations:
            operation.requested = company.created
        desk.world.set_free({"historyIgnores": ["query", "orderBy"]})
        found = looked(desk)
        assert (found[check.HISTORY_QUERY], found[check.HISTORY_ORDER]) == ("no", "not seen")
        company.operations.clear()
        found = looked(desk)
        assert (found[check.HISTORY_QUERY], found[check.HISTORY_ORDER]) == ("not seen", "not seen")

    def test_syncs_of_one_data_set(self, stage: Callable[..., Stage]) -> None:
        assert looked(Desk(stage(companies=1)))[check.SYNC_IDS] == "not seen"

    def test_stamps_that_are_alike(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, platforms=(BY_KEY["fztf"],)))
        desk.world.set_free({"ignoredOrders": ["modifiedDate"]})
        assert looked(desk)[check.DATE_ORDER] == "not seen"

    def test_an_order_by_something_else_than_ids(self, desk: Desk) -> None:
        desk.world.set_free({"idOrder": "scattered"})
        for connection in desk.world.connections():
            for data_set in connection.data.values():
                by_hash = sorted(data_set.records.values(), key=lambda r: sha256(r.get("id", "").encode()).digest())
                for number, record in enumerate(by_hash):
                    record["modifiedDate"] = f"2026-01-01T00:00:{number:02}Z"
        assert looked(desk)[check.ID_ORDER] == "not seen"


class TestNothingIsWrong:
    """What the tap gets on with is no 'no'."""

    @pytest.mark.parametrize("records", [12, 1500])
    def test_any_order_of_ids_that_is_kept(self, stage: Callable[..., Stage], records: int) -> None:
        desk = busy(stage(companies=2, connections=2, records=records), restamp=5)
        desk.world.set_free({"idOrder": "scattered"})
        assert seen(desk, "yes") == list(ASSUMPTIONS)

    def test_a_tag_without_a_value(self, desk: Desk) -> None:
        for company in desk.world.companies.values():
            company.tags = {"shop": None, **company.tags}  # type: ignore[dict-item]
        assert looked(desk)[check.TAGS] == "yes"


CASES: list[tuple[dict[str, Any], str, dict[str, Any], str]] = [
    ({"rateLimitHeaders": False}, check.QUOTA, {}, ""),
    ({"compressed": False}, check.COMPRESSED, {}, ""),
    ({"ownLinks": False}, check.OWN_PATH, {}, ""),
    ({"companiesRefuse": ["tags"]}, check.TAGS, {"company_tags": "region=uk"}, "does not take tags"),
    ({"companiesIgnore": ["tags"]}, check.TAGS, {"company_tags": "region=uk"}, ""),
    ({"companiesRefuse": ["query"]}, check.COMPANY_QUERY, {"company_query": "name~a"}, "does not take query"),
    ({"companiesIgnore": ["query"]}, check.COMPANY_QUERY, {"company_query": "name=nobody"}, ""),
    ({"companiesIgnore": ["field"]}, check.NO_FIELD, {}, ""),
    ({"companiesRefuse": ["orderBy"]}, check.COMPANY_ORDER, {}, ""),
    ({"companiesIgnore": ["orderBy"]}, check.COMPANY_ORDER, {}, ""),
    ({"maxPageSize": 1000}, check.SIZE, {"page_size": 5000}, "pageSize must be between 1 and 1000"),
    ({"maxPage": 10}, check.SIZE, {"page_size": 5000}, ""),
    ({"maxPage": 10, "toldPageSize": "asked"}, check.SIZE, {"page_size": 5000}, ""),
    ({"maxPage": 10}, check.SIZE, {"page_size": 10}, ""),
    ({"totalsOff": 1}, check.TOTALS, {}, "but the answers spoke of"),
    ({"totals": "page"}, check.TOTALS, {}, "in all"),
    ({"nextLinks": False}, check.LINKS, {}, "different records came, but the answers spoke of"),
    ({"dataRefuses": ["query"]}, check.QUERY, {"start_date": "2020-01-01"}, "does not take query"),
    ({"refusedOrders": ["modifiedDate"]}, check.DATE_ORDER, {}, ""),
    ({"ignoredOrders": ["modifiedDate"]}, check.DATE_ORDER, {}, ""),
    ({"refusedOrders": ["id"]}, check.ID_ORDER, {}, "Codat refuses orderBy=id"),
    ({"refusedOrders": ["id", "modifiedDate"]}, check.DATE_ORDER, {}, "can't be ordered by modifiedDate"),
    ({"ignoredOrders": ["id"]}, check.ID_ORDER, {}, ""),
    ({"historyRefuses": ["query"]}, check.HISTORY_QUERY, {}, ""),
    ({"historyIgnores": ["query"]}, check.HISTORY_QUERY, {}, ""),
    ({"historyRefuses": ["orderBy"]}, check.HISTORY_ORDER, {}, ""),
    ({"historyIgnores": ["orderBy"]}, check.HISTORY_ORDER, {}, ""),
    ({"historyRefused": 403}, check.HISTORY_ORDER, {}, ""),
]


@pytest.mark.parametrize(("freedom", "name", "settings", "said"), CASES)
def test_what_is_not_as_assumed_is_told_and_loses_nothing(
    stage: Callable[..., Stage], freedom: dict[str, Any], name: str, settings: dict[str, Any], said: str
) -> None:
    shops = stage(companies=2, connections=2, records=25, extras=False)
    desk = busy(shops)
    for company_id in shops.world.companies:
        shops.world.sync(company_id, None, ("commerce-locations",), add=120)
    shops.world.set_free(freedom)
    assert name in seen(desk, "no")
    run = shops.run(**({"page_size": 7} | settings))
    if said:
        assert said in " ".join(run.problems)
    if run.code == 0:
        assert set(run.records) == set(STREAMS)
        for stream in ("orders", "locations"):
            held = shops.held(f"commerce-{stream}")
            assert {(r["companyId"], r["connectionId"], r["id"]) for r in run.records[stream]} == held.keys()
    else:
        assert said, run.log


REFUSALS = [
    (LOOKS["status"][0], 403, check.STATUS, "The next run reads them from where they were"),
    (LOOKS["customers"][0], 403, check.READABLE, "2 data sets failed (see above)."),
    (LOOKS["order by id"][0], 422, check.ID_ORDER, "The next run reads them from where they were"),
    (LOOKS["history"][0], 402, check.HISTORY_ORDER, "An account limit is reached"),
    (LOOKS["history"][0], 422, check.HISTORY_ORDER, "The next run reads them from where they were"),
]


@pytest.mark.parametrize(("which", "status", "name", "said"), REFUSALS)
def test_what_a_run_does_after_a_refusal(
    stage: Callable[..., Stage], which: tuple[str, str], status: int, name: str, said: str
) -> None:
    shops = stage(companies=1, connections=2, records=12, extras=False, platforms=(BY_KEY["fztf"],))
    shops.gate.faults.append(Fault(path=which[0], asked=which[1], status=status, times=0))
    assert name in seen(Desk(shops), "no")
    run = shops.run()
    assert run.code == 1
    assert said in run.log


@pytest.mark.parametrize("hours", [0, 24])
@pytest.mark.parametrize("queries", ["nothing", "exclusive"])
def test_queries_that_find_too_little(stage: Callable[..., Stage], queries: str, hours: int) -> None:
    shops = stage(companies=2, connections=2, records=12, extras=False)
    shops.world._behind = timedelta(hours=24 - hours)  # noqa: SLF001 - how long ago all was synced
    shops.world.set_free({"dataQueries": queries})
    assert check.QUERY in seen(Desk(shops), "no")
    run, came = shops.run().ok(), set[str]()
    for restamp, add in ((0, 0), (0, 2), (1, 1), (0, 0)):
        came |= {r["id"] for r in run.records["orders"]}
        for company_id in shops.world.companies:
            shops.world.sync(company_id, restamp=restamp, add=add)
        run = shops.run(state=run.state).ok()
        came |= {r["id"] for r in run.records["orders"]}
        assert came == {record_id for *_, record_id in shops.held("commerce-orders")}
        assert len(run.problems) <= 1
        assert queries == "exclusive" or "not even what was modified last" in run.problems[0]


def test_no_query_is_needed_to_read_whole(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=12, extras=False)
    shops.world.set_free({"dataQueries": "nothing"})
    catalog = shops.catalog("orders")
    assert not shops.run(catalog=catalog, start_date="2020-01-01").ok().records["orders"], "missed"
    (orders,) = (stream for stream in catalog["streams"] if stream["stream"] == "orders")
    (top,) = (entry["metadata"] for entry in orders["metadata"] if not entry["breadcrumb"])
    top["forced-replication-method"] = "FULL_TABLE"
    assert len(shops.run(catalog=catalog, start_date="2020-01-01").ok().records["orders"]) == 12


def test_queries_that_find_nothing_as_there_is_nothing(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=1, records=12, extras=False)
    shops.world._behind = timedelta()  # noqa: SLF001 - all was synced a day ago
    catalog = shops.catalog("orders", "customers", "products")
    state = shops.run(catalog=catalog).ok().state
    shops.world._behind = -timedelta(minutes=5)  # noqa: SLF001 - nothing began while it was read
    for company_id in shops.world.companies:
        shops.world.sync(company_id)
    shops.requests()
    run = shops.run(catalog=catalog, state=state).ok()
    assert not run.problems
    assert not run.records["orders"]
    assert len(shops.requests("/connections/")) == 7, "one for each data set, and one more in the whole run"


@pytest.mark.parametrize(("freedom", "name"), [({"greatestTotal": 20}, check.TOTALS)])
def test_what_nothing_but_the_check_tells(desk: Desk, freedom: dict[str, Any], name: str) -> None:
    desk.world.set_free(freedom)
    if "greatestTotal" in freedom:
        for company_id in desk.world.companies:
            desk.world.sync(company_id, add=50)
    assert name in seen(desk, "no")
    assert "nothing tells" in check.OTHERWISE[name]


def test_syncs_that_share_an_id(desk: Desk) -> None:
    for company in desk.world.companies.values():
        for operation in company.operations:
            operation.id = f"{operation.connection_id}/{operation.data_type}"
    assert seen(desk, "no") == [check.SYNC_IDS]
