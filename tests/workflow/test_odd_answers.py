"""What `codat-commerce` makes of answers that are odd."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from test_workflow import Desk

from codat_mock.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

NAME = "Bakery\x1b[2J\x9b1m \u202eevil\u2066"


@pytest.fixture
def desk(stage: Callable[..., Stage]) -> Desk:
    return Desk(stage(companies=1, connections=1))


def test_a_name_that_a_terminal_would_obey(desk: Desk) -> None:
    desk.gate.faults.append(Fault("spoil", "/companies$", find='(?<="name": )"[^"]*"', body=json.dumps(NAME), times=0))
    table = desk("status")
    assert r"Bakery\x1b[2J\x9b1m \u202eevil\u2066" in table.out
    for done in (table, desk("status", "--json"), desk("status", "none of that name")):
        assert not {"\x1b", "\x9b", "\u202e", "\u2066"} & {*done.out, *done.err}
    assert desk("status", "--json").json[0]["company"] == NAME


@pytest.mark.parametrize("answer", ["{}", "null", "[]", "", '{"id": 7}'])
@pytest.mark.parametrize("path", ["/companies$", "/connections$"])
def test_what_was_made_has_no_id(desk: Desk, path: str, answer: str) -> None:
    desk.gate.faults.append(Fault("json", path, "POST", body=answer))
    done = desk("connect", "Mill & Co", "--platform", "shopify")
    assert done.code == 1
    assert "Traceback" not in done.err
    assert "made" in done.err, "the company is there, or may be"


@pytest.mark.parametrize(
    "answer",
    [
        "[]",
        "null",
        "7",
        '"settings"',
        '{"settings": 7}',
        '{"settings": {"dataType": "commerce-orders"}}',
        '{"settings": [null]}',
        '{"settings": ["commerce-orders"]}',
        '{"settings": [{"dataType": ["commerce-orders"]}]}',
    ],
)
@pytest.mark.parametrize("company", [False, True])
def test_sync_settings_that_are_none(desk: Desk, answer: str, company: bool) -> None:  # noqa: FBT001 - a parameter
    desk.gate.faults.append(Fault("json", "/syncSettings$", body=answer, times=0))
    done = desk("enable", *(("--company", *desk.world.companies) if company else ()))
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(
        r"Error: GET \S+/syncSettings answered 200 with JSON of an unexpected form: .* Check that api_url.*\n", done.err
    )
    assert [a.method for a in desk.gate.asked if a.path.endswith("/syncSettings")] == ["GET"]


def test_sync_settings_that_change_their_form_while_they_are_written(desk: Desk) -> None:
    desk.gate.faults.append(Fault("json", "/syncSettings$", body="[]", skip=1, times=0))
    done = desk("enable")
    assert done.code == 1
    assert done.err.startswith("Error: GET /profile/syncSettings answered 200 with JSON of an unexpected form")


def test_platforms_without_end(desk: Desk) -> None:
    desk.gate.faults.append(
        Fault("json", "/integrations$", body='{"results": [{"key": "abcd"}], "totalResults": 1000000000}', times=0)
    )
    done = desk("connect", "Mill & Co", "--platform", "shopify")
    assert done.code == 1
    assert "page 2 of /integrations holds what the page before it held" in done.err
