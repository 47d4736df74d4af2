"""The log as somebody reads it in the morning: few lines, and each says what to do about which data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codat_mock.faults import Fault
from codat_mock.merchants import COMMERCE_TYPES
from codat_mock.platforms import BY_KEY
from conftest import DATA_SETS, STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

LONGEST = 1500
"""Some collectors of logs cut what is longer."""


def test_a_first_run_is_five_lines(stage: Callable[..., Stage]) -> None:
    run = stage(companies=3, connections=2).run().ok()
    begin = [
        "tap-codat-commerce ",
        f"Reading {len(STREAMS)} streams: companies 3, connections 6.",
        "companies 3 of 3",
        "data sets: ",
        "records: ",
    ]
    assert [line.split(" | ")[-1].startswith(b) for line, b in zip(run.log.splitlines(), begin, strict=True)] == [
        True
    ] * 5


def test_a_bad_first_night_has_a_line_for_each_reason(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=3, connections=2, extras=False)
    never, bad, unknown = shops.world.companies.values()
    for data_type in COMMERCE_TYPES:
        shops.world.set_status(never.id, data_type, None, after_good=False)
    shops.world.set_status(bad.id, "commerce-orders", "AuthError", after_good=True)
    shops.world.set_status(bad.id, "commerce-payments", "FetchError", after_good=False)
    shops.world.set_status(bad.id, "commerce-customers", "Mapping", after_good=False)
    shops.gate.faults.append(Fault(path=f"{unknown.id}/dataStatus", status=500, times=0))
    run = shops.run(max_retries=0, sync_wait=1)
    assert run.code == 1
    assert len(run.log.splitlines()) <= 15
    assert len([line for line in run.log.splitlines() if "answered 500" in line]) == 1, "a failure is told once"
    assert run.says("Not ready: never synced. `codat-commerce refresh COMPANY`", f"{never.name} (company {never.id})")
    (line,) = (p for p in run.problems if "never synced" in p)
    for connection in never.connections.values():
        names = line.partition(f"{connection.platform.name} (connection {connection.id}): ")[2].partition(";")[0]
        assert sorted(names.rstrip(".").split(", ")) == sorted(DATA_SETS), "all that was not read is named"


def test_what_is_not_supported_counts_the_same_each_night(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=2, extras=False, platforms=(BY_KEY["exgd"], BY_KEY["fztf"]))
    first = shops.run().ok()
    shops.requests()
    second = shops.run(state=first.state).ok()
    assert len(shops.requests()) == 3
    assert first.summary["not supported"] == second.summary["not supported"] == 6
    assert first.summary["read"] == second.summary["unchanged"] == 4 * len(DATA_SETS) - 6
    assert first.problems == second.problems == []


def test_a_line_ends_before_it_is_cut(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=12, connections=1, records=1, extras=False)
    for company in shops.world.companies.values():
        company.name = "Bakery " * 40
        for data_type in COMMERCE_TYPES:
            shops.world.set_status(company.id, data_type, "AuthError", after_good=True)
    run = shops.run().ok()
    lines = [p for p in run.problems if p.startswith("Stale: ")]
    assert len(lines) == 12
    assert max(map(len, lines)) < LONGEST
    for connection in shops.world.connections():
        assert sum(f"(connection {connection.id}): " in line for line in lines) == 1


def test_what_fails_alike_is_told_once_and_named(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=1, extras=False, platforms=(BY_KEY["fztf"],))
    bad = shops.world.connections()[0]
    shops.gate.faults.append(Fault(path=f"{bad.id}/data/", status=500, times=0))
    run = shops.run(max_retries=0)
    assert len([line for line in run.problems if "answered 500" in line]) == 1
    assert run.says("Failed in the same way (see above).", f"(connection {bad.id})")
    for stream in DATA_SETS:
        assert any(stream in line for line in run.problems)
