"""Whether queries are believed: a query that finds nothing is held against one that has to find something."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tap_codat_commerce.codat import pages
from tap_codat_commerce.sync.proof import Read
from tap_codat_commerce.sync.query_check import QueryCheck

STAMP = "2026-03-02T06:00:00.0000000Z"
QUERY = f"modifiedDate>{STAMP}"
NOTHING = Read(
    query=QUERY,
    records=0,
    distinct=0,
    totals=frozenset({0}),
    duplicates=0,
    unreadable=(),
    no_data=False,
    latest=None,
    unstamped=False,
    started_at=STAMP,
)


class Codat:
    """Answers the probing query with so many records in all; keeps what was asked for."""

    def __init__(self, total: int, start_date: str | None = None) -> None:
        self.total, self.asked = total, list[Any]()
        self.check = QueryCheck(self, start_date)  # type: ignore[arg-type]

    def get(self, path: str, params: Any, decode: Any) -> pages.Page:
        assert decode is pages.decode
        self.asked.append((path, params))
        return pages.Page([], self.total)

    def finds_nothing(self, records: int = 0, query: str | None = QUERY, stamp: str | None = STAMP) -> bool:
        read = replace(NOTHING, records=records, query=query)
        return self.check.finds_nothing("orders of A", "/orders", read, stamp)


def test_a_query_that_finds_nothing_where_there_is_something(caplog: pytest.LogCaptureFixture) -> None:
    codat = Codat(0)
    assert [codat.finds_nothing() for _ in range(3)] == [True] * 3
    assert codat.asked == [("/orders", {"query": f"modifiedDate>={STAMP}", "page": 1, "pageSize": 1})] * 3
    assert [r.message for r in caplog.records] == [
        "orders of A: a query brings not even what was modified last: such data sets are read whole."
    ]


@pytest.mark.parametrize("records", [0, 5])
def test_as_soon_as_one_finds_something_all_are_believed(records: int, caplog: pytest.LogCaptureFixture) -> None:
    codat = Codat(1)
    assert not codat.finds_nothing(records)
    assert len(codat.asked) == (not records)
    codat.total = 0
    assert not codat.finds_nothing()
    assert len(codat.asked) == (not records)
    assert not caplog.records


@pytest.mark.parametrize("what", ["no query", "no stamp", "start_date"])
def test_what_can_not_be_checked(what: str) -> None:
    codat = Codat(0, "2026-01-01" if what == "start_date" else None)
    assert not codat.finds_nothing(
        query=None if what == "no query" else QUERY, stamp=None if what == "no stamp" else STAMP
    )
    assert not codat.asked
    assert codat.finds_nothing() is (what != "start_date"), "and nothing was taken for seen"
