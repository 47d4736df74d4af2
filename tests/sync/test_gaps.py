"""What is asked for and is not there: which line each gap gets, and that nothing else gets one."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import options
from tap_codat_commerce.sync.gaps import SHOWN, Gaps

SHOPIFY = ("linked", "shopify")
MISSING = "company_ids: Codat knows no such company"
SQUARE = {"integration_keys": ["square"]}
LINKED = {"connection_statuses": ["Linked"]}


def lines(companies: list[str], *shops: tuple[str, str], **chosen: Any) -> list[str]:
    gaps = Gaps(options(**chosen))
    gaps.note_companies(companies)
    for status, platform in shops:
        gaps.note_shop(status, platform)
    return list(gaps.lines())


@pytest.mark.parametrize(
    ("companies", "shops", "options", "begin"),
    [
        (["c1"], [SHOPIFY], {}, None),
        (["c1"], [SHOPIFY], {"company_ids": ["C1"]}, None),
        (
            ["c1"],
            [SHOPIFY],
            {"company_ids": ["c1", "C2"]},
            f"{MISSING} for this key: c2.",
        ),
        (
            [],
            [],
            {"company_ids": ["c2"], "company_query": "name=a", "company_tags": "a=b"},
            "company_query and company_tags: no company matches.",
        ),
        ([], [], {}, "There is no company yet."),
        ([], [], {"company_ids": ["c2"]}, f"{MISSING} for this key: c2."),
        ([], [], {"company_tags": "a=b"}, "company_tags: no company matches."),
        (["c1"], [], {}, "No company has a connection to a shop yet."),
        (["c1"], [], {"company_ids": ["c2"]}, f"{MISSING} for this key: c2."),
        (["c1"], [], {"shard_count": 2, "shard_index": 0}, None),
        (["c1"], [("pendingauth", "shopify")], {}, "No connection to a shop has been authorised yet."),
        (["c1"], [("pendingauth", "shopify"), SHOPIFY], {}, None),
        (["c1"], [("unlinked", "shopify")], LINKED, "No connection is in one of connection_statuses."),
        (["c1"], [("unlinked", "shopify")], {"connection_statuses": ["Unlinked"]}, None),
        (["c1"], [SHOPIFY], {"integration_keys": ["Shopify"]}, None),
        (
            ["c1"],
            [("linked", "")],
            {"integration_keys": ["shopify"]},
            "integration_keys: no connection is of the platform",
        ),
        (
            ["c1"],
            [SHOPIFY, ("unlinked", "square")],
            {**SQUARE, **LINKED},
            "No connection is in one of connection_statuses.",
        ),
        (
            ["c1"],
            [SHOPIFY, ("linked", "square")],
            {"integration_keys": ["stripe", "square", "clover"]},
            "integration_keys: no connection is of the platform clover or stripe; there are shopify, square.",
        ),
    ],
)
def test_each_gap(
    companies: list[str], shops: list[tuple[str, str]], options: dict[str, Any], begin: str | None
) -> None:
    found = lines(companies, *shops, **options)
    missing = f"{MISSING} that matches company_query and company_tags: c2."
    if "company_query" in options:
        assert found.pop(0).startswith(missing)
    assert len(found) == (begin is not None), found
    assert begin is None or found[0].startswith(begin)


def test_many_companies_that_are_not_there_get_several_lines() -> None:
    ids = [f"c{n}" for n in range(100, 100 + SHOWN + 1)]
    first, second = lines(["c1"], SHOPIFY, company_ids=["c1", *ids])
    assert ", ".join(ids[:-1]) in first
    assert f": {ids[-1]}. " in second


@pytest.mark.parametrize("query", [None, "name=a"])
@pytest.mark.parametrize("tags", [None, "a=b"])
def test_the_conditions_by_which_codat_chooses(query: str | None, tags: str | None) -> None:
    named = " and ".join(n for n, v in (("company_query", query), ("company_tags", tags)) if v)
    assert Gaps(options(company_query=query, company_tags=tags)).conditions == named


def test_nothing_is_missed_before_anything_was_asked() -> None:
    assert list(Gaps(options()).lines()) == []
