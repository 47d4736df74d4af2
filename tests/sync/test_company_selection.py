"""Which companies and connections are read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.faults import Fault
from conftest import client, options
from tap_codat_commerce.codat import answers
from tap_codat_commerce.codat.errors import UnexpectedAnswer
from tap_codat_commerce.codat.prefetcher import Prefetcher
from tap_codat_commerce.sync.company_selection import READS, CompanySelection, is_shop, shard_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

SHOP = {"sourceType": "Commerce", "status": "Linked", "integrationKey": "fztf"}


class Found:
    """A selection, what it found, and what it could not read."""

    def __init__(self, shops: Stage | None = None, **chosen: Any) -> None:
        self.unreadable: list[tuple[str, str]] = []
        prefetcher = Prefetcher(client(shops.url) if shops else client(), 2)
        unreadable = lambda where, why: self.unreadable.append((where, why))  # noqa: E731
        self.selection = CompanySelection(prefetcher, options(**chosen), None, unreadable)  # type: ignore[arg-type]
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
    assert [where for where, _ in found.unreadable] == [
        "companies: 2 entries of the list",
        "connections of company c2",
        "connections of company c3",
    ]


@pytest.mark.parametrize(("total", "reads"), [(3, READS), (1, READS)])
def test_a_list_that_is_not_what_it_says_is_read_again(stage: Callable[..., Stage], total: int, reads: int) -> None:
    shops = stage(companies=1)
    listed(shops, {"id": "c1"}, {"id": "c2"}, total=total)
    with pytest.raises(UnexpectedAnswer, match="2 different companies came, but the pages spoke of"):
        Found(shops)
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
