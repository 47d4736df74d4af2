"""A data set is read, proven and gone on from, with no tap at all: `sync`, a sink, and the stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from codat_mock.faults import Fault
from codat_mock.platforms import BY_KEY
from engine import Engine, as_text
from validity import same_form

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

SHOPIFY = (BY_KEY["fztf"],)
ALL = ("customers", "orders", "locations", "company_info")


@pytest.fixture
def shop(stage: Callable[..., Stage]) -> Stage:
    """Return a company with one shop of 20 orders."""
    return stage(companies=1, connections=1, records=20, extras=False, platforms=SHOPIFY)


def test_every_record_comes_once_and_the_bookmark_moves(shop: Stage) -> None:
    engine = Engine(shop.running, *ALL)
    run = engine.run(page_size=7)
    connection = shop.world.connections()[0]
    for name, sink in engine.sinks.items():
        held = [r for key, r in shop.held(sink.data_set.data_type).items()]
        ids = {"companyId": connection.company_id, "connectionId": connection.id}
        assert len(sink.records) == len(held), name
        assert all(r.items() >= ids.items() for r in sink.records)
        came = {r.get("id"): same_form(as_text(r))["modifiedDate"] for r in sink.records if "modifiedDate" in r}
        assert came.items() <= {r.get("id"): same_form(r)["modifiedDate"] for r in held}.items(), name
        assert sink.bookmarks[connection.id].sync_id
    assert run.summary.outcomes == {"read": 4}


def test_what_is_unchanged_is_not_asked_for_again(shop: Stage) -> None:
    engine = Engine(shop.running, *ALL)
    engine.run()
    engine.asked()
    assert engine.run().summary.outcomes == {"unchanged": 4}
    assert engine.asked() == ["companies", "dataStatus"]


def test_an_unfinished_read_is_gone_on_from(shop: Stage) -> None:
    engine = Engine(shop.running, "orders")
    shop.gate.faults.append(Fault(path="commerce-orders", page=4, times=0))
    assert list(engine.run(page_size=5).summary.failed)
    connection = shop.world.connections()[0]
    assert not engine.sinks["orders"].bookmarks
    assert engine.sinks["orders"].begun[connection.id].page == 3
    shop.gate.faults.clear()
    engine.run(page_size=5)
    assert {r["id"] for r in engine.sinks["orders"].records} == {key[2] for key in shop.held("commerce-orders")}
    assert engine.sinks["orders"].bookmarks[connection.id].sync_id


def test_a_sink_that_stops_leaves_no_bookmark(shop: Stage) -> None:
    """As a signal does: at the second page."""
    engine = Engine(shop.running, "orders")
    sink, pages = engine.sinks["orders"], []

    def stop() -> None:
        pages.append(len(sink.records))
        if len(pages) == 2:
            raise SystemExit(143)

    sink.after_page = stop
    with pytest.raises(SystemExit):
        engine.run(page_size=5)
    assert not sink.bookmarks


def test_a_refused_data_set_is_counted_and_the_rest_is_read(shop: Stage) -> None:
    shop.gate.faults.append(Fault(path="commerce-orders", status=409, times=0))
    engine = Engine(shop.running, *ALL)
    run = engine.run()
    assert run.summary.outcomes == {"read": 3, "not ready": 1}
    assert not engine.sinks["orders"].bookmarks
