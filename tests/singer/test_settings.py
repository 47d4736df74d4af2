"""Each setting does what it says; a bad value is refused by one line that names it, before any request."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.faults import Fault
from conftest import API_KEY, TAP, start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Stage

OURS = "TAP_CODAT_COMMERCE_"
GZIP = {"format": "jsonl", "compression": "gzip"}
BAD = [
    ({"api_key": None}, "api_key: "),
    ({"batch_config": {"storage": {"root": "file:///x"}}}, "batch_config: needs encoding.format"),
    ({"batch_config": {"encoding": GZIP}}, "batch_config: needs encoding.format (jsonl or parquet) and storage.root"),
    (
        {"batch_config": {"encoding": {"format": "jsonl"}, "storage": {"root": "file:///x"}}},
        "batch_config: with the format jsonl, encoding.compression has to be gzip",
    ),
    ({"batch_config": {"encoding": GZIP, "storage": {"root": "nowhere://x"}}}, "batch_config: storage.root: "),
    (
        {"batch_config": {"encoding": GZIP, "storage": {"root": "file://var/tmp"}}},
        "batch_config: storage.root: after file: there have to be three slashes",
    ),
    (
        {"batch_config": {"encoding": GZIP, "storage": {"root": "file:///x"}, "batch_size": 0}},
        "batch_config: batch_size has to be a number of records, at least 1",
    ),
    (
        {"batch_config": {"encoding": GZIP, "storage": {"root": "file:///x"}, "size": 1}},
        "batch_config: there is no size in it; there are batch_size, encoding, storage",
    ),
    (
        {"batch_config": {"encoding": GZIP, "storage": {"root": "file:///x", "roots": 1}}},
        "batch_config: there is no roots in storage; there are params, prefix, root",
    ),
    ({"api_key": ""}, "api_key: is empty"),
    ({"api_key": "   "}, "api_key: is empty"),
    ({"api_key": "two words"}, "api_key: holds blanks"),
    ({"api_key": "Basic "}, "api_key: holds"),
    ({"api_key": "Basic sécret!"}, "api_key: starts with 'Basic' but"),
    ({"api_key": 5150}, "api_key: must be a text, not a number"),
    ({"api_url": "http://api.codat.io"}, "api_url: is plain http"),
    ({"api_url": "http://127.0.0.1.example.com"}, "api_url: is plain http"),
    ({"api_url": "http://10.0.0.8"}, "api_url: is plain http"),
    ({"api_url": "api.codat.io"}, "api_url: is no URL"),
    ({"api_url": "https://user:pass@api.codat.io"}, "api_url: may hold only"),
    ({"api_url": "https://api.codat.io:port"}, "api_url: is no URL"),
    ({"start_date": "yesterday"}, "start_date: is no date"),
    ({"start_date": ""}, "start_date: is empty"),
    ({"start_date": "2206-01-31"}, "start_date: is in the future"),
    ({"request_timeout": 10**14}, "request_timeout: must be at most 86400"),
    ({"full_read_every_days": 10**10}, "full_read_every_days: must be at most 3650"),
    ({"sync_wait": 10**400}, "sync_wait: must be at most 604800"),
    ({"company_ids": ["8f1c7d1e"]}, "company_ids: item 1 is no UUID"),
    ({"company_ids": []}, "company_ids: is an empty list"),
    ({"company_ids": "all"}, "company_ids: must be a list, not a text"),
    ({"company_query": " "}, "company_query: is empty"),
    ({"company_query": "x" * 2048}, "company_query: has more than 2047 characters"),
    ({"integration_keys": ["Shopify"]}, "integration_keys: item 1 is no platform key"),
    ({"connection_statuses": ["linked"]}, "connection_statuses: item 1 is none of Linked, Deauthorized"),
    ({"connection_statuses": []}, "connection_statuses: is an empty list"),
    ({"page_size": 0}, "page_size: must be at least 1"),
    ({"page_size": 5001}, "page_size: must be at most 5000"),
    ({"page_size": "many 5150"}, "page_size: must be a whole number, not a text"),
    ({"page_size": {"api_key": "5150"}}, "page_size: must be a whole number, not an object"),
    ({"max_retries": [5150]}, "max_retries: must be a whole number, not a list"),
    ({"stream_maps": {"orders": 5150}}, "stream_maps.orders: is not of a form that is allowed there"),
    ({"request_timeout": 0}, "request_timeout: must be at least 1"),
    ({"max_retries": -1}, "max_retries: must be at least 0"),
    ({"max_retry_wait": -1}, "max_retry_wait: must be at least 0"),
    ({"skip_unchanged": "perhaps"}, "skip_unchanged: must be true or false, not a text"),
    ({"unknown_fields": "5150"}, "unknown_fields: must be one of drop, keep"),
    ({"stream_maps": {"__else__": "5150"}}, "stream_maps: __else__ may only be null"),
    ({"stream_maps": {"orders": {"__else__": "5150"}}}, "stream_maps: __else__ may only be null"),
    ({"flattening_enabled": True}, "flattening_max_depth: has to be at least 1, as flattening_enabled is true"),
    ({"flattening_enabled": True, "flattening_max_depth": -1}, "flattening_max_depth: has to be at least 1"),
    ({"stream_maps": {"customers": {}}}, "stream_maps: customers says nothing to do. Meltano drops null"),
    ({"pagesize": 10}, "pagesize: there is no such setting (did you mean page_size?)"),
    ({"emit_activate_version_messages": True}, "emit_activate_version_messages: there is no such setting"),
]


@pytest.mark.parametrize(("settings", "line"), BAD, ids=[line for _, line in BAD])
def test_a_bad_value_is_refused_before_the_first_request(
    stage: Callable[..., Stage], settings: dict[str, Any], line: str
) -> None:
    shops = stage(companies=1)
    run = shops.run(**settings)
    assert run.code == 1
    assert len(run.problems) == 1
    assert run.problems[0].startswith(line)
    assert "Traceback" not in run.log
    assert shops.requests() == []
    assert run.out == ""
    assert "5150" not in run.log


@pytest.mark.parametrize("option", [(), ("--test",)])
def test_a_missing_key_is_said_in_one_line(stage: Callable[..., Stage], option: tuple[str, ...]) -> None:
    run = stage().run(*option, config={})
    assert run.code == 1
    (line,) = run.problems
    assert line.startswith("api_key: is required but not set; set TAP_CODAT_COMMERCE_API_KEY, or put it into a file")


def test_settings_from_the_environment(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=3, connections=1)
    wanted = list(shops.world.companies)[:2]
    env = {
        "TAP_CODAT_COMMERCE_API_KEY": API_KEY,
        "TAP_CODAT_COMMERCE_API_URL": shops.url,
        "TAP_CODAT_COMMERCE_PAGE_SIZE": "5",
        "TAP_CODAT_COMMERCE_COMPANY_IDS": f'["{wanted[0]}", "{wanted[1]}"]',
        "TAP_CODAT_COMMERCE_SKIP_UNCHANGED": "false",
    }
    run = shops.run("--config", "ENV", config={}, env=env).ok()
    assert [r["id"] for r in run.records["companies"]] == wanted
    assert {a.query["pageSize"] for a in shops.gate.asked if a.path.endswith("commerce-orders")} == {"5"}


@pytest.mark.parametrize(
    ("setting", "text", "what"),
    [
        ("page_size", "many 5150", "a whole number"),
        ("page_size", "", "a whole number"),
        ("flattening_enabled", "yes please", "true or false"),
        ("stream_maps", "", "an object as JSON"),
        ("stream_maps", "{orders: 5150", "an object as JSON"),
        ("company_ids", "[5150", "a list"),
    ],
)
def test_a_bad_value_in_the_environment_is_named(
    stage: Callable[..., Stage], setting: str, text: str, what: str
) -> None:
    variable = f"TAP_CODAT_COMMERCE_{setting.upper()}"
    run = stage().run("--config", "ENV", config={}, env={variable: text, "TAP_CODAT_COMMERCE_API_KEY": API_KEY})
    assert run.code == 1
    assert run.problems == [f"{setting}: {variable} must hold {what}"]


@pytest.mark.parametrize(("text", "rows"), [("On", 1), ("no", 0)])
def test_truth_in_the_environment(stage: Callable[..., Stage], text: str, rows: int) -> None:
    env = {"TAP_CODAT_COMMERCE_FLATTENING_ENABLED": text, "TAP_CODAT_COMMERCE_FLATTENING_MAX_DEPTH": "1"}
    run = stage(companies=1, connections=1, records=1).run("--config", "ENV", env=env).ok()
    assert sum("customerRef__id" in record for record in run.records["orders"]) == rows


def test_without_config_the_environment_is_read_and_the_file_env_of_this_folder(
    stage: Callable[..., Stage], tmp_path: Path
) -> None:
    shops = stage(companies=1)
    (tmp_path / ".env").write_text(
        f"TAP_CODAT_COMMERCE_API_KEY={API_KEY}\nTAP_CODAT_COMMERCE_API_URL=http://10.0.0.8\n"
    )
    run = start(TAP, {"TAP_CODAT_COMMERCE_API_URL": shops.url}, folder=tmp_path).ok()
    assert run.records["orders"], "the environment goes first"
    run = start([*TAP, "--config", "ENV"], {}, folder=tmp_path)
    assert run.problems == ["api_url: is plain http, which would send the key unencrypted; use https"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"{OURS}STREAM_MAPS", "line 2 is not of the form NAME=VALUE"),
        (f"{OURS}STREAM_MAPS: x", "line 2 is not of the form NAME=VALUE"),
        (f"{OURS}STREAM_MAPS='x", "line 2 is not of the form NAME=VALUE"),
        (f"{OURS}LOGLEVEL=debug", "set it in the environment: the log is set up before .env is read"),
        (None, "it is no file"),
    ],
)
def test_a_line_of_ours_in_an_env_file_that_has_no_effect(tmp_path: Path, line: str | None, why: str) -> None:
    if line is None:
        os.mkfifo(tmp_path / ".env")
    else:
        (tmp_path / ".env").write_text(f"what: others write\n{line}\n")
    run = start([*TAP, "--config", "ENV"], {f"{OURS}API_KEY": API_KEY}, tmp_path)
    assert run.code == 1
    assert run.problems[0].endswith(why), run.log


def test_in_an_env_file_nothing_is_put_in(tmp_path: Path, stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=2)
    maps = '{"customers": {"phone": "config[\'salt\']"}}'
    (tmp_path / ".env").write_text(
        f"{OURS}API_KEY={API_KEY}\n{OURS}API_URL={shops.url}\n{OURS}STREAM_MAPS={maps}\n"
        f'{OURS}STREAM_MAP_CONFIG={{"salt": "x${{HOME}}y"}}\n'
    )
    run = start([*TAP, "--config", "ENV"], {}, tmp_path).ok()
    assert {r["phone"] for r in run.records["customers"]} == {"x${HOME}y"}


def test_an_env_file_that_is_none(tmp_path: Path) -> None:
    file, nearer = tmp_path / ".env", tmp_path / "below"
    nearer.mkdir()
    file.write_bytes("TAP_CODAT_COMMERCE_API_KEY=é".encode("latin-1"))
    assert start(TAP, folder=tmp_path).problems == [f"{file}: can't be read as text in UTF-8: it holds other bytes"]
    assert "api_key: is required" in start(TAP, folder=nearer).problems[0], "it is of another folder"


OTHERS = ("_SELECT", "LOGLEVEL", "SERVICE_HOST", "PORT_80_TCP_ADDR")
PART = f"{OURS}STREAM_MAPS_CUSTOMERS_PHONE"


def test_a_variable_of_no_setting_is_refused(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=1)
    env = dict.fromkeys([OURS + name for name in OTHERS], "info")
    shops.run("--config", "ENV", env=env).ok()
    shops.run("--config", "ENV", env={**env, PART: "__NULL__", f"{OURS}STREAM_MAPS": '{"customers.phone": "x"}'})
    strange = {
        f"{OURS}COMPANY_ID": "x",
        f"{OURS}ZZZ": "1",
        PART: "x",
        f"{OURS}_PAGE_SIZE": "1",
        f"{OURS}page_size": "1",
    }
    run = shops.run("--config", "ENV", env={**env, **strange})
    assert run.code == 1
    assert run.problems == [
        f"{OURS}COMPANY_ID: there is no such setting (did you mean company_ids?)",
        f"{PART}: there is no such setting; write it into {OURS}STREAM_MAPS, as JSON",
        f"{OURS}ZZZ: there is no such setting; take it away, or give it another name",
        f"{OURS}_PAGE_SIZE: there is no such setting (did you mean page_size?)",
        f"{OURS}page_size: there is no such setting (did you mean page_size?)",
    ]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_key_in_quotes(quote: str) -> None:
    """So `docker run --env-file` hands it over."""
    run = start([*TAP, "--config", "ENV"], {f"{OURS}API_KEY": f"{quote}{API_KEY}{quote}"})
    assert run.problems == [f"api_key: {OURS}API_KEY must hold a text, and not be in quotes"]


def test_a_variable_beside_a_file_is_said_to_be_unused(stage: Callable[..., Stage]) -> None:
    """Meltano hands over a file, with the settings that its definition lists, and sets the same variables."""
    shops = stage(companies=3, connections=1, records=1)
    maps = {f"{OURS}STREAM_MAPS": '{"customers.phone": "__NULL__"}', f"{OURS}START_DATE": "2020-01-01"}
    settings: dict[str, Any] = {
        "page_size": 7,
        "start_date": "2020-01-01",
        "stream_maps": {"customers": {"phone": "__NULL__"}},
    }
    run = shops.run(env={f"{OURS}PAGE_SIZE": "7", f"{OURS}_LOAD_SCHEMA": "x", **maps}, **settings).ok()
    assert not run.problems
    shards = {f"{OURS}SHARD_INDEX": "1", f"{OURS}SHARD_COUNT": "3", f"{OURS}PAGE_SIZE": "9", f"{OURS}COMPANY_ID": "x"}
    run = shops.run(env=shards, page_size=7).ok()
    assert len(run.records["companies"]) == 3
    assert [line.partition(" ")[0] for line in run.problems] == [
        f"{OURS}PAGE_SIZE",
        f"{OURS}SHARD_INDEX",
        f"{OURS}SHARD_COUNT",
        f"{OURS}COMPANY_ID:",
    ]
    assert "is not used, as --config names a file, and that has another page_size." in run.problems[0]
    assert run.problems[1].endswith("or add --config ENV; in meltano.yml, list the setting under `settings`.")
    assert len(shops.run("--config", "ENV", env=dict(list(shards.items())[:2])).ok().records["companies"]) < 3


def test_null_is_as_if_not_set(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=1)
    nulls: dict[str, Any] = dict.fromkeys(
        json.loads(start([*TAP, "--about", "--format", "json"]).out)["settings"]["properties"]
    )
    del nulls["api_key"], nulls["api_url"]
    assert shops.run(**nulls).ok().records["orders"]


FILES: dict[str, tuple[bytes | None, str]] = {
    "nosuch": (None, "can't be read: No such file or directory"),
    "a list": (b"[]", "holds a list"),
    "UTF-16": ('{"api_key": "é"}'.encode("utf-16"), "is no text in UTF-8: save it in that encoding"),
    "latin-1": ('{"api_key": "é"}'.encode("latin-1"), "is no text in UTF-8: save it in that encoding"),
    "half": (b'{"api_key": ', "is no JSON: Expecting value: line 1 column 13 (char 12)"),
    "empty": (b"", "is empty"),
    "deep": (b"[" * 100_000, "is no JSON: "),
    "half a character": (b'{"a": "\\ud83d"}', r"is no JSON: an escape like \ud800 is half a character"),
}


@pytest.mark.parametrize(
    ("variable", "value", "what"),
    [
        ("COMPANY_QUERY", "name~\udcff", f"company_query: {OURS}COMPANY_QUERY must hold a text"),
        ("API_KEY", "k" * 1001, "api_key: is longer than 1000 characters; copy the key alone"),
        ("STREAM_MAPS", "[" * 100_000, "stream_maps: "),
    ],
)
def test_a_variable_that_can_not_work(stage: Callable[..., Stage], variable: str, value: str, what: str) -> None:
    shops = stage()
    env = {f"{OURS}API_KEY": API_KEY, f"{OURS}API_URL": shops.url, f"{OURS}{variable}": value}
    run = start(TAP, env)
    assert (run.code, len(run.problems)) == (1, 1), run.log
    assert run.problems[0].startswith(what)
    assert "Traceback" not in run.log
    assert shops.requests() == []


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        (f"{OURS}LOGLEVEL", "verbose", 1),
        ("SINGER_SDK_LOG_CONFIG", ".", 1),
        ("SINGER_SDK_LOG_CONFIG", "/nowhere.yml", 1),
        (f"{OURS}LOGLEVEL", "", 0),
        ("LOGLEVEL", "", 0),
        ("SINGER_SDK_LOG_CONFIG", "", 0),
    ],
)
def test_a_log_that_can_not_be_set_up_is_a_line(
    stage: Callable[..., Stage], variable: str, value: str, code: int
) -> None:
    given = {f"{OURS}API_KEY": API_KEY, f"{OURS}API_URL": stage(companies=1).url, variable: value}
    command = [sys.executable, "-m", "tap_codat_commerce"]
    done = subprocess.run(command, env={**os.environ, **given}, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    if code:
        assert re.fullmatch(rf"The log can't be set up by {variable}: .*\n", done.stderr)
        assert done.stdout == ""


@pytest.mark.parametrize("option", ["--config", "--state", "--catalog"])
@pytest.mark.parametrize("name", [*FILES, "folder"])
def test_a_file_that_is_none_is_refused_by_its_name(tmp_path: Path, option: str, name: str) -> None:
    content, what = FILES.get(name, (None, "can't be read: Is a directory"))
    file = tmp_path / name
    if name == "folder":
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)
    run = start([*TAP, option, str(file)])
    assert run.code == 1
    assert len(run.problems) == 1, run.log
    assert run.problems[0].startswith(f"{option} {file}: {what}")
    assert run.problems[0].endswith(". It has to be a file with a JSON object.")
    assert "Traceback" not in run.log


def test_a_file_may_begin_with_a_mark_of_its_encoding(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"\xef\xbb\xbf" + b'{"page_size": 0, "api_key": "x"}')
    assert start([*TAP, "--config", str(tmp_path / "config")]).problems == ["page_size: must be at least 1"]


@pytest.mark.parametrize("form", ["{raw}", " {raw}\n", "Basic {encoded}", "basic {encoded} "])
def test_api_key_raw_or_as_header(stage: Callable[..., Stage], form: str) -> None:
    shops = stage(companies=1)
    encoded = shops.gate.authorization.removeprefix("Basic ")
    shops.run(api_key=form.format(raw=API_KEY, encoded=encoded)).ok()


def test_api_url_may_hold_a_path_and_end_in_a_slash(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1)
    shops.run(api_url=shops.url + "/").ok()
    run = shops.run(api_url=shops.url + "/v1", max_retries=0)
    assert run.code == 1
    assert [a.path for a in shops.gate.asked][-1] == "/v1/companies"


def test_company_ids(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=90, connections=0)
    wanted = list(shops.world.companies)[5:60]
    unknown = "00000000-0000-4000-8000-000000000000"
    run = shops.run(company_ids=[*wanted, wanted[0].upper(), unknown]).ok()
    assert [r["id"] for r in run.records["companies"]] == wanted
    assert len(shops.requests()) == 2
    assert any(unknown in p and "company_ids" in p for p in run.problems)


def test_company_tags_and_company_query_and_company_ids(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=10, connections=1, extras=False)
    tagged = [c.id for c in shops.world.companies.values() if c.tags == {"region": "uk", "team": "t0"}]
    shopify = [c.company_id for c in shops.world.connections() if c.platform.name == "Shopify"]
    tags, query = "region=uk && team = t0", "dataConnections.platformName~shopify"
    nobody = "00000000-0000-4000-8000-000000000000"
    catalog = shops.catalog("companies")
    shops.requests()
    for settings, wanted in (
        ({"company_tags": tags}, tagged),
        ({"company_query": query}, shopify),
        ({"company_tags": tags, "company_query": query}, [i for i in tagged if i in shopify]),
        ({"company_tags": tags, "company_ids": [*shopify, nobody]}, [i for i in shopify if i in tagged]),
        ({"company_query": query, "company_ids": tagged}, [i for i in tagged if i in shopify]),
        ({"company_tags": tags, "company_query": query, "company_ids": tagged[:1]}, tagged[:1]),
    ):
        run = shops.run(catalog=catalog, **settings).ok()
        assert [r["id"] for r in run.records["companies"]] == wanted, settings
        assert wanted
        missed = set(settings.get("company_ids", ())) - set(wanted)
        names = " and ".join(n for n in ("company_query", "company_tags") if n in settings)
        assert all(any(i in p and f"matches {names}" in p for p in run.problems) for i in missed)
    asked = [a.query for a in shops.gate.asked]
    assert all(a.get("tags") in {None, tags} and "region" not in a.get("query", "") for a in asked)
    assert len(asked) == 6, "one request each"


@pytest.mark.parametrize(
    ("setting", "value"),
    [("company_query", "name = x &&"), ("company_query", "(name = x)"), ("company_tags", "region < uk")],
)
def test_a_malformed_condition_on_companies_is_named(stage: Callable[..., Stage], setting: str, value: str) -> None:
    settings: dict[str, Any] = {setting: value}
    run = stage(companies=1).run(**settings)
    assert run.code == 1
    assert run.problems[-1].startswith(f"{setting}: GET /companies answered 400, Codat says")


@pytest.mark.parametrize("query", ["region = uk", "name~x && {id=1 || team!=t1}", "tags.region=uk"])
def test_tags_in_company_query_are_refused_before_the_first_request(stage: Callable[..., Stage], query: str) -> None:
    shops = stage(companies=1)
    run = shops.run(company_query=query)
    assert run.code == 1
    assert "company_query: companies have no field" in run.problems[-1]
    assert "go into company_tags" in run.problems[-1]
    assert shops.requests() == []


def test_integration_keys(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=3, connections=2)
    run = shops.run(integration_keys=["fztf", "zsth"]).ok()
    read = {r["connectionId"] for r in run.records["orders"]}
    assert read == {c.id for c in shops.world.connections() if c.platform.name in {"Shopify", "Square"}}
    assert len(run.records["connections"]) == len(shops.world.connections(commerce=False))


def test_a_platform_that_no_connection_is_of_is_named(stage: Callable[..., Stage]) -> None:
    run = stage(companies=3, connections=2).run(integration_keys=["fztf", "zzzz"]).ok()
    (line,) = run.problems
    assert line.startswith("integration_keys: no connection is of the platform zzzz; there are exgd, fztf, ")
    assert run.records["orders"]


@pytest.mark.parametrize(
    ("shops", "settings", "line"),
    [
        (
            {"companies": 2},
            {"company_query": "name = Nobody"},
            "company_query: no company matches. Without that, `codat",
        ),
        ({"companies": 0}, {}, "There is no company yet. `codat-commerce connect NAME --platform KEY` makes one."),
        (
            {"companies": 2, "connections": 0, "extras": False},
            {},
            "No company has a connection to a shop yet. `codat-c",
        ),
        ({"companies": 1}, {"connection_statuses": ["Unlinked"]}, "No connection is in one of connection_statuses. `c"),
    ],
)
def test_what_is_not_there_is_said_with_the_next_command(
    stage: Callable[..., Stage], shops: dict[str, Any], settings: dict[str, Any], line: str
) -> None:
    run = stage(**shops).run(**settings).ok()
    assert [p[: len(line)] for p in run.problems] == [line]
    assert len(run.log.splitlines()) - [line in entry for entry in run.log.splitlines()].index(True) <= 3, "at the end"


def test_shops_that_nobody_has_authorised_yet(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=0, extras=False)
    shops.world.connect(next(iter(shops.world.companies)), "ltpp")
    (line,) = shops.run().ok().problems
    assert line.startswith(
        "No connection to a shop has been authorised yet. `codat-commerce status --links` shows the l"
    )


def test_a_shard_of_nothing_is_no_gap(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1)
    assert [shops.run(shard_index=i, shard_count=2).ok().problems for i in range(2)] == [[], []]


def test_connection_statuses(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=3)
    linked, deauthorized, unlinked = shops.world.connections()
    deauthorized.status, unlinked.status = "Deauthorized", "Unlinked"
    assert {r["connectionId"] for r in shops.run().ok().records["orders"]} == {linked.id, deauthorized.id, unlinked.id}
    run = shops.run(connection_statuses=["Unlinked"]).ok()
    assert {r["connectionId"] for r in run.records["orders"]} == {unlinked.id}


def test_page_size(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=20)
    shops.run(page_size=6).ok()
    assert len(shops.requests("commerce-orders")) == 4


@pytest.mark.parametrize("spelled", ["{day}T{time}Z", "{day}T{time}", "{day}T{time}+00:00"])
def test_start_date(stage: Callable[..., Stage], spelled: str) -> None:
    shops = stage(companies=1, connections=1, records=9)
    connection = shops.world.connections()[0]
    shops.world.sync(connection.company_id, connection.id, restamp=4)
    stamps = [r["modifiedDate"] for r in connection.data["commerce-orders"].records.values()]
    day, _, clock = max(stamps).removesuffix("Z").partition("T")
    run = shops.run(start_date=spelled.format(day=day, time=clock)).ok()
    assert len(run.records["orders"]) == stamps.count(max(stamps)) == 4
    assert len(run.records["company_info"]) == 1, "what takes no query is read whole"


def test_request_timeout(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1)
    shops.gate.faults.append(Fault("slow", "/companies$", seconds=30, times=0))
    began = time.monotonic()
    run = shops.run(request_timeout=1, max_retries=0)
    assert run.code == 1
    assert "GET /companies at" in run.problems[-1]
    assert "the answer was not there within 1 s" in run.problems[-1]
    assert time.monotonic() - began < 20


def test_max_retries(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1)
    shops.gate.faults.append(Fault(path="/companies$", status=503, times=0))
    assert shops.run(max_retries=2).code == 1
    assert len(shops.requests()) == 3


def test_max_retry_wait(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=1)
    shops.gate.faults.append(Fault(path="orders", status=429, headers={"Retry-After": "7200"}, skip=1, times=0))
    run = shops.run(max_concurrent_requests=1)
    assert run.code == 1
    assert "answered 429" in run.problems[-1]
    assert "in 7200 seconds" in run.problems[-1] or "GMT" in run.problems[-1]
    assert "max_retry_wait is 300 s" in run.problems[-1]
    assert len(shops.requests("orders")) == 2, "the second is not tried again"
    (proven,) = run.state["bookmarks"]["customers"]["partitions"]
    assert proven["context"]["companyId"] == next(iter(shops.world.companies)), "what was proven before is in the state"


def test_skip_unchanged(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=2)
    state = shops.run().ok().state
    shops.requests()

    again = shops.run(state=state).ok()
    assert shops.requests("/data/") == []
    assert not any(again.records[s] for s in ("orders", "company_info", "locations"))

    shops.requests()
    anew = shops.run(state=state, skip_unchanged=False).ok()
    assert len(shops.requests("/data/commerce-orders")) == 4
    assert len(anew.records["company_info"]) == 4


def test_a_start_date_beside_full_reads_is_said_to_have_no_effect(stage: Callable[..., Stage]) -> None:
    run = stage(companies=1, connections=1, records=2).run(start_date="2026-01-31", full_read_every_days=30).ok()
    assert run.problems == ["start_date has no effect beside full_read_every_days: full reads bring what is older."]
