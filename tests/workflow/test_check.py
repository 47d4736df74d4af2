"""`codat-commerce check` tells what is not as assumed; and a run loses nothing where it is so, or says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from test_workflow import Desk

from conftest import API_KEY, STREAMS
from tap_codat_commerce.workflow import check

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

ASSUMPTIONS = tuple(check.OTHERWISE)


def seen(desk: Desk, word: str) -> list[str]:
    """Return the assumptions of which a check says this, and see that its exit code fits."""
    done = desk("check")
    head, *lines = done.out.splitlines()
    assert head.startswith("tap-codat-commerce/")
    verdicts = {
        name: line.removesuffix(f": {check.OTHERWISE[name]}.") for name, line in zip(ASSUMPTIONS, lines, strict=True)
    }
    assert all(line[10:] == name for name, line in verdicts.items())
    assert done.code == any(line.startswith("no ") for line in lines)
    assert len(desk.shops.requests()) < 20
    return [name for name, line in verdicts.items() if line[:10].strip() == word]


@pytest.mark.parametrize("records", [3, 12, 1001, 2500])
def test_the_stand_in_is_as_assumed(stage: Callable[..., Stage], records: int) -> None:
    desk = Desk(stage(companies=4, connections=2, records=records))
    assert seen(desk, "yes") == list(ASSUMPTIONS)


def test_what_is_printed_names_nobody(stage: Callable[..., Stage]) -> None:
    desk = Desk(stage(companies=2, connections=2))
    desk.world.set_free({"companiesRefuse": ["tags"], "refusedOrders": ["id"]})
    done = desk("check")
    assert done.code == 1
    assert done.err == ""
    for company in desk.world.companies.values():
        for secret in (API_KEY, company.id, company.name, *company.connections, "127.0.0.1", "region"):
            assert secret not in done.out
    found = desk("check", "--json").json
    assert [e["assumption"] for e in found if e["holds"] is False] == [check.TAGS, check.ID_ORDER]
    assert all(e["otherwise"] for e in found)


def test_an_account_without_companies(stage: Callable[..., Stage]) -> None:
    desk = Desk(stage(companies=0))
    always = [check.KEY, check.QUOTA, check.COMPRESSED]
    assert seen(desk, "yes") == always
    assert seen(desk, "not seen") == [name for name in ASSUMPTIONS if name not in always]


def test_data_sets_without_records(stage: Callable[..., Stage]) -> None:
    desk = Desk(stage(companies=1, connections=1, records=0))
    assert all(name.startswith("data set") for name in seen(desk, "not seen"))


def test_a_wrong_key(stage: Callable[..., Stage]) -> None:
    done = Desk(stage(companies=0))("check", env={"TAP_CODAT_COMMERCE_API_KEY": "a-wrong-key"})
    assert done.code == 1
    assert done.out.splitlines()[1] == "no        the key is accepted: nothing can be read."
    assert done.out.count("not seen") == len(ASSUMPTIONS) - 1
    assert "answered 401" in done.err


@pytest.mark.parametrize(
    ("freedom", "name", "settings", "said"),
    [
        ({"rateLimitHeaders": False}, check.QUOTA, {}, ""),
        ({"compressed": False}, check.COMPRESSED, {}, ""),
        ({"companiesRefuse": ["tags"]}, check.TAGS, {"company_tags": "region=uk"}, "does not take tags"),
        ({"companiesRefuse": ["query"]}, check.COMPANY_QUERY, {"company_query": "name~a"}, "does not take query"),
        ({"companiesRefuse": ["orderBy"]}, check.COMPANY_ORDER, {}, ""),
        ({"maxPageSize": 1000}, check.SIZE, {"page_size": 5000}, "pageSize must be between 1 and 1000"),
        ({"totalsOff": 1}, check.TOTALS, {}, "but the answers spoke of"),
        ({"nextLinks": False}, check.LINKS, {}, "different records came, but the answers spoke of"),
        ({"dataRefuses": ["query"]}, check.QUERY, {"start_date": "2020-01-01"}, "does not take query"),
        ({"refusedOrders": ["modifiedDate"]}, check.DATE_ORDER, {}, ""),
        ({"refusedOrders": ["id"]}, check.ID_ORDER, {}, "Codat refuses the order by id"),
        ({"ignoredOrders": ["id"]}, check.ID_ORDER, {}, ""),
        ({"historyRefuses": ["query"]}, check.HISTORY_QUERY, {}, ""),
        ({"historyRefuses": ["orderBy"]}, check.HISTORY_ORDER, {}, ""),
    ],
)
def test_what_is_not_as_assumed_is_told_and_loses_nothing(
    stage: Callable[..., Stage], freedom: dict[str, Any], name: str, settings: dict[str, Any], said: str
) -> None:
    shops = stage(companies=2, connections=2, records=25, extras=False)
    for company_id in shops.world.companies:
        shops.world.sync(company_id, None, ("commerce-locations",), add=120)
    shops.world.set_free(freedom)
    assert name in seen(Desk(shops), "no")
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
