"""Connections: what ends a request that no try would mend, and what is left open after one that failed.

What is bounded, in seconds and in bytes, is seen in `tests/faults`.
"""

from __future__ import annotations

import contextlib
import http.server
import logging
import os
import ssl
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from test_errors import assert_one_line

from codat_mock.faults import Fault
from conftest import API_KEY
from tap_codat_commerce.codat import errors
from tap_codat_commerce.codat.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Stage

CERTIFICATE = Path(__file__).with_name("self_signed.pem")
"""Of 127.0.0.1, with its key: for tests alone."""
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
        ({"HTTPS_PROXY": "http://", **NO_PROXY}, "proxy URL"),
        ({"HTTPS_PROXY": "gopher://127.0.0.1:70", **NO_PROXY}, "gopher"),
        ({"HTTPS_PROXY": "http://127.0.0.1:port", **NO_PROXY}, "port"),
    ],
)
def test_an_environment_that_can_not_work(stage: Callable[..., Stage], env: dict[str, str], what: str) -> None:
    run = stage().run(api_url="https://127.0.0.1:1", env=env)
    assert_one_line(run, "companies: GET /companies at https://127.0.0.1:1: ", what, "REQUESTS_CA_BUNDLE")
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
def test_no_socket_is_left_open(stage: Callable[..., Stage], fault: dict[str, object]) -> None:
    shops = stage(companies=1)
    client = Client(API_KEY, api_url=shops.url, max_retries=0)
    client.get("/companies")
    before = sockets()
    shops.gate.faults.append(Fault(path="/companies$", times=0, **fault))  # type: ignore[arg-type]
    for _ in range(100):
        with contextlib.suppress(errors.CodatError):
            client.get("/companies")
    patience = time.monotonic() + 10
    while sockets() > before and time.monotonic() < patience:  # the stand-in, in this process, closes its own ends
        time.sleep(0.01)
    assert sockets() <= before


def test_connections_are_kept_for_the_next_request(
    stage: Callable[..., Stage], caplog: pytest.LogCaptureFixture
) -> None:
    shops = stage(companies=1, connections=1)
    with caplog.at_level(logging.DEBUG, "urllib3.connectionpool"):
        client = Client(API_KEY, api_url=shops.url, max_retries=0)
        for path in ("/companies", "/companies/no-such/dataStatus", "/integrations") * 5:
            with contextlib.suppress(errors.NotFound):
                client.get(path)
    assert caplog.text.count("Starting new HTTP connection") == 1


def test_ids_lead_nowhere_else(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=1)
    shops.gate.faults.append(Fault("spoil", "/companies$", find=r'(?<="id": )"[^"]*"', body='"../../x?a#b"'))
    run = shops.run()
    assert run.code == 1
    assert {p for p in shops.requests() if "dataStatus" in p and "x" in p} == {"/companies/../../x?a#b/dataStatus"}
    assert run.records["orders"], "those of the other company"
