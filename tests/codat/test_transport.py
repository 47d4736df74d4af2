"""Connections: what ends a request that no try would mend, and what is left open after one that failed.

What is bounded, in seconds and in bytes, is seen in `tests/faults`.
"""

from __future__ import annotations

import contextlib
import gzip
import http.server
import io
import json
import logging
import os
import select
import socket
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from test_errors import assert_one_line

from codat_mock.faults import Fault
from conftest import API_KEY, client, start
from tap_codat_commerce.codat import errors, transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Stage

CERTIFICATE = Path(__file__).with_name("self_signed.pem")
"""Of 127.0.0.1, with its key: for tests alone."""
ODD_PASSWORDS = ("secret/x", "secret#x", "secret?x", r"secret\x", "12/secret")
ODD_PROXIES = [
    *(f"http://bob:{odd}@127.0.0.1:9" for odd in ODD_PASSWORDS),
    *(
        "bob:secret/x@127.0.0.1:9",
        "bob:secret@127.0.0.1:9",
        "http://",
        "http://bob:secret@127.0.0.1:port",
    ),
    *("gopher://127.0.0.1:70", "htp://bob:secret@127.0.0.1:9"),
]
NO_PROXY = {"NO_PROXY": "", "no_proxy": ""}


@contextlib.contextmanager
def untrusted() -> Iterator[str]:
    """Run a server whose certificate nobody has signed; give its URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_certificate_that_nobody_trusts(stage: Callable[..., Stage]) -> None:
    with untrusted() as url:
        run = stage().run(api_url=url)
        assert_one_line(run, "CERTIFICATE_VERIFY_FAILED", "set REQUESTS_CA_BUNDLE to the file of its CA")
        assert "Trying again" not in run.log
        trusted = stage().run(api_url=url, max_retries=0, env={"REQUESTS_CA_BUNDLE": str(CERTIFICATE)})
        no_file_of_certificates = stage().run(api_url=url, env={"REQUESTS_CA_BUNDLE": __file__})
    assert_one_line(trusted, "GET /companies answered 501")
    assert_one_line(no_file_of_certificates, "no certificate", "REQUESTS_CA_BUNDLE in the environment")
    assert "Trying again" not in no_file_of_certificates.log


@pytest.mark.parametrize(
    ("env", "what"),
    [
        ({"REQUESTS_CA_BUNDLE": "/no/such/file"}, "invalid path: /no/such/file"),
        *(({"HTTPS_PROXY": odd, **NO_PROXY}, "It needs a scheme of http, https, ") for odd in ODD_PROXIES),
    ],
)
def test_an_environment_that_can_not_work(stage: Callable[..., Stage], env: dict[str, str], what: str) -> None:
    run = stage().run(api_url="https://127.0.0.1:1", env=env)
    assert_one_line(run, "companies: GET /companies at https://127.0.0.1:1: ", what, "REQUESTS_CA_BUNDLE")
    assert "bob" not in run.log
    assert "secret" not in run.log
    assert "Trying again" not in run.log


def sockets() -> int:
    """Return how many sockets this process has open."""
    found = 0
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - links to what has no path
        with contextlib.suppress(OSError):
            found += os.readlink(f"/proc/self/fd/{number}").startswith("socket:")  # noqa: PTH115
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts files as Linux shows them")
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset"},
        {"kind": "cut"},
        {"kind": "raw", "body": "HTTP/1.1 200 OK\r\nX"},
        {"status": 500},
        {"kind": "raw", "body": "HTTP/1.1 500 No\r\n\r\n", "piece": "x" * 4096},
    ],
    ids=["reset", "cut", "cut head", "error", "never-ending error"],
)
@pytest.mark.slow
def test_no_socket_is_left_open(stage: Callable[..., Stage], fault: dict[str, object]) -> None:
    shops = stage(companies=1)
    codat = client(shops.url)
    codat.get("/companies")
    before = sockets()
    shops.gate.faults.append(Fault(path="/companies$", times=0, **fault))  # type: ignore[arg-type]
    for _ in range(100):
        with contextlib.suppress(errors.CodatError):
            codat.get("/companies")
    patience = time.monotonic() + 10
    while sockets() > before and time.monotonic() < patience:  # the stand-in, in this process, closes its own ends
        time.sleep(0.01)
    assert sockets() <= before


def test_connections_are_kept_for_the_next_request(
    stage: Callable[..., Stage], caplog: pytest.LogCaptureFixture
) -> None:
    shops = stage(companies=1, connections=1)
    with caplog.at_level(logging.DEBUG, "urllib3.connectionpool"):
        codat = client(shops.url)
        for path in ("/companies", "/companies/no-such/dataStatus", "/integrations") * 5:
            with contextlib.suppress(errors.NotFound):
                codat.get(path)
    assert caplog.text.count("Starting new HTTP connection") == 1


def test_no_cookie_is_sent_back(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=1, records=1)
    given: list[str] = []
    answered = shops.gate._checked  # noqa: SLF001

    async def with_cookie(request: Any, handler: Any) -> Any:
        given.append(request.headers.get("Cookie", ""))
        response = await answered(request, handler)
        response.headers["Set-Cookie"] = "a=" + "b" * 3000
        return response

    shops.gate._checked = with_cookie  # type: ignore[method-assign]  # noqa: SLF001
    shops.run().ok()
    assert set(given) == {""}


def test_what_a_gateway_has_broken_once_is_asked_for_again(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=1)
    whole = gzip.compress(b'{"results": [], "totalResults": 0}')
    zipped = "Content-Encoding: gzip\r\nContent-Length: {}"
    for lines, body in (
        (zipped, whole[:-9]),
        (zipped, b"{}"),
        ("Transfer-Encoding: chunked", b"-5\r\n{}\r\n0\r\n\r\n"),
    ):
        head = f"HTTP/1.1 200 OK\r\n{lines.format(len(body))}\r\n\r\n"
        shops.gate.faults.append(Fault("raw", "commerce-orders", body=head + body.decode("latin-1")))
    assert len(shops.run(max_retry_wait=0).ok().records["orders"]) == 1


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_a_machine_with_few_threads(stage: Callable[..., Stage], threads: int) -> None:
    """One will do, the reader's own if need be."""
    shops = stage(companies=3, connections=1, records=3)
    limited = f"""
import threading
start, begun = threading.Thread.start, []
def limited(thread):
    begun.append(thread)
    if len(begun) > {threads}:
        raise RuntimeError("can't start new thread")
    start(thread)
threading.Thread.start = limited
from tap_codat_commerce.__main__ import main
main()
"""
    env = {"TAP_CODAT_COMMERCE_API_KEY": API_KEY, "TAP_CODAT_COMMERCE_API_URL": shops.url}
    run = start([sys.executable, "-c", limited], env)
    assert run.code == 0, run.log
    assert {s: len(r) for s, r in run.records.items()} == {s: len(r) for s, r in shops.run().ok().records.items()}
    assert run.problems == [f"No more than {max(1, threads)} requests are made at once: can't start new thread."]


def test_ids_lead_nowhere_else(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=1)
    shops.gate.faults.append(Fault("spoil", "/companies$", find=r'(?<="id": )"[^"]*"', body='"../../x?a#b"'))
    run = shops.run()
    assert run.code == 1
    assert {p for p in shops.requests() if "dataStatus" in p and "x" in p} == {"/companies/../../x?a#b/dataStatus"}
    assert run.records["orders"], "those of the other company"


class Shifting(http.server.BaseHTTPRequestHandler):
    """Answers with the path that was asked for; to `/odd` it says something else first, and the answer comes late."""

    protocol_version = "HTTP/1.1"
    before = b""

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path}).encode()
        if self.path == "/odd":
            self.wfile.write(self.before)
            time.sleep(0.1)
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    "before",
    [
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" * 3,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{..}",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["103", "102", "100 and 103", "204", "empty", "garbage", "304", "error"],
)
def test_no_answer_is_taken_for_that_of_another_request(before: bytes) -> None:
    handler = type("Handler", (Shifting,), {"before": before})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    codat = client(f"http://127.0.0.1:{server.server_port}")
    with contextlib.suppress(errors.CodatError):
        assert codat.get("/odd") == {"path": "/odd"}
    assert [codat.get(f"/{n}")["path"] for n in range(3)] == ["/0", "/1", "/2"]
    server.shutdown()
    server.server_close()


class Proxy(http.server.BaseHTTPRequestHandler):
    """Notes what it is asked for, and makes tunnels."""

    def do_CONNECT(self) -> None:
        self._note()
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port))) as far:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: far, far: self.connection}
            while ready := select.select([*ends], [], [], 9)[0]:
                for end in ready:
                    if not (piece := end.recv(65536)):
                        return
                    ends[end].sendall(piece)

    def do_GET(self) -> None:
        self._note()

    def _note(self) -> None:
        self.server.seen.append((self.command, self.path, self.headers["Proxy-Authorization"]))  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_environments_proxy_is_used_but_not_in_clear(stage: Callable[..., Stage], scheme: str) -> None:
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    seen = proxy.seen = []  # type: ignore[attr-defined]
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    with untrusted() as server:
        url = server if scheme == "https" else "http://127.0.0.1:9"
        env = {f"{scheme}_proxy": f"http://me:secret@127.0.0.1:{proxy.server_port}", **NO_PROXY}
        run = stage().run(api_url=url, max_retries=0, env={**env, "REQUESTS_CA_BUNDLE": str(CERTIFICATE)})
    proxy.shutdown()
    proxy.server_close()
    assert_one_line(run, "GET /companies answered 501" if scheme == "https" else "Connection refused")
    assert {*seen} == ({("CONNECT", url.partition("//")[2], "Basic bWU6c2VjcmV0")} if scheme == "https" else set())
    assert "secret" not in run.log


def test_a_proxy_that_sends_its_password_back(stage: Callable[..., Stage]) -> None:
    class Telling(Proxy):
        def do_CONNECT(self) -> None:
            self.send_response(407, f"Denied: {self.headers['Proxy-Authorization']}")
            self.end_headers()

    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Telling)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    env = {"https_proxy": f"http://me:secret%2F1@127.0.0.1:{proxy.server_port}", **NO_PROXY}
    run = stage().run(api_url="https://127.0.0.1:1", max_retries=0, env=env)
    proxy.shutdown()
    proxy.server_close()
    assert_one_line(run, "407 Denied: Basic ***")


def test_what_follows_an_answer_over_tls_is_not_the_next_one() -> None:
    """It comes in one record, and its first part fills the reader's buffer: the socket shows nothing of the rest."""

    class Twice(Shifting):
        def do_GET(self) -> None:
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
            body = json.dumps({"path": self.path}).encode().ljust(io.DEFAULT_BUFFER_SIZE - len(head % 8000))
            self.wfile.write((head % len(body) + body) * (2 if self.path == "/odd" else 1))

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Twice)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
        codat = client(f"https://127.0.0.1:{server.server_port}")
        assert [codat.get(path)["path"] for path in ("/odd", "/0", "/1")] == ["/odd", "/0", "/1"]
    codat.release()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize(("more", "error"), [(0, None), (-1, errors.TooLarge)])
def test_the_largest_answer(
    stage: Callable[..., Stage],
    monkeypatch: pytest.MonkeyPatch,
    more: int,
    error: type[Exception] | None,
    *,
    compressed: bool,
) -> None:
    shops = stage(companies=1)
    body = json.dumps({"results": ["x" * 5000], "totalResults": 1}).encode()
    monkeypatch.setattr(transport, "MAX_BODY", len(body) + more)
    encoding = "Content-Encoding: gzip\r\n" if compressed else ""
    sent = gzip.compress(body) if compressed else body
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(sent)}\r\n{encoding}Connection: close\r\n\r\n"
    shops.gate.faults.append(Fault("raw", "/companies$", body=head + sent.decode("latin-1")))
    codat = client(shops.url)
    with pytest.raises(error) if error else contextlib.nullcontext():
        assert codat.get("/companies")["totalResults"] == 1
    codat.release()


@pytest.mark.parametrize("head", ["HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", "HTTP/1.1 200 OK\r\nServer: "])
def test_an_answer_that_trickles_in_has_a_deadline(stage: Callable[..., Stage], head: str) -> None:
    shops = stage(companies=1)
    shops.gate.faults.append(Fault("raw", "/companies$", body=head, piece="x", seconds=0.1))
    codat = client(shops.url, request_timeout=0.5)
    began = time.monotonic()
    with pytest.raises(errors.NoAnswer, match=r"the answer was not there within 0\.5 s"):
        codat.get("/companies")
    assert time.monotonic() - began < 5
    codat.release()


@contextlib.contextmanager
def silent(port: int, hosts: list[str]) -> Iterator[None]:
    """Listen at addresses without ever taking a connection: what knocks there hears nothing."""
    with contextlib.ExitStack() as held:
        for host in hosts:
            listener = held.enter_context(socket.socket())
            listener.bind((host, port))
            listener.listen(0)
            for _ in range(2):  # what the system takes by itself
                first = held.enter_context(socket.socket())
                first.settimeout(0)
                first.connect_ex((host, port))
        yield


@pytest.mark.skipif(sys.platform != "linux", reason="needs more than one loopback address")
@pytest.mark.parametrize("answers", [False, True])
def test_the_addresses_of_a_host_share_one_deadline(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch, *, answers: bool
) -> None:
    shops = stage(companies=1)
    hosts = [f"127.0.0.{n}" for n in range(2, 8)]
    looked_up = socket.getaddrinfo

    def all_of_them(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        names = [*hosts, *["127.0.0.1"] * answers] if host == "127.0.0.1" else [host]
        return [found for name in names for found in looked_up(name, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", all_of_them)
    codat = client(shops.url, request_timeout=1)
    began = time.monotonic()
    with silent(int(shops.url.rpartition(":")[2]), hosts):
        if answers:
            assert codat.get("/companies")["totalResults"] == 1
        else:
            with pytest.raises(errors.NoAnswer, match="timed out"):
                codat.get("/companies")
    assert time.monotonic() - began < 3
    codat.release()


@pytest.mark.parametrize(("level", "urllib3s"), [(logging.DEBUG, logging.NOTSET), (logging.INFO, logging.ERROR)])
def test_the_warnings_of_urllib3_are_for_those_who_debug(
    caplog: pytest.LogCaptureFixture, level: int, urllib3s: int
) -> None:
    caplog.set_level(level, "tap-codat-commerce.codat")
    caplog.set_level(logging.NOTSET, "urllib3")
    client()
    assert logging.getLogger("urllib3").level == urllib3s
