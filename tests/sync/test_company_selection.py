"""Which companies and connections are read."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from itertools import chain, repeat
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codat_mock.faults import Fault
from conftest import Meanwhile, client, options
from tap_codat_commerce.codat import answers
from tap_codat_commerce.codat.errors import BadRequest
from tap_codat_commerce.codat.prefetcher import Prefetcher
from tap_codat_commerce.sync.company_list import READS
from tap_codat_commerce.sync.company_selection import RUN_AGAIN, CompanySelection, is_shop, shard_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Run, Stage

logger = logging.getLogger(__name__)
A = "00000000-0000-4000-8000-00000000000a"
SHOP = {"sourceType": "Commerce", "status": "Linked", "integrationKey": "fztf"}


class Found:
    """A selection, what it found, and what it could not read."""

    def __init__(self, shops: Stage | None = None, **chosen: Any) -> None:
        self.unreadable: list[tuple[str, ...]] = []
        prefetcher = Prefetcher(client(shops.url) if shops else client(), 2)
        unreadable = lambda *what: self.unreadable.append(what)  # noqa: E731
        self.selection = CompanySelection(prefetcher, options(**chosen), logger, unreadable)
        try:
            self.ids = {answers.id_of(raw) for raw in self.selection.companies()} if shops else set()
        finally:
            prefetcher.close()


def listed(shops: Stage, *entries: Any, total: int | None = None) -> None:
    """Have the stand-in list other companies than it has."""
    body = json.dumps({"results": entries, "totalResults": len(entries) if total is None else total})
    shops.gate.faults.append(Fault("json", "/companies$", body=body, times=0))


def test_shards_share_all_companies_and_company_ids_count_in_each(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=12, connections=0)
    every = set(shops.world.companies)
    shards = [Found(shops, shard_count=3, shard_index=i).ids for i in range(3)]
    assert all(shards)
    assert set().union(*shards) == every
    assert sum(map(len, shards)) == 12
    some = sorted(every)[:6]
    chosen = [Found(shops, shard_count=3, shard_index=i, company_ids=[s.upper() for s in some]).ids for i in range(3)]
    assert chosen == [shard & set(some) for shard in shards]


def test_the_shard_of_a_company_never_changes() -> None:
    assert [shard_of(f"Company {n}", 1000) for n in range(3)] == [shard_of(f"COMPANY {n}", 1000) for n in range(3)]
    assert [shard_of(f"company {n}", 1000) for n in range(3)] == [54, 836, 564]


def test_what_can_not_be_read_is_made_known(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1)
    listed(
        shops,
        {"id": "c1", "dataConnections": [{"id": "k1", **SHOP}, {"id": "k2", "sourceType": "Banking"}]},
        {"id": 5},
        {"id": 5},
        {"id": "c2", "dataConnections": [{"id": "k3", **SHOP}, {"id": ""}]},
        {"id": "c3", "dataConnections": None},
    )
    found = Found(shops)
    assert found.ids == {"c1", "c2", "c3"}
    assert found.selection.connections_found == 2
    assert [where for where, *_ in found.unreadable] == [
        "companies: 2 entries of the list",
        "connections of company c2",
        "connections of company c3",
    ]


@pytest.mark.parametrize(("total", "reads"), [(3, READS), (1, READS)])
def test_a_list_that_is_not_what_it_says_is_read_again(stage: Callable[..., Stage], total: int, reads: int) -> None:
    shops = stage(companies=1)
    listed(shops, {"id": "c1", "dataConnections": []}, {"id": "c2", "dataConnections": []}, total=total)
    found = Found(shops)
    assert found.ids == {"c1", "c2"}
    doubt = f"{READS} reads of it do not add up (2 different companies came, its last page told of {total}), so that"
    assert found.unreadable == [("the whole list of companies", f"{doubt} some may be missing", RUN_AGAIN)]
    assert len(shops.requests()) >= reads


@pytest.mark.parametrize(
    ("changes", "several"),
    [
        ([{}], False),
        ([{}, {}], True),
        ([{}, {"status": "PendingAuth"}], False),
        ([{}, {"status": "Deauthorized"}], True),
        ([{}, {"sourceType": "Accounting"}], False),
        ([{}, {"sourceType": None}], True),
        ([{"status": "PendingAuth"}, {"sourceType": "Banking"}, {}], False),
    ],
)
def test_whether_a_company_has_several_shops(changes: list[dict[str, Any]], *, several: bool) -> None:
    connections = [{"id": f"k{n}", **SHOP, **change} for n, change in enumerate(changes)]
    refs = Found().selection.connections({"id": "c1", "name": "A", "dataConnections": connections}, 7)
    assert refs
    assert {ref.several for ref in refs} == {several}
    assert {ref.number for ref in refs} == {7}
    assert [ref.index for ref in refs] == [int(ref.connection_id[1:]) for ref in refs]


@pytest.mark.parametrize(
    "other", [None, {"sourceType": "Accounting"}, {"status": "PendingAuth"}, {"status": "Unlinked", **SHOP}]
)
def test_whether_a_connection_is_alone(other: dict[str, Any] | None) -> None:
    connections = [{"id": "k1", **SHOP}, *([{"id": "k2", **other}] if other else [])]
    refs = Found().selection.connections({"id": "c1", "dataConnections": connections}, 0)
    assert {ref.alone for ref in refs} == {other is None}


def test_a_connection_that_is_listed_twice_is_read_once() -> None:
    connections = [{"id": "k1", **SHOP, "status": "PendingAuth"}, {"id": "k1", **SHOP}, {"id": "k1", **SHOP}]
    (ref,) = Found().selection.connections({"id": "c1", "dataConnections": connections}, 0)
    assert (ref.index, ref.several) == (1, True)


@pytest.mark.parametrize(
    ("change", "options", "readable"),
    [
        ({}, {}, True),
        ({"status": "LINKED"}, {}, True),
        ({"status": "PendingAuth"}, {}, False),
        ({"status": "Unlinked"}, {"connection_statuses": ["Linked"]}, False),
        ({"status": "unlinked"}, {"connection_statuses": ["Unlinked"]}, True),
        ({"status": "Odd"}, {}, True),
        ({"status": None}, {}, True),
        ({"sourceType": "accounting"}, {}, False),
        ({"sourceType": "Marketplace"}, {}, True),
        ({"sourceType": "Unknown"}, {}, True),
        ({}, {"integration_keys": ["FZTF"]}, True),
        ({}, {"integration_keys": ["other"]}, False),
        ({"integrationKey": None}, {"integration_keys": ["other"]}, True),
        ({"integrationKey": ""}, {"integration_keys": ["other"]}, True),
    ],
)
def test_which_connections_are_read(change: dict[str, Any], options: dict[str, Any], *, readable: bool) -> None:
    assert Found(**options).selection.readable({**SHOP, **change}) is readable


def test_what_a_connection_is_called() -> None:
    connection = {"id": "k1", **SHOP, "platformName": "Shopify"}
    company = {"id": "c1", "name": "A" * 70, "description": "B", "dataConnections": [connection]}
    (ref,) = Found().selection.connections(company, 0)
    assert ref.company == f"{'A' * 60} (company c1)"
    assert ref.place == f"{'A' * 60} (company c1), Shopify (connection k1)"
    (ref,) = Found().selection.connections({"id": "c1", "description": "B", "dataConnections": [{"id": "k1"}]}, 0)
    assert ref.place == "B (company c1), connection k1"
    assert ref.context == {"companyId": "c1", "connectionId": "k1"}
    assert is_shop({})


class Portfolio:
    """Companies that join and leave, and a prefetcher that lists them; one of several happenings precedes each request.

    Attributes:
        ids: of those that are there.
        stayed: of those that were there all the time.
        requests: how many were made.
        joined: how many have joined.
        joins_first: whether those that join come first; else they come last, and some in the middle without an order.
    """

    def __init__(self, size: int, happenings: Iterator[list[int]], *, first: bool, ordered: bool) -> None:
        self.ids, self.requests, self._happenings = [f"c{n}" for n in range(size)], 0, happenings
        self.stayed: set[str] = set()
        self.joins_first, self._ordered = first and not ordered, ordered
        self.clock = SimpleNamespace(now=lambda: datetime(2026, 6, 1, tzinfo=UTC))
        self._old, self._by_tags, self.joined = set(self.ids), False, 0

    def get(self, path: str, params: dict[str, Any], decode: Callable[[bytes], Any]) -> Any:
        """Return a page, once something has happened."""
        if "orderBy" in params and not self._ordered:
            what = "no order"
            raise BadRequest(what, status=400)
        for happening in next(self._happenings, []):
            self._happen(happening)
        self.stayed = self.stayed & {*self.ids} if self.requests else {*self.ids}
        self.requests += 1
        begin = (params["page"] - 1) * params["pageSize"]
        page = [self._entry(i) for i in self.ids[begin : begin + params["pageSize"]]]
        return decode(json.dumps({"results": page, "totalResults": len(self.ids)}).encode())

    def _happen(self, happening: int) -> None:
        """Let the company of a number leave; let one join if the number is negative."""
        if happening < 0:
            self.joined += 1
            places = {-1: 0 if self.joins_first else len(self.ids), -2: len(self.ids) // 2}
            self.ids.insert(len(self.ids) if self._ordered else places[happening], f"new{self.joined}")
        elif self.ids:
            self.ids.pop(happening % len(self.ids))

    def _entry(self, company_id: str) -> dict[str, Any]:
        """Return a company; those that come to have a tag were made long ago."""
        created = "2026-01-01T00:00:00" if self._by_tags or company_id in self._old else "2026-06-01T00:00:00"
        return {"id": company_id, "created": created, "dataConnections": []}

    def listed(self, size: int, **chosen: Any) -> tuple[set[str], list[tuple[str, ...]]]:
        """Return the ids that a selection finds, and what it could not read."""
        doubts: list[tuple[str, ...]] = []
        self._by_tags = bool(chosen["company_tags"])
        selection = CompanySelection(
            self,  # type: ignore[arg-type]
            options(page_size=size, **chosen),
            logger,
            lambda *what: doubts.append(what),
        )
        return {answers.id_of(raw) for raw in selection.companies()}, doubts


def portfolios(happenings: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what decorates a test: it is given portfolios of some happenings, and how they are listed."""
    ways = {"first": st.booleans(), "ordered": st.booleans()}
    some = st.builds(Portfolio, st.integers(0, 12), st.lists(happenings, max_size=12).map(iter), **ways)
    tags = st.sampled_from([None, "a=b"])
    return lambda test: settings(max_examples=500)(given(some, st.integers(2, 5), tags)(test))


@portfolios(st.lists(st.integers(-2, 11), max_size=3))
def test_who_was_there_all_the_time_is_read_or_may_be_missing_and_that_is_said(
    portfolio: Portfolio, size: int, tags: str | None
) -> None:
    most = len(portfolio.ids)
    ids, doubts = portfolio.listed(size, company_tags=tags)
    assert doubts or portfolio.stayed <= ids
    assert len(doubts) <= 1
    assert portfolio.requests <= READS * (2 * (most + portfolio.joined) // size + 4)


@portfolios(st.lists(st.just(-1), max_size=1))
def test_who_joins_does_no_harm(portfolio: Portfolio, size: int, tags: str | None) -> None:
    ids, doubts = portfolio.listed(size, company_tags=tags)
    assert portfolio.stayed <= ids
    assert not doubts or (portfolio.joins_first and portfolio.joined > size), "more than a page of them"


@pytest.mark.parametrize(("before", "reads"), [([], 1), ([-1], READS)])
def test_a_list_that_grows_for_ever_ends(before: list[int], reads: int) -> None:
    portfolio = Portfolio(10, chain([before], repeat([-1, -1, -1])), first=False, ordered=True)
    ids, doubts = portfolio.listed(2, company_tags=None)
    assert portfolio.stayed
    assert portfolio.stayed <= ids
    assert len(doubts) == (reads == READS)
    assert portfolio.requests < 100 * reads


class Changing:
    """The tap as a process, and a list of companies that changes while each of its pages is asked for."""

    @staticmethod
    def run(shops: Stage, happening: Callable[[], object], page: int | None = None, **settings: Any) -> Run:
        """Run with something happening before requests for a page, or for each."""
        catalog = shops.catalog("companies")
        shops.requests()
        shops.gate.faults.append(Meanwhile(happening, path="/companies$", page=page, times=0))
        return shops.run(catalog=catalog, **settings)


@pytest.mark.parametrize(
    ("page", "refuses", "requests"),
    [(5, [], 11), (5, ["orderBy"], 12), (None, [], 12 + 13), (None, ["orderBy"], 1 + 12 + 13)],
)
def test_the_list_grows_while_it_is_read(
    stage: Callable[..., Stage], page: int | None, refuses: list[str], requests: int
) -> None:
    """It is read once more if somebody has joined just before the first page."""
    shops = stage(companies=100, connections=0)
    shops.world.set_free({"companiesRefuse": refuses})
    before = set(shops.world.companies)
    run = Changing.run(shops, lambda: shops.world.add_company("New"), page, page_size=10).ok()
    assert before < {r["id"] for r in run.records["companies"]}
    assert not run.problems[1:], "none has a shop"
    assert len(shops.requests("/companies")) == requests


def test_one_leaves_while_another_joins(stage: Callable[..., Stage]) -> None:
    """The totals stay, and no id comes twice."""
    shops = stage(companies=6, connections=0)
    first = next(iter(shops.world.companies))
    change = lambda: shops.world.companies.pop(first, None) and shops.world.add_company("")  # noqa: E731
    run = Changing.run(shops, change, page=2, page_size=3).ok()
    assert {r["id"] for r in run.records["companies"]} == set(shops.world.companies)
    assert len(shops.requests("/companies")) == 4


def test_companies_leave_during_each_read(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=9, connections=0)
    leave = lambda: shops.world.companies.pop(next(iter(shops.world.companies)))  # noqa: E731
    run = Changing.run(shops, leave, page=2, page_size=3)
    assert run.code == 1
    assert set(shops.world.companies) < {r["id"] for r in run.records["companies"]}
    assert run.says(
        "the whole list of companies can't be read: 3 reads of it do not add up (9 different companies came, its last "
        "page told of 6), so that some may be missing. The rest is read; run again when no companies are being added"
    )
    assert len(shops.requests("/companies")) == 3 + 3 + 2


@pytest.mark.parametrize(
    ("refuses", "settings", "requests"),
    [
        ([], {}, 2),
        (["orderBy"], {}, 3),
        (["query"], {}, 3),
        (["query", "orderBy"], {}, 4),
        (["query"], {"company_tags": "region!=fr"}, 3),
    ],
)
def test_company_ids_where_codat_takes_no_query(
    stage: Callable[..., Stage], refuses: list[str], settings: dict[str, Any], requests: int
) -> None:
    shops = stage(companies=90, connections=0)
    shops.world.set_free({"companiesRefuse": refuses})
    wanted, unknown = list(shops.world.companies)[5:60], "00000000-0000-4000-8000-000000000000"
    run = shops.run(company_ids=[*wanted, unknown], **settings).ok()
    assert [r["id"] for r in run.records["companies"]] == wanted
    assert run.log.count("looked for in the whole list") == ("query" in refuses)
    assert run.says("Codat knows no such company", unknown)
    assert len(shops.requests()) == requests


@pytest.mark.parametrize("settings", [{"company_query": "name~a"}, {"company_tags": "region=uk", "company_ids": [A]}])
def test_conditions_that_only_codat_can_apply(stage: Callable[..., Stage], settings: dict[str, Any]) -> None:
    shops = stage(companies=3)
    shops.world.set_free({"companiesRefuse": ["query", "tags"]})
    run = shops.run(**settings)
    assert run.code == 1
    assert not run.records
    assert run.problems[-1].startswith(f"{next(iter(settings))}: GET /companies answered 400, Codat says '/companies")
