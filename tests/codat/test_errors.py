"""What goes wrong is one line: what, where, what to do, the correlation id; never the key, never a traceback."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import re
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from codat_mock.faults import Fault
from conftest import API_KEY, batches
from tap_codat_commerce.codat import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Run, Stage

DATA = "/companies/c1/connections/k1/data/commerce-orders"

ENCODED = base64.b64encode(API_KEY.encode()).decode()


def assert_one_line(run: Run, *parts: str) -> None:
    """Check that the run ended with one error line, which holds the parts."""
    assert run.code == 1
    errors = [line for line in run.log.splitlines() if "| ERROR " in line]
    assert len(errors) == 1, run.log
    for part in parts:
        assert part in errors[0]
    assert "Traceback" not in run.log
    assert API_KEY not in run.log + run.out
    assert ENCODED not in run.log + run.out


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "report this as a defect"),
        (401, "Set api_key to a valid key"),
        (402, "An account limit is reached"),
        (403, "that the key is current"),
        (404, "Check api_url: this is not where Codat's API is"),
        (500, "Codat has trouble"),
        (503, "Codat has trouble"),
        (429, "Another application may be using"),
        (418, "Report this to Codat"),
    ],
)
def test_each_status_of_the_first_request(stage: Callable[..., Stage], status: int, advice: str) -> None:
    shops = stage(companies=1)
    shops.gate.faults.append(Fault(path="/companies$", status=status, message="No, not today.", times=0))
    run = shops.run(max_retries=0)
    said = "Payment Required: No, not today." if status == 402 else "No, not today."
    assert_one_line(run, f"companies: GET /companies answered {status}, Codat says '{said}'", advice)
    assert re.search(r"\(correlation id [0-9a-f]{32}\)", run.problems[-1])
    assert len(shops.requests()) == (2 if status == 400 else 1), "without the order, which may be what is refused"


def test_a_wrong_key(stage: Callable[..., Stage]) -> None:
    run = stage(companies=1).run(api_key="not-the-key-1234")
    assert_one_line(run, "answered 401, Codat says 'Unauthorized' (correlation id")
    assert "not-the-key-1234" not in run.log


def test_an_error_says_which_data_set_of_which_connection(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1)
    shops.gate.faults.append(Fault(path="commerce-orders", status=500, times=0))
    run = shops.run(max_retries=0)
    connection = shops.world.connections()[0]
    assert_one_line(run, "1 data set failed (see above). The next run reads them from where they were.")
    name = shops.world.companies[connection.company_id].name
    where = f"orders of {name} (company {connection.company_id}), Shopify (connection {connection.id})"
    failed, _ = run.problems
    assert failed.startswith(f"{where}: GET /companies/")
    assert failed.endswith("The rest is read.")
    assert run.state["bookmarks"]["customers"]["partitions"], "what was read before is in the state"


def test_a_key_in_codats_own_words_is_hidden(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1)
    message = f"The key {API_KEY} ({ENCODED}) is outdated. " + "x" * 2000
    shops.gate.faults.append(Fault(path="/companies$", status=403, message=message))
    run = shops.run()
    assert_one_line(run, "The key *** (***) is outdated.")
    assert len(run.problems[-1]) < 800, "never a whole body"


def test_a_netrc_file_does_not_replace_the_key(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1)
    netrc = shops.folder / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    shops.run(env={"NETRC": str(netrc)}).ok()


def test_a_host_that_does_not_exist(stage: Callable[..., Stage]) -> None:
    run = stage().run(api_url="https://codat.invalid", max_retries=0)
    assert_one_line(run, "companies: GET /companies at https://codat.invalid: ", "Check api_url")


def test_a_port_where_nobody_listens(stage: Callable[..., Stage]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert_one_line(stage().run(api_url=url, max_retries=0), f"at {url}: ", "Connection refused", "Check api_url")


def test_a_body_that_is_no_json(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1)
    shops.gate.faults.append(Fault("garbage", times=0))
    run = shops.run()
    assert_one_line(run, "GET /companies answered 200, but its", "(text/html; charset=utf-8) are no JSON", "api_url")
    assert len(shops.requests()) == 1, "it came whole: another one would be no better"


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """A host that answers anything with what its class was told, and remembers whether the key came."""

    status, headers_to_send, body = 200, {}, b"{}"  # type: ignore[var-annotated]
    seen: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.seen.append(self.headers["Authorization"])
        self.send_response(self.status)
        for name, value in self.headers_to_send.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def elsewhere(
    status: int = 200, headers: dict[str, str] | None = None, body: bytes = b"{}"
) -> Iterator[tuple[str, list[str | None]]]:
    """Run such a host; give its URL, and the Authorization headers that came."""
    told = type("Told", (Elsewhere,), {"status": status, "headers_to_send": headers or {}, "body": body, "seen": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), told)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", told.seen  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(stage: Callable[..., Stage], status: int) -> None:
    with elsewhere() as (other, seen), elsewhere(status, {"Location": other + "/companies"}) as (url, _):
        run = stage().run(api_url=url, max_retries=0)
    assert_one_line(run, f"GET /companies was redirected to {other}", "The key was not sent there")
    assert seen == []


@pytest.mark.parametrize("link", ["{other}/next", "//{host}/next", "https://127.0.0.1/next", "ftp://127.0.0.1/next"])
def test_links_are_followed_on_the_api_only(stage: Callable[..., Stage], link: str) -> None:
    shops = stage(companies=1, connections=1, extras=False)
    with elsewhere() as (other, seen):
        target = link.format(other=other, host=other.removeprefix("http://"))
        page = {"results": [], "totalResults": 3, "_links": {"next": {"href": target}}}
        shops.gate.faults.append(Fault("json", "commerce-locations", body=json.dumps(page)))
        run = shops.run()
    assert_one_line(run, "1 data set failed (see above).")
    assert run.says("the answer links to", "which is not on", "The key was not sent there")
    assert seen == []


def test_answers_that_are_json_but_not_codats(stage: Callable[..., Stage]) -> None:
    with elsewhere(body=b'{"hello": "world"}') as (url, _):
        run = stage().run(api_url=url)
    assert_one_line(run, "GET /companies answered 200 with JSON of an unexpected form", "Check that api_url")


def test_a_bad_stream_map(stage: Callable[..., Stage]) -> None:
    run = stage().run(stream_maps={"orders": {"number": "orderNumber", "__else__": None}})
    assert_one_line(run, "stream_maps: orders: Invalid key properties for 'orders'")


@pytest.mark.parametrize("in_batches", [False, True])
def test_a_target_that_goes_away(stage: Callable[..., Stage], *, in_batches: bool) -> None:
    shops = stage(companies=3, connections=2, records=200)
    files = {"batch_config": batches(shops.folder, "jsonl")} if in_batches else {}
    settings = {"api_key": API_KEY, "api_url": shops.url, **files}
    config = shops.folder / "config.json"
    config.write_text(json.dumps(settings))
    command = [sys.executable, "-m", "tap_codat_commerce", "--config", str(config)]
    tap = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert tap.stdout is not None
    assert tap.stderr is not None
    tap.stdout.readline()
    tap.stdout.close()
    log = tap.stderr.read()
    assert tap.wait(60) == 1
    assert "| the target, or what else reads stdout, has stopped reading" in log
    assert "Traceback" not in log
    assert "Exception ignored" not in log


def test_a_traceback_is_there_for_who_asks(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1)
    run = shops.run(api_key="not-the-key-1234", env={"TAP_CODAT_COMMERCE_LOGLEVEL": "debug"})
    assert "Traceback" in run.log
    assert "not-the-key-1234" not in run.log


@pytest.mark.parametrize(
    ("status", "message", "path", "error", "again"),
    [
        (400, "", "/companies", errors.BadRequest, False),
        (401, "", "/companies", errors.WrongKey, False),
        (402, "", "/companies", errors.AccountLimit, False),
        (403, "", "/companies", errors.Forbidden, False),
        (404, "", "/companies", errors.WrongPath, False),
        (404, "", "/companies/c/dataStatus", errors.NotFound, False),
        (404, "Data type 'commerce-orders' is not supported by platform.", DATA, errors.NotSupported, False),
        (404, "No data available for this data type.", DATA, errors.NoData, False),
        (409, "Not synced yet.", DATA, errors.NotReady, False),
        (409, "", DATA, errors.Refused, False),
        (409, "Not synced yet.", "/companies", errors.Refused, False),
        (418, "", "/companies", errors.Refused, False),
        (429, "", "/companies", errors.RateLimited, True),
        (499, "", "/companies", errors.Refused, False),
        (500, "", "/companies", errors.ServerTrouble, True),
        (599, "", "/companies", errors.ServerTrouble, True),
        (400, "DatasetAlreadyInProgress", "/companies/c1/data/queue/commerce-orders", errors.UnderWay, False),
        (500, "Dataset already in progress", "/companies/c1/data/queue/commerce-orders", errors.UnderWay, False),
        (400, "Cannot queue x sync as previous sync y is still in progress", "/data/queue/x", errors.UnderWay, False),
        (500, "Dataset already in progress", "/companies", errors.ServerTrouble, True),
    ],
)
def test_what_a_status_stands_for(
    status: int, message: str, path: str, error: type[errors.Refused], *, again: bool
) -> None:
    assert errors.for_status(status, message, path) is error
    assert error.retriable is again


def tree(root: type[errors.CodatError]) -> Iterator[str]:
    """Yield a line for a class, and for each below it in the order in which they are defined."""
    yield root.__name__ + " (retried)" * root.retriable
    kinds = root.__subclasses__()
    for kind in kinds:
        first, rest = ("└── ", "    ") if kind is kinds[-1] else ("├── ", "│   ")
        yield from (f"{rest if n else first}{line}" for n, line in enumerate(tree(kind)))


def test_the_tree_is_complete() -> None:
    """Each class is there, at its place, and with whether it is tried again."""
    drawn = re.findall(r"^    (\W*\w+)(?: .*?)??(?: +(\(retried\)))?$", errors.__doc__ or "", re.MULTILINE)
    assert [f"{name} {mark}".rstrip() for name, mark in drawn] == list(tree(errors.CodatError))


def test_what_ends_the_run() -> None:
    ends = {c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.EndsTheRun)}
    assert ends - {errors.EndsTheRun, errors.EndsAllRequests} == {
        errors.WrongKey,
        errors.AccountLimit,
        errors.QuotaSpent,
    }


def test_what_is_tried_again() -> None:
    retried = {c for c in vars(errors).values() if isinstance(c, type) and getattr(c, "retriable", False)}
    assert retried == {errors.NoAnswer, errors.AnswerToAnother, errors.RateLimited, errors.ServerTrouble}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": "Not found."}, "Not found."),
        ({"error": "Bad.", "validation": {"errors": [{"message": "Name is too long."}]}}, "Bad: Name is too long."),
        ({"error": None, "validation": {"errors": [{"message": "Too long."}, {"message": "Too long."}]}}, "Too long."),
        ({"error": 5, "validation": {"errors": [{"message": ""}, {"message": ["a"]}]}}, ""),
        ({"validation": {"errors": [{}]}}, ""),
        ({"error": "Not found.", "validation": []}, "Not found."),
        ({}, ""),
    ],
)
def test_what_an_error_answer_says(body: dict[str, object], reason: str) -> None:
    assert errors.reason(body) == reason
