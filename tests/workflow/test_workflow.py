"""`codat-commerce` as a process: in a pipe, on a terminal, with --json; and what it says when something goes wrong."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import warm
from codat_mock.faults import Fault
from codat_mock.merchants import COMMERCE_TYPES
from codat_mock.platforms import BY_KEY
from conftest import API_KEY, Meanwhile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Stage

EVERY = len(COMMERCE_TYPES)
COMMAND = [sys.executable, "-m", "tap_codat_commerce.workflow.cli"]
LONG_NAME = "The Old Bakery & Coffee Roasting Company of Little Snoring, Est. 1887"


@dataclass
class Done:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON that it printed."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """The rows that it printed, the head left out."""
        return [line.split("\t") for line in self.out.splitlines()[1:]]


class Desk:
    """The command, for one stand-in."""

    def __init__(self, shops: Stage) -> None:
        self.shops, self.world, self.gate = shops, shops.world, shops.gate
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TAP_CODAT_COMMERCE_")}
        self.env = {**kept, "TAP_CODAT_COMMERCE_API_KEY": API_KEY, "TAP_CODAT_COMMERCE_API_URL": shops.url}

    def __call__(self, *arguments: str, env: dict[str, str] | None = None) -> Done:
        """Run it in a pipe."""
        return Done(*warm.run("workflow", list(arguments), {**self.env, **(env or {})}, self.shops.folder))

    def on_a_terminal(self, *arguments: str, columns: int = 100, encoding: str = "utf-8") -> Done:
        """Run it on a terminal; what a screen of it would show last comes out, both streams together."""
        ours, theirs = pty.openpty()
        env = {**self.env, "COLUMNS": str(columns), "TERM": "xterm"}
        process = subprocess.Popen([*COMMAND, *arguments], stdout=theirs, stderr=theirs, stdin=theirs, env=env)
        os.close(theirs)
        text = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            text += piece
        os.close(ours)
        screen = re.split(r"\x1b\[2J", text.decode(encoding))[-1]
        return Done(process.wait(30), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen).replace("\r\n", "\n"), "")

    def link(self, *arguments: str) -> str:
        """Make a company, or what else is asked for, and return the link."""
        return str(self("connect", *arguments, "--json").json["link"])


@pytest.fixture
def desk(stage: Callable[..., Stage]) -> Desk:
    """Return the command for an account without companies."""
    return Desk(stage(companies=0))


ODD: dict[str, tuple[str, Any]] = {
    "a status that is a list": ("currentStatus", ["Complete"]),
    "a platform that is an object": ("platformName", {"a": 1}),
    "a link that is an object": ("linkUrl", {"a": 1.5}),
    "a name that is a list": ("name", [1]),
    "hours with a fraction of nothing": ("syncSchedule", 24.0),
    "a switch that is a text": ("fetchOnFirstLink", "yes"),
    "an id that is a number": ("id", 7),
    "a description that is a number": ("statusDescription", 1.5),
}


COMMANDS = [
    ("status", "--links", "--details"),
    ("status", "--links", "--json"),
    ("refresh", "-t", "orders", "--no-wait"),
    ("enable",),
]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_value_of_another_type_is_no_defect(stage: Callable[..., Stage], command: tuple[str, ...], odd: str) -> None:
    """The command does its work, or ends with one line about Codat's answer."""
    desk = Desk(stage(companies=2, connections=2, records=1))
    connection = desk.world.connections()[0]
    connection.status = "Deauthorized"
    name, value = ODD[odd]
    body = json.dumps(value)
    desk.gate.faults.append(Fault("spoil", find=rf'"{name}": ("[^"]*"|[\w.]+)', body=f'"{name}": {body}', times=0))
    desk.gate.faults.append(
        Fault("spoil", method="POST", find=rf'"{name}": ("[^"]*"|[\w.]+)', body=f'"{name}": {body}', times=0)
    )
    done = desk(*command)
    assert done.code in {0, 1}
    assert "defect" not in done.err
    assert "Traceback" not in done.err


def test_an_argument_that_is_no_text(desk: Desk) -> None:
    assert_one_line(desk("connect", "\udce9bc", "--platform", "shopify"), "what was given holds bytes that are no text")


def test_what_is_no_link_is_printed_as_none(desk: Desk) -> None:
    desk.gate.faults.append(
        Fault("spoil", "/connections$", "POST", find='"linkUrl": "[^"]*"', body='"linkUrl": "javascript:alert(1)"')
    )
    assert desk("connect", "A", "--platform", "shopify", "--json").json["link"] == ""


def test_settings_tell_what_the_tap_would_not_use(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"api_key": API_KEY, "stream_maps": {"orders": {"country": "__NULL__"}}}))
    desk.env["TAP_CODAT_COMMERCE_STREAM_MAPS"] = '{"customers": {"phone": "__NULL__"}}'
    done = desk("--config", str(file), "settings")
    assert done.code == 0
    assert "For the tap: TAP_CODAT_COMMERCE_STREAM_MAPS is not used, as --config names a file" in done.err
    desk.env["TAP_CODAT_COMMERCE_STREAM_MAPS"] = '{"custmers": {"phone": "__NULL__"}}'
    assert_one_line(desk("settings"), "there is no stream 'custmers' (did you mean customers?)")
    desk.env["TAP_CODAT_COMMERCE_STREAM_MAPS"] = '{"orders": {"id": "__NULL__"}}'
    assert_one_line(desk("settings"), "Error: stream_maps: orders: Removing key property 'id' is not permitted")
    del desk.env["TAP_CODAT_COMMERCE_STREAM_MAPS"]
    desk.env["TAP_CODAT_COMMERCE_PAGESIZE"] = "100"
    done = desk("settings")
    assert_one_line(done, "TAP_CODAT_COMMERCE_PAGESIZE: there is no such setting (did you mean page_size?)")
    assert "page_size\t1000\tdefault\n" in done.out, "the others are shown"


def test_a_name_forges_no_line(desk: Desk) -> None:
    desk.gate.faults.append(
        Fault(
            "spoil",
            "/companies$",
            "POST",
            find='"name": "[^"]*"',
            body=r'"name": "A\nlink:          http://evil.example"',
        )
    )
    done = desk("connect", "A", "--platform", "shopify", "--again")
    assert [line.split(":")[0] for line in done.out.splitlines()] == [
        *("company", "company id", "platform", "connection id", "status", "link"),
    ]


def assert_one_line(done: Done, *parts: str) -> None:
    """Check that it failed with one line on stderr that holds the parts."""
    assert done.code == 1, done
    lines = [line for line in done.err.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, done.err
    for part in parts:
        assert part in lines[0]
    assert "Traceback" not in done.err
    assert API_KEY not in done.out + done.err


def authorize(link: str) -> None:
    """Press the button of a link's page."""
    with urllib.request.urlopen(urllib.request.Request(link, b"", method="POST")):
        pass


class TestEnable:
    """The sync settings."""

    def test_turns_on_the_commerce_types_and_nothing_else(self, desk: Desk) -> None:
        before = [dict(s) for s in desk.world.settings]
        done = desk("enable", "--schedule", "24")
        assert (done.code, done.err) == (0, f"{EVERY} settings were changed.\n")
        assert [r[1:3] for r in done.rows] == [["off → on", "never → every 24 h"]] * EVERY
        for old, new in zip(before, desk.world.settings, strict=True):
            commerce = old["dataType"] in COMMERCE_TYPES
            assert new == {**old, **({"fetchOnFirstLink": True, "syncSchedule": 24} if commerce else {})}

    def test_without_a_schedule_it_says_that_shops_are_fetched_once(self, desk: Desk) -> None:
        once = f"{EVERY} data types are fetched once, when a shop is linked. With --schedule 24: again each day.\n"
        assert desk("enable").err == f"{EVERY} settings were changed.\n{once}"

    def test_asked_twice_it_changes_nothing_the_second_time(self, desk: Desk) -> None:
        desk("enable", "--schedule", "24")
        desk.shops.requests()
        again = desk("enable")
        assert again.err == "Nothing to change.\n"
        assert [r[1:] for r in again.rows] == [["on", "every 24 h", "as it was"]] * EVERY
        assert [(a.method, a.path) for a in desk.gate.asked] == [("GET", "/profile/syncSettings")]

    def test_a_dry_run_changes_nothing(self, desk: Desk) -> None:
        done = desk("enable", "--dry-run", "--json")
        assert (len(done.json["changed"]), done.json["dryRun"]) == (EVERY, True)
        assert {a.method for a in desk.gate.asked} == {"GET"}
        assert not any(s["fetchOnFirstLink"] for s in desk.world.settings)

    def test_of_one_company(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=2))
        one, other = desk.world.companies.values()
        assert desk("enable", "--company", one.name.upper()).code == 0
        assert one.settings
        assert sum(s["fetchOnFirstLink"] for s in one.settings) == EVERY
        assert other.settings is None
        assert not any(s["fetchOnFirstLink"] for s in desk.world.settings)

    def test_a_locked_one_is_reported_and_not_forced(self, desk: Desk) -> None:
        locked = next(s for s in desk.world.settings if s["dataType"] == "commerce-orders")
        locked["isLocked"] = True
        done = desk("enable")
        assert_one_line(done, "1 settings are locked", "commerce-orders", "Ask Codat to unlock")
        assert ["orders", "off → on", "never", "locked, left as it is"] in done.rows
        on = {s["dataType"] for s in desk.world.settings if s["fetchOnFirstLink"]}
        assert on == set(COMMERCE_TYPES) - {"commerce-orders"}

    def test_one_that_codat_does_not_keep_is_told(self, desk: Desk) -> None:
        desk.gate.faults.append(
            Fault("json", "/profile/syncSettings", times=0, body=json.dumps({"clientId": desk.world.client_id}))
        )
        desk.world.settings = [s for s in desk.world.settings if s["dataType"] in COMMERCE_TYPES]
        assert_one_line(desk("enable"), "Codat took the settings, but did not change commerce-companyInfo")


class TestConnect:
    """Companies and connections."""

    @pytest.mark.parametrize("platform", ["ltpp", "WooCommerce", "woo commerce", "WOOCOMMERCE"])
    def test_makes_both_and_prints_the_link(self, desk: Desk, platform: str) -> None:
        done = desk("connect", "O'Neill Bakery", "--platform", platform)
        company = next(iter(desk.world.companies.values()))
        connection = next(iter(company.connections.values()))
        assert (company.name, connection.platform.key, connection.status) == ("O'Neill Bakery", "ltpp", "PendingAuth")
        for text in (company.id, connection.id, f"/link/company/{company.id}/connection/{connection.id}"):
            assert text in done.out
        assert done.code == 0

    def test_to_an_existing_company(self, desk: Desk) -> None:
        first = desk("connect", "Bakery", "--platform", "ltpp", "--description", "ours: 7", "--json").json
        second = desk("connect", "--company", "bakery", "--platform", "shopify", "--json").json
        company = desk.world.companies[first["companyId"]]
        assert second["companyId"] == company.id
        assert list(company.connections) == [first["connectionId"], second["connectionId"]]
        assert company.description == "ours: 7"

    def test_tells_that_a_product_may_be_missing(self, desk: Desk) -> None:
        assert "product" not in desk("connect", "Bakery", "--platform", "aiwb").err
        desk.world.products = set()
        done = desk("connect", "Tea", "--platform", "Commerce Sandbox")
        assert "Codat lists no product for this company" in done.err
        assert "link:" in done.out

    def test_a_name_that_is_not_kept_whole_is_known_again(self, desk: Desk) -> None:
        assert desk("connect", "Кафе 7", "--platform", "ltpp").code == 0
        assert_one_line(desk("connect", " Кафе 7 ", "--platform", "ltpp"), "exists already")
        assert desk("connect", "Бар 7", "--platform", "ltpp").code == 0, "Codat keeps '7' of both"
        assert desk("status", "Кафе 7", "--json").json[0]["company"].strip() == "7"

    def test_warns_of_what_codat_takes_out(self, desk: Desk) -> None:
        done = desk("connect", "Zoë's (1)", "--platform", "ltpp", "--json")
        assert done.err.splitlines()[0] == (
            """Warning: of the name "Zoë's (1)" Codat keeps \"Zo's 1\". The whole name is its description."""
        )
        assert done.json["company"] == "Zo's 1"
        assert next(iter(desk.world.companies.values())).description == "Zoë's (1)"
        assert_one_line(desk("connect", "Zoë's (1)", "--platform", "ltpp"), "exists already")

    def test_a_name_in_other_letters_is_not_lost(self, desk: Desk) -> None:
        done = desk("connect", "日本茶", "--platform", "ltpp", "--json")
        assert done.json["company"] == "日本茶"
        assert desk("status").rows[0][0] == "日本茶"
        assert desk("status", "日本茶", "--json").json[0]["companyId"] == done.json["companyId"]
        assert_one_line(desk("connect", "日本茶", "--platform", "ltpp"), "exists already", done.json["companyId"])
        assert desk("connect", "緑茶", "--platform", "ltpp").code == 0

    def test_a_name_that_exists_is_refused_without_again(self, desk: Desk) -> None:
        first = desk("connect", "Bakery", "--platform", "ltpp", "--json").json["companyId"]
        hint = f"codat-commerce connect --company {first} --platform fztf"
        assert_one_line(desk("connect", " bakery ", "--platform", "Shopify"), "exists already", hint, "--again")
        assert len(desk.world.companies) == 1
        assert desk("connect", "Bakery", "--platform", "ltpp", "--again").code == 0
        assert len(desk.world.companies) == 2

    @pytest.mark.parametrize(
        ("platform", "parts"),
        [
            ("woocomerce", ["did you mean WooCommerce (ltpp)"]),
            ("lttp", ["did you mean WooCommerce (ltpp)"]),
            ("zzzzzzzzz", ["there are BigCommerce (vqzp), Commerce Sandbox (aiwb), Shopify (fztf)"]),
            ("Xero", ["is of the type Accounting"]),
        ],
    )
    def test_a_platform_that_is_none(self, desk: Desk, platform: str, parts: list[str]) -> None:
        assert_one_line(desk("connect", "Bakery", "--platform", platform), *parts)
        assert not desk.world.companies

    @pytest.mark.parametrize("arguments", [[], ["  "], [""], ["Bakery", "--company", "Bakery"], ["", "--company", "B"]])
    def test_a_name_or_a_company(self, desk: Desk, arguments: list[str]) -> None:
        needed = ("give the NAME of a new company", "`codat-commerce connect NAME --platform KEY_OR_NAME`")
        assert_one_line(desk("connect", *arguments, "--platform", "ltpp"), *needed)
        assert_one_line(desk("connect", *arguments), *needed)
        assert not desk.gate.asked

    def test_a_failure_after_the_company_was_made_names_it(self, desk: Desk) -> None:
        desk.gate.faults.append(Fault(path="/connections$", method="POST", status=402))
        done = desk("connect", "Bakery", "--platform", "ltpp")
        company = next(iter(desk.world.companies.values()))
        command = f"codat-commerce connect --company {company.id} --platform ltpp"
        assert_one_line(done, "answered 402", f"The company was made, with the id {company.id}", command)
        assert desk(*command.split()[1:]).code == 0
        assert len(desk.world.companies) == 1

    def test_a_connection_that_may_have_been_made_is_looked_for_first(self, desk: Desk) -> None:
        desk.gate.faults.append(Fault("cut", path="/connections$", method="POST"))
        done = desk("connect", "Bakery", "--platform", "ltpp")
        (company,) = desk.world.companies
        assert_one_line(
            done, f"made all the same: look with `codat-commerce status {company}`; if it is not there, add it"
        )
        desk.gate.faults.append(Fault("cut", path="/connections$", method="POST"))
        assert_one_line(desk("connect", "--company", company, "--platform", "ltpp"), "may have been made all the same")

    @pytest.mark.parametrize("kind", ["reset", "cut"])
    def test_a_company_is_never_made_twice(self, desk: Desk, kind: Any) -> None:
        desk.gate.faults.append(Fault(kind, path="/companies$", method="POST", times=0))
        done = desk("connect", "Bakery", "--platform", "ltpp")
        assert_one_line(done, "The company may have been made all the same", "codat-commerce status 'Bakery'")
        assert sum(a.method == "POST" for a in desk.gate.asked) <= 1

    def test_too_many_requests_are_tried_again(self, desk: Desk) -> None:
        desk.gate.faults.append(Fault(path="/companies$", method="POST", status=429, headers={"Retry-After": "0"}))
        assert desk("connect", "Bakery", "--platform", "ltpp").code == 0
        assert len(desk.world.companies) == 1


class TestStatus:
    """Where things stand."""

    def test_exit_code_and_rows(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, connections=1))
        company = next(iter(desk.world.companies.values()))
        assert [r[:2] + r[3:] for r in desk("status").rows] == [[company.name, f"{EVERY} of {EVERY}", "-"]]
        done = desk("status", "--details")
        assert done.code == 0
        assert len(done.rows) == EVERY
        assert {(r[0], r[1], r[2], r[4]) for r in done.rows} == {(company.name, "Shopify", "Linked", "Complete")}
        desk.world.set_status(company.id, "commerce-orders", "Fetching", after_good=True)
        done = desk("status", "--not-ready")
        assert [(r[0], r[1], r[3]) for r in done.rows] == [
            (company.name, f"{EVERY - 1} of {EVERY}", "Fetching: orders")
        ]
        done = desk("status", "--not-ready", "--details")
        assert done.code == 1
        assert [r[3:5] for r in done.rows] == [["orders", "Fetching"]]
        assert f"{EVERY - 1} of {EVERY} are ready" in done.err
        assert desk("status", "-t", "products", "-t", "commerce-payments").code == 0

    def test_the_link_where_somebody_has_to_authorise(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, connections=1))
        company = next(iter(desk.world.companies.values()))
        connection = next(iter(company.connections.values()))
        desk.world.set_status(company.id, "commerce-orders", "AuthError", after_good=True)
        waiting = desk.world.connect(company.id, "ltpp")
        done = desk("status")
        assert "Merchants have to authorise: 2. `codat-commerce status --links` shows how." in done.err
        assert "/link/" not in done.out + done.err + desk("status", "--json").out
        done = desk("status", "--links", "--details")
        assert done.code == 1
        for one in (connection, waiting):
            link = f"{desk.shops.url}/link/company/{company.id}/connection/{one.id}"
            assert re.search(rf"to authorise, open\n{link}\?otp=\w+\n", done.err)
        assert [r for r in done.rows if r[2] == "PendingAuth"] == [
            [company.name, "WooCommerce", "PendingAuth", "-", "-", "-"]
        ]
        found = desk("status", "--links", "--json").json
        assert [e["status"] for e in found if e["link"] and e["dataType"]] == ["AuthError"]
        assert all(e["ready"] for e in found if not e["link"])

    def test_no_company_is_not_ready(self, desk: Desk) -> None:
        assert_one_line(
            desk("status"), "There is no company yet. `codat-commerce connect NAME --platform KEY` makes one."
        )
        nobody = {"TAP_CODAT_COMMERCE_COMPANY_QUERY": "name = Nobody"}
        assert_one_line(desk("status", env=nobody), "company_query: no company matches.")

    @pytest.mark.parametrize(
        "fault",
        [
            {"status": 500},
            {"status": 404},
            {"kind": "garbage"},
            {"kind": "spoil", "find": r'(?<="commerce-orders": )\{', "body": '{"currentStatus": 7, "x": '},
        ],
        ids=["500", "404", "no JSON", "an entry"],
    )
    def test_one_company_in_trouble_hides_no_other(self, stage: Callable[..., Stage], fault: dict[str, Any]) -> None:
        desk = Desk(stage(companies=3, connections=1, extras=False))
        bad, *others = desk.world.companies.values()
        desk.gate.faults.append(Fault(path=f"{bad.id}/dataStatus", times=0, **fault))
        done = desk("status", env={"TAP_CODAT_COMMERCE_MAX_RETRIES": "0"})
        assert done.code == 1
        assert [row[1] for row in done.rows if row[0] in {c.name for c in others}] == [f"{EVERY} of {EVERY}"] * 2
        assert "unknown" in next(row[3] for row in done.rows if row[0] == bad.name)
        assert "Traceback" not in done.err
        assert "Codat" in done.err

    def test_a_name_makes_no_cells(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, connections=1, extras=False))
        next(iter(desk.world.companies.values())).name = "Evil\tTab\nnew line"
        assert desk("status").rows[0][0] == "Evil Tab new line"
        assert len(desk("status").rows) == 1

    def test_some_companies_only(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=3, connections=1, extras=False))
        one, other, _ = desk.world.companies.values()
        assert {r[0] for r in desk("status", one.id, other.name).rows} == {one.name, other.name}
        desk.shops.requests()
        desk("status", one.id)
        assert len(desk.shops.requests()) == 2
        desk.world.companies_refuse = {"query"}
        assert {r[0] for r in desk("status", one.id).rows} == {one.name}
        desk.world.companies_refuse = set()
        other.name = one.name
        assert_one_line(desk("status", one.name), "there are 2 of that name", one.id, other.id)
        assert_one_line(desk("status", one.name[:-1] + "x"), f"did you mean {one.name}?")
        assert_one_line(desk("status", "c0ffee00-0000-4000-8000-000000000000"), "there is none of that id")

    def test_watching_in_a_pipe_shows_what_changes(self, desk: Desk) -> None:
        desk("enable")
        desk.world.sync_seconds = 6.0
        authorize(desk.link("Bakery", "--platform", "shopify"))
        done = desk("status", "--watch", "--interval", "0.2", "-t", "orders")
        assert done.code == 0
        changes = [line.split("\t")[-1] for line in done.out.splitlines()]
        assert changes[-1].endswith(" -> Complete")
        assert len(changes) > 2

    def test_watching_asks_seldom_and_not_about_what_waits_for_a_person(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=6, connections=1, records=1, extras=False))
        first, second, *_ = desk.world.connections()
        first.status, second.status = "PendingAuth", "Deauthorized"
        done = desk("status", "--watch", "--interval", "0.1", "--timeout", "4")
        assert_one_line(done, "not all was ready within 4 seconds")
        assert "Merchants have to authorise: 2." in done.err
        asked = Counter(a.path.rpartition("/")[2] for a in desk.gate.asked)
        assert asked["companies"] < 12, "the pauses grow"
        assert asked["dataStatus"] == 5, "once each, of those with data"

    def test_what_was_authorised_meanwhile_is_asked_about(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=2, connections=1, records=1, extras=False))
        (connection, *_) = desk.world.connections()
        connection.status = "PendingAuth"

        def link() -> None:
            connection.status = "Linked"

        desk.gate.faults.append(Meanwhile(link, path="/companies$", skip=2))
        assert desk("status", "--watch", "--interval", "0.1", "--timeout", "20").code == 0

    def test_a_status_that_is_behind_when_a_merchant_has_authorised_is_asked_for_again(
        self, stage: Callable[..., Stage]
    ) -> None:
        desk = Desk(stage(companies=2, connections=1, records=1, extras=False))
        company, desk.world.last_sync_moves = next(iter(desk.world.companies)), "never"
        desk.world.set_status(company, "commerce-orders", "AuthError", after_good=True)
        shows = partial(desk.world.set_status, company, "commerce-orders", "Complete", after_good=True)
        desk.gate.faults.append(Meanwhile(shows, path=f"{company}/dataStatus", skip=2))
        assert desk("status", "--watch", "--interval", "0.1", "--timeout", "20").code == 0
        asked = Counter(a.path for a in desk.gate.asked if a.path.endswith("dataStatus"))
        assert sorted(asked.values()) == [1, 3]

    def test_in_json_what_is_not_known_is_told(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=2, connections=1, records=1, extras=False))
        company = next(iter(desk.world.companies))
        desk.gate.faults.append(Fault(path=f"{company}/dataStatus", status=403, times=0))
        done = desk("status", "--json")
        assert done.code == 1
        assert {e["companyId"] for e in done.json if "403" in e.get("trouble", "")} == {company}
        assert "answered 403" in done.err

    def test_watching_where_there_is_nothing_yet_says_so_at_once(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=0))
        done = desk("status", "--watch", "--interval", "0.1", "--timeout", "1")
        assert [line.partition(".")[0] for line in done.err.splitlines()] == [
            "There is no company yet",
            "Error: There is no company yet",
        ]

    def test_watching_gives_up(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, connections=1))
        desk.world.set_status(next(iter(desk.world.companies)), "commerce-orders", "Mapping", after_good=True)
        done = desk("status", "--watch", "--interval", "0.2", "--timeout", "0.5")
        assert_one_line(done, "not all was ready within 0.5 seconds")

    def test_on_a_terminal_it_fits(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=2, connections=2))
        company = next(iter(desk.world.companies.values()))
        company.name = LONG_NAME
        desk.world.set_status(company.id, "commerce-productCategories", "PrerequisiteNotMet", after_good=True)
        for columns in (100, 80, 200):
            lines = desk.on_a_terminal("status", "--details", columns=columns).out.splitlines()
            table = lines[: 1 + 4 * EVERY]
            assert max(map(len, table)) <= min(columns, 100)
            if columns < 100:
                continue
            assert any("PrerequisiteNotMet" in line and "productCategories" in line for line in table)
            assert any("The Old" in line and "…" in line for line in table)

    @pytest.mark.parametrize("columns", [80, 100])
    def test_many_companies_are_a_line_each(self, stage: Callable[..., Stage], columns: int) -> None:
        desk = Desk(stage(companies=20, connections=2, records=1))
        company = next(iter(desk.world.companies.values()))
        company.name = LONG_NAME
        desk.world.set_status(company.id, "commerce-productCategories", "PrerequisiteNotMet", after_good=True)
        lines = desk.on_a_terminal("status", columns=columns).out.splitlines()
        assert len(lines) <= 1 + 20 + 2 + 2
        assert max(map(len, lines)) <= columns
        assert sum(f" of {2 * EVERY} " in line for line in lines) == 20
        assert "productCategories" in "".join(lines)
        links = desk.on_a_terminal("status", "--links", columns=columns).out.splitlines()
        assert sum(bool(re.fullmatch(r"http://\S+/link/company/\S+\?otp=\w+", line)) for line in links) == 7

    def test_watching_on_a_terminal_redraws(self, desk: Desk) -> None:
        desk("enable")
        desk.world.sync_seconds = 1.0
        authorize(desk.link("Bakery", "--platform", "shopify"))
        done = desk.on_a_terminal("status", "--watch", "--interval", "0.2", "--details")
        assert done.code == 0
        assert done.out.count("Complete") == EVERY
        assert done.out.rstrip().endswith(f"{EVERY} of {EVERY} are ready.")


class TestRefresh:
    """Queue, and wait."""

    def test_in_a_pipe(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=2, connections=2, extras=False))
        desk.world.sync_seconds = 0.5
        company = next(iter(desk.world.companies.values()))
        done = desk("refresh", company.name, "-t", "orders", "-t", "customers", "--interval", "0.2")
        assert done.code == 0, done.err
        assert done.err.splitlines()[0] == "4 of 4 syncs are queued or under way."
        assert sum(line.endswith(": Complete") for line in done.err.splitlines()) == 4
        queued = [a for a in desk.gate.asked if a.method == "POST"]
        assert {a.query["connectionId"] for a in queued} == set(company.connections)

    def test_many_are_queued_at_once(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=3, connections=2, extras=False))
        desk.gate.faults.append(Fault("slow", "/queue/", method="POST", seconds=0.3, times=0))
        assert desk("refresh", "-t", "orders", "-t", "customers", "--no-wait").code == 0
        assert len([a for a in desk.gate.asked if a.method == "POST"]) == 12
        assert desk.gate.most_in_flight > 4

    def test_of_one_connection_without_waiting(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, connections=2, extras=False))
        connection = desk.world.connections()[1]
        done = desk("refresh", "--connection", connection.id, "-t", "orders", "--no-wait", "--json")
        assert done.code == 0
        assert [(e["connectionId"], e["dataType"], e["status"]) for e in done.json] == [
            (connection.id, "commerce-orders", "Queued")
        ]

    def test_a_shop_whose_status_is_written_in_small_letters(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, connections=1))
        desk.gate.faults.append(Fault("spoil", "/companies$", find='(?<="status": )"Linked"', body='"linked"', times=0))
        done = desk("refresh", "-t", "orders", "--no-wait", "--json")
        assert (done.code, [e["status"] for e in done.json]) == (0, ["Queued"])

    @pytest.mark.parametrize("under_way", [False, True])
    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            (Fault("spoil", find=r'"results": \[', body='"results": [7, '), "/data/history lists a sync that can't"),
            (Fault(status=503), "answered 503"),
            (Fault(status=403), "answered 403"),
        ],
    )
    def test_a_history_that_cannot_be_read_is_named_and_the_others_are_waited_for(
        self, stage: Callable[..., Stage], fault: Fault, said: str, *, under_way: bool
    ) -> None:
        desk = Desk(stage(companies=3, connections=1))
        desk.world.sync_seconds = 0.5
        first, *others = desk.world.connections()
        if under_way:
            desk.world.begin(first.company_id, None, "commerce-orders", "Fetching")
        desk.gate.faults.append(replace(fault, path=f"{first.company_id}/data/history", times=0, seen=0))
        done = desk(
            "refresh", "-t", "orders", "--interval", "0.2", "--json", env={"TAP_CODAT_COMMERCE_MAX_RETRIES": "0"}
        )
        assert_one_line(done, "1 did not end well")
        assert [e["status"] for e in done.json if e["companyId"] != first.company_id] == ["Complete"] * len(others)
        (line,) = [line for line in done.err.splitlines() if "can't be watched" in line]
        assert said in line
        assert "`codat-commerce status` shows when they are ready." in line

    def test_one_that_another_shops_sync_keeps_from_being_queued_is_asked_for_again(
        self, stage: Callable[..., Stage]
    ) -> None:
        desk = Desk(stage(companies=1, connections=2, extras=False))
        desk.world.sync_seconds, desk.world.in_progress_of = 0.5, "company"
        done = desk("refresh", "-t", "orders", "--interval", "0.2", "--json")
        assert done.code == 0, done.err
        assert [e["status"] for e in done.json] == ["Complete", "Complete"]
        assert len({e["id"] for e in done.json}) == 2
        again = desk("refresh", "-t", "orders", "--no-wait")
        assert_one_line(again, "1 did not end well", "orders (not queued)")
        assert "orders: another sync of the company was under way." in again.err
        assert "1 of 2 syncs are queued or under way; kept back by other syncs: 1." in again.err

    def test_what_was_queued_before_a_refusal_of_all_is_named_and_waited_for(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=6, connections=1, platforms=(BY_KEY["fztf"],)))
        desk.world.sync_seconds = 0.5
        refused = desk.world.connections()[1].company_id
        desk.gate.faults.append(Fault(path=f"{refused}/data/queue", method="POST", status=402, times=0))
        done = desk("refresh", "--interval", "0.2", "--json")
        assert done.code == 1
        queued = [e for e in done.json if e["id"]]
        assert len(queued) == sum(a.method == "POST" and a.status == 200 for a in desk.gate.asked) >= EVERY
        assert {e["status"] for e in queued} == {"Complete"}
        notes = [e["note"] for e in done.json if not e["id"]]
        assert notes
        assert all("answered 402" in note or note == "was not asked for after that" for note in notes)

    @pytest.mark.parametrize("ends", ["before it shows", "after it shows"])
    def test_one_that_is_under_way_is_not_taken_for_an_older_one(self, stage: Callable[..., Stage], ends: str) -> None:
        """The history is behind: it does not show yet what keeps Codat from queueing another."""
        desk = Desk(stage(companies=1, connections=1))
        desk.world.lag = 2
        (operation,) = desk.world.begin(next(iter(desk.world.companies)), None, "commerce-orders", "Fetching")
        skip = 0 if ends == "before it shows" else 4
        desk.gate.faults.append(Meanwhile(partial(desk.world.finish, operation), path="data/history", skip=skip))
        done = desk("refresh", "-t", "orders", "--interval", "0.2", "--json")
        assert done.code == 0, done.err
        assert [e["status"] for e in done.json] == ["Complete"]
        if ends == "after it shows":
            assert done.json[0]["id"] == operation.id

    @pytest.mark.parametrize("refuses", ["query", "orderBy"])
    @pytest.mark.parametrize("under_way", [False, True])
    def test_a_history_that_does_not_take_all_parameters(
        self, stage: Callable[..., Stage], refuses: str, *, under_way: bool
    ) -> None:
        desk = Desk(stage(companies=1, connections=2, extras=False))
        desk.world.sync_seconds = 2.0 if under_way else 0.5
        desk.world.set_free({"historyRefuses": [refuses]})
        if under_way:
            desk.world.begin(next(iter(desk.world.companies)), None, "commerce-orders")
        done = desk("refresh", "-t", "orders", "--interval", "0.2", "--json")
        assert done.code == 0, done.err
        assert [e["status"] for e in done.json] == ["Complete", "Complete"]
        assert [e["connectionId"] for e in done.json] == [c.id for c in desk.world.connections()]
        asked = [a for a in desk.gate.asked if a.path.endswith("/history")]
        assert sum(a.status == 400 for a in asked) == (1 if refuses == "query" else 2)

    @pytest.mark.parametrize("status", [400, 409, 500])
    def test_what_is_under_way_is_waited_for(self, stage: Callable[..., Stage], status: int) -> None:
        desk = Desk(stage(companies=1, connections=1))
        desk.world.in_progress_status = status
        operation = desk.world.begin(next(iter(desk.world.companies)), None, "commerce-orders", "Fetching")[0]
        desk.gate.faults.append(Meanwhile(partial(desk.world.finish, operation), path="data/history", skip=2))
        done = desk("refresh", "-t", "orders", "--interval", "0.2", "--json")
        assert done.code == 0
        assert [(e["status"], e["note"]) for e in done.json] == [("Complete", "was under way already")]

    def test_why_one_is_paused_is_shown(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, connections=1))
        paused = "Paused until 2026-10-23T00:00:00Z"
        desk.world.begin(next(iter(desk.world.companies)), None, "commerce-orders", "Fetching", description=paused)
        wait = ("refresh", "-t", "orders", "-t", "customers", "--interval", "0.2", "--timeout", "0.5")
        done = desk(*wait, "--json")
        assert [e["statusDescription"] for e in done.json] == [paused, ""]
        assert f"orders: was under way already (Fetching, {paused})." in done.err
        assert_one_line(done, f"orders (Fetching, {paused})")
        assert f"Syncing, {paused}" in desk.on_a_terminal(*wait).out

    def test_one_that_fails(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, connections=1))
        desk.world.sync_seconds = 60.0
        company = next(iter(desk.world.companies.values()))

        def fail() -> None:
            while not any(not o.good for o in company.operations):
                time.sleep(0.02)
            operation = company.operations[-1]
            operation.status, operation.ends = "AuthError", None

        threading.Thread(target=fail, daemon=True).start()
        done = desk("refresh", "-t", "orders", "--interval", "0.2")
        assert_one_line(done, "1 did not end well", "orders (AuthError)")
        assert "codat-commerce status --links" in done.err
        assert "/link/" not in done.err

    def test_what_could_not_be_queued_is_tried_again(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, connections=1))
        desk.world.sync_seconds = 0.2
        desk.gate.faults.append(Fault(path="/queue/", method="POST", status=500))
        assert desk("refresh", "-t", "orders", "--interval", "0.2").code == 0

    def test_looks_a_last_time_before_it_gives_up(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, connections=1))
        desk.world.sync_seconds = 0.2
        assert desk("refresh", "-t", "orders", "--interval", "5", "--timeout", "0.6").code == 0

    def test_gives_up(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, connections=1))
        desk.world.sync_seconds = 60.0
        done = desk("refresh", "-t", "orders", "--interval", "0.2", "--timeout", "0.5")
        assert_one_line(done, "1 did not end well", "orders (Queued)")

    def test_what_the_platform_lacks_is_no_failure(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, connections=1))
        connection = desk.world.connections()[0]
        object.__setattr__(connection, "platform", desk.world.connect(connection.company_id, "exgd").platform)
        desk.world.sync_seconds = 0.2
        done = desk("refresh", "-t", "locations", "-t", "orders", "--interval", "0.2")
        assert done.code == 0, done.err
        assert "1 of 1 syncs are queued or under way; not offered by the platform: 1." in done.err
        assert ".." not in done.err

    def test_on_a_terminal_there_is_a_bar(self, stage: Callable[..., Stage]) -> None:
        desk = Desk(stage(companies=1, connections=1))
        desk.world.sync_seconds = 0.8
        done = desk.on_a_terminal("refresh", "-t", "orders", "--interval", "0.2")
        assert done.code == 0
        assert "Syncing" in done.out
        assert "100%" in done.out

    def test_nothing_to_refresh(self, desk: Desk) -> None:
        desk("connect", "Bakery", "--platform", "ltpp")
        assert_one_line(desk("refresh"), "there is no linked connection to sync")

    def test_no_such_data_type(self, desk: Desk) -> None:
        assert_one_line(desk("refresh", "-t", "ordrs"), "'ordrs' is no commerce data type; did you mean orders?")


class TestErrors:
    """One line each, whatever the command."""

    COMMANDS = (["enable"], ["connect", "Bakery", "--platform", "ltpp"], ["status"], ["refresh"])

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
    def test_wrong_key(self, desk: Desk, command: list[str]) -> None:
        done = desk(*command, env={"TAP_CODAT_COMMERCE_API_KEY": "a-wrong-key"})
        assert_one_line(done, "answered 401", "correlation id", "Set api_key to a valid key")
        assert "a-wrong-key" not in done.err

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
    def test_no_network(self, desk: Desk, command: list[str]) -> None:
        env = {"TAP_CODAT_COMMERCE_API_URL": "http://127.0.0.1:1", "TAP_CODAT_COMMERCE_MAX_RETRIES": "0"}
        assert_one_line(desk(*command, env=env), "Connection refused", "Check api_url")

    def test_no_key(self, desk: Desk) -> None:
        del desk.env["TAP_CODAT_COMMERCE_API_KEY"]
        assert_one_line(desk("status"), "api_key: is required", "TAP_CODAT_COMMERCE_API_KEY", "--config")

    def test_settings_come_from_a_file_the_environment_and_dotenv(self, desk: Desk, tmp_path: Path) -> None:
        del desk.env["TAP_CODAT_COMMERCE_API_KEY"]
        file = tmp_path / "mine.json"
        file.write_text(json.dumps({"api_key": API_KEY, "api_url": "http://127.0.0.1:1", "max_retries": 0}))
        assert desk("--config", str(file), "enable").code == 0, "the environment has the right api_url, and goes first"
        (desk.shops.folder / ".env").write_text(f"TAP_CODAT_COMMERCE_API_KEY={API_KEY}\n")
        assert desk("enable").code == 0

    def test_a_bad_setting(self, desk: Desk, tmp_path: Path) -> None:
        file = tmp_path / "mine.json"
        file.write_text('{"pagesize": 7}')
        assert_one_line(
            desk("--config", str(file), "status"), "pagesize: there is no such setting (did you mean page_size?)"
        )
        file.write_text("[]")
        assert_one_line(desk("--config", str(file), "status"), "holds a list. It has to be a file with a JSON object.")

    def test_help_needs_no_key(self, desk: Desk) -> None:
        del desk.env["TAP_CODAT_COMMERCE_API_KEY"]
        for command in ("enable", "connect", "status", "refresh", "check", "settings"):
            assert desk(command, "--help").code == 0


class TestSettings:
    """What is in force, and where it comes from."""

    def test_of_a_file_the_environment_and_dotenv(self, desk: Desk, tmp_path: Path) -> None:
        file = tmp_path / "mine.json"
        file.write_text('{"page_size": 7, "start_date": "2020-01-01", "stream_maps": {"orders": {"salt": "5150"}}}')
        (desk.shops.folder / ".env").write_text("TAP_CODAT_COMMERCE_SHARD_COUNT=3\nTAP_CODAT_COMMERCE_PAGE_SIZE=9\n")
        desk.env["TAP_CODAT_COMMERCE_PAGE_SIZE"] = "8"
        done = desk("--config", str(file), "settings")
        assert done.code == 0
        assert API_KEY not in done.out
        assert "5150" not in done.out
        head, *lines = (line.split("\t") for line in done.out.splitlines())
        assert head == ["setting", "value", "where it comes from"]
        found = {name: (value, origin) for name, value, origin in lines}
        assert found["api_key"] == ("set, not shown", "TAP_CODAT_COMMERCE_API_KEY")
        assert found["page_size"] == ("8", "TAP_CODAT_COMMERCE_PAGE_SIZE")
        assert found["start_date"] == ("2020-01-01", str(file))
        assert found["shard_count"] == ("3", "TAP_CODAT_COMMERCE_SHARD_COUNT in .env")
        assert found["stream_maps"] == ("an object of orders", str(file))
        assert found["sync_wait"] == ("300", "default")
        assert "company_ids" not in found
        listed = desk("--config", str(file), "settings", "--json").json
        assert {"setting": "page_size", "value": 8, "origin": "TAP_CODAT_COMMERCE_PAGE_SIZE"} in listed

    def test_what_is_bad_is_said_beside_the_others(self, desk: Desk) -> None:
        desk.env["TAP_CODAT_COMMERCE_START_DATE"] = "yesterday"
        done = desk("settings")
        assert done.code == 1
        assert "start_date\tyesterday\tTAP_CODAT_COMMERCE_START_DATE" in done.out
        assert "Error: start_date: is no date" in done.err

    def test_commands_check_what_they_use(self, desk: Desk) -> None:
        """Meltano hands objects over to them with dotted names, and as variables."""
        desk.env["TAP_CODAT_COMMERCE_STREAM_MAPS"] = '{"customers.phone": "__NULL__"}'
        desk.env["TAP_CODAT_COMMERCE_STREAM_MAPS_CUSTOMERS_PHONE"] = "__NULL__"
        desk.env["TAP_CODAT_COMMERCE_BATCH_CONFIG"] = '{"encoding.format": "jsonl"}'
        assert desk("enable").code == 0


class TestOutput:
    """What stdout may be."""

    @pytest.mark.parametrize("encoding", ["cp1252", "cp437"])
    def test_a_terminal_that_lacks_letters(self, stage: Callable[..., Stage], encoding: str) -> None:
        desk = Desk(stage(companies=1, connections=1))
        next(iter(desk.world.companies.values())).name = "Zoë → 日本 " + LONG_NAME
        desk.env["PYTHONIOENCODING"] = f"{encoding}:strict"
        done = desk.on_a_terminal("status", encoding=encoding)
        assert done.code == 0, done.out
        assert "Zoë ? ??" in done.out
        assert desk.on_a_terminal("enable", encoding=encoding).code == 0
        assert desk("status", "--json").json[0]["company"].startswith("Zoë → 日本")

    @pytest.mark.parametrize("command", [["status"], ["enable", "--json"], ["--help"]], ids=lambda c: c[0])
    @pytest.mark.parametrize(
        ("redirection", "line"),
        [
            (">&-", "stdout is closed: there is nowhere to write to"),
            (">/dev/full", "stdout can't be written: No space left on device."),
        ],
    )
    def test_that_cannot_be_written(
        self, stage: Callable[..., Stage], command: list[str], redirection: str, line: str
    ) -> None:
        desk = Desk(stage(companies=1, connections=1))
        shell = ["sh", "-c", f'"$@" {redirection}', "sh", *COMMAND, *command]
        done = subprocess.run(shell, capture_output=True, text=True, env=desk.env, check=False)
        assert_one_line(Done(done.returncode, done.stdout, done.stderr), line)
