"""What a company's pull operations tell of each of its shops: rules without requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tap_codat_commerce.codat import pages
from tap_codat_commerce.sync import pull_history
from tap_codat_commerce.sync.data_status import SyncStatus

ORDERS = "commerce-orders"


def at(hour: int) -> str:
    return f"2026-03-02T{hour:02}:00:00.0000000Z"


def operations(*some: tuple[Any, ...]) -> pull_history.Operations:
    """Return operations: id, connection, hour of the request, status, hour of the end, data type."""
    results = [
        {
            "id": ident,
            "connectionId": connection,
            "dataType": data_type[0] if data_type else ORDERS,
            "requested": at(requested) if isinstance(requested, int) else requested,
            "status": status,
            "completed": None if completed is None else at(completed),
        }
        for ident, connection, requested, status, completed, *data_type in some
    ]
    return pull_history.latest(pages.decode(json.dumps({"results": results, "totalResults": len(results)}).encode()))


THREE = (("s3", "k1", 9, "FetchError", 10), ("s2", "k2", 7, "Complete", 8), ("s1", "k1", 5, "Complete", 6))


@pytest.mark.parametrize(
    ("some", "status"),
    [
        (THREE, SyncStatus("FetchError", at(6), "s3", "s1")),
        ((("s1", "k1", 5, "Complete", 6),), SyncStatus("Complete", at(6), "s1", "s1")),
        ((("s1", "k1", 5, "FetchError", 6),), SyncStatus("FetchError", None, "s1", None, certain=False)),
        (
            (("s2", "k1", 7, "NotSupported", 8), ("s1", "k1", 5, "Complete", 6)),
            SyncStatus("NotSupported", at(6), "s2", "s1", certain=False),
        ),
        (
            (("s2", "k1", 7, "Complete", 8), ("s1", "k1", 5, "Complete", 9)),
            SyncStatus("Complete", at(9), "s2", "s1"),
        ),
        ((("s1", "k2", 5, "Complete", 6),), None),
        ((("s1", "k1", 5, "Complete", 6, "commerce-products"),), None),
        ((), None),
    ],
)
def test_the_status_of_one_shop(some: tuple[tuple[Any, ...], ...], status: SyncStatus | None) -> None:
    assert operations(*some).status("k1", ORDERS) == status


@pytest.mark.parametrize(
    ("company", "behind"),
    [
        (SyncStatus("Complete", at(8), "s3", "s2"), False),
        (SyncStatus("Complete", at(8), "s4", "s2"), True),
        (SyncStatus("Complete", at(8), "s3", "s4"), True),
        (SyncStatus("Complete", at(8), None, "s2"), False),
        (SyncStatus(), False),
    ],
)
def test_operations_that_do_not_hold_what_the_company_names(company: SyncStatus, *, behind: bool) -> None:
    assert operations(*THREE).are_behind(company) is behind
    assert operations().are_behind(company)


@pytest.mark.parametrize(
    ("begin", "end", "ids"),
    [
        (5, 20, {"s3", "s1"}),
        (6, 20, {"s3", "s1"}),
        (7, 20, {"s3"}),
        (7, 9, {"s3"}),
        (7, 8, set()),
        (11, 20, set()),
        (10, 20, {"s3"}),
        (4, 20, None),
    ],
)
def test_what_was_under_way(begin: int, end: int, ids: set[str] | None) -> None:
    found = operations(*THREE).within("k1", ORDERS, at(begin), at(end))
    assert (found if found is None else set(found)) == ids


def test_what_has_not_ended_is_under_way() -> None:
    some = operations(("s1", "k1", 5, "Fetching", None))
    assert some.within("k1", ORDERS, at(5), at(6)) == {"s1": at(5)}
    assert some.within("k1", ORDERS, at(6), at(7)) == {"s1": at(5)}
    assert (
        operations(("s2", "k1", 7, "Fetching", None), ("s1", "k2", 5, "Complete", 6)).within("k1", ORDERS, at(5), at(6))
        == {}
    )
    assert operations().within("k1", ORDERS, at(5), at(6)) is None


def test_whose_sync_it_was() -> None:
    some = operations(*THREE)
    assert [some.has(sync, "k1") for sync in ("s1", "s2", "s3", "s4")] == [True, False, True, False]


@pytest.mark.parametrize("requested", [[5, 7], [7, "soon"], ["", 5]])
def test_operations_that_are_not_the_latest_first_tell_nothing(requested: list[Any]) -> None:
    some = operations(*((f"s{n}", "k1", r, "Complete", 8) for n, r in enumerate(requested)))
    assert some.status("k1", ORDERS) is None


def test_one_that_can_not_be_read_leaves_none() -> None:
    assert operations(THREE[0], (7, "k1", 5, "Complete", 6)).status("k1", ORDERS) is None
