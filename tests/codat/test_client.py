"""The key as it may be given, the links that are followed, what is counted, and how long is waited; time is moved."""

from __future__ import annotations

from base64 import b64encode
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.faults import Fault
from conftest import client
from tap_codat_commerce.codat.client import authorization
from tap_codat_commerce.codat.errors import (
    BadRequest,
    NoAnswer,
    QuotaSpent,
    RateLimited,
    Redirected,
    Refused,
    ServerTrouble,
    UnsafeLink,
)
from tap_codat_commerce.codat.rate_limiter import RateLimiter
from tap_codat_commerce.codat.retry_policy import RetryLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Stage


class Codat:
    """A stand-in, a client, and the seconds that it waited, which took no time."""

    def __init__(self, shops: Stage) -> None:
        self.shops, self.waited, self.now = shops, list[float](), 1000.0
        self.client = client(shops.url, max_retries=3)
        self.client.limiter = RateLimiter(10, 900, clock=lambda: self.now, wait=self.wait)

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds

    def fail(self, **fault: Any) -> None:
        self.shops.gate.faults.append(Fault(**fault))

    def asked(self) -> int:
        return len(self.shops.requests())


@pytest.fixture
def codat(stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch) -> Iterator[Codat]:
    codat = Codat(stage(companies=1))
    monkeypatch.setattr("time.sleep", codat.wait)
    yield codat
    codat.client.release()


@pytest.mark.parametrize("key", ["Basic a2V5", "basic a2V5", " Basic  a2V5 "])
def test_a_key_that_is_the_whole_header(key: str) -> None:
    assert authorization(key) == "Basic a2V5"


@pytest.mark.parametrize("key", ["key", "a key", "Basic", "Bearer a2V5"])
def test_a_raw_key(key: str) -> None:
    assert authorization(f" {key} ") == f"Basic {b64encode(key.encode()).decode()}"


@pytest.mark.parametrize(
    ("api_url", "link"),
    [
        ("http://127.0.0.1:80", "http://127.0.0.1/companies"),
        ("http://127.0.0.1", "http://127.0.0.1:80/companies"),
        ("https://127.0.0.1:443", "https://127.0.0.1/companies"),
        ("http://127.0.0.1:1/api", "/companies"),
        ("http://127.0.0.1:1/api/", "companies"),
    ],
)
def test_a_link_to_the_same_origin_is_followed(api_url: str, link: str) -> None:
    with pytest.raises(NoAnswer):  # as nothing listens there
        client(api_url).follow(link)


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1/companies",
        "https://127.0.0.1:1/companies",
        "http://127.0.0.2:1/companies",
        "//127.0.0.2:1/companies",
        "http://127.0.0.1:one/companies",
        "http://[::1/companies",
        r"http://127.0.0.2\@127.0.0.1:1/companies",
        r"http://127.0.0.2:1\@127.0.0.1:1/companies",
    ],
)
def test_a_link_to_elsewhere_is_refused(link: str) -> None:
    with pytest.raises(UnsafeLink):
        client().follow(link)


@pytest.mark.parametrize("status", [429, 500, 503, 599])
def test_what_is_counted(codat: Codat, status: int) -> None:
    codat.client.get("/companies")
    codat.fail(status=status)
    codat.client.get("/companies")
    assert codat.client.requests == codat.asked() == 3
    assert codat.client.answered == 2
    codat.fail(status=499)
    with pytest.raises(Refused):
        codat.client.get("/companies")
    assert codat.client.answered == 3


@pytest.mark.parametrize(("limits", "tries"), [(None, 4), (RetryLimits(1, 1), 2)])
@pytest.mark.parametrize("error", [RateLimited, ServerTrouble])
def test_how_often_it_is_tried(codat: Codat, error: type[Exception], limits: RetryLimits | None, tries: int) -> None:
    codat.client.retry_limits = limits or codat.client.retry_limits
    codat.fail(status=429 if error is RateLimited else 500, times=0)
    with pytest.raises(error):
        codat.client.get("/companies")
    assert codat.asked() == tries


def test_a_429_alone_may_be_tried_again(codat: Codat) -> None:
    codat.client.retry_limits = RetryLimits(3, 0)
    codat.fail(status=429, times=2)
    codat.client.get("/companies")
    codat.fail(status=500)
    with pytest.raises(ServerTrouble):
        codat.client.get("/companies")
    assert codat.asked() == 4


@pytest.mark.parametrize(("status", "error"), [(429, RateLimited), (500, ServerTrouble)])
def test_the_requests_of_a_company_that_is_given_up_are_tried_once(
    codat: Codat, status: int, error: type[Exception]
) -> None:
    codat.client.retry_limits = RetryLimits(3, 3, {"c1"})
    codat.fail(status=status, times=2)
    with pytest.raises(error):
        codat.client.get("/companies/c1/connections")
    codat.client.get("/companies")
    assert codat.asked() == 3


def test_limits_that_change_meanwhile_hold_at_once(codat: Codat, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(_: float) -> None:
        codat.client.retry_limits = RetryLimits(0, 0)

    monkeypatch.setattr("time.sleep", change)
    codat.fail(status=500, times=0)
    with pytest.raises(ServerTrouble):
        codat.client.get("/companies")
    assert codat.asked() == 2


def test_how_long_it_waits(codat: Codat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0)
    codat.client = client(codat.shops.url, max_retries=4, max_retry_wait=3)
    reset: dict[str, Any] = {"kind": "reset"}
    for fault in (reset, reset, {"status": 503, "headers": {"Retry-After": "2.5"}}, reset):
        codat.fail(**fault)
    codat.client.get("/companies")
    assert codat.waited == [0.5, 1, 2.5, 3]


@pytest.mark.parametrize(("status", "waited"), [(429, [7, 7]), (503, [7])])
def test_after_a_429_all_requests_wait(codat: Codat, status: int, waited: list[float]) -> None:
    """The rate limiter holds them, also those of other threads: here time passes only in its own waits."""
    codat.client.limiter = RateLimiter(10, 900, clock=lambda: codat.now, wait=codat.wait)
    now = codat.now
    codat.fail(status=status, headers={"Retry-After": "7"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", codat.waited.append)
        codat.client.get("/companies")
    assert codat.waited == waited
    assert codat.now == now + 7 * (status == 429)


def test_what_is_no_error_of_codats_is_not_tried_again(codat: Codat) -> None:
    def fail(_: bytes) -> None:
        raise TypeError

    with pytest.raises(TypeError):
        codat.client.get("/companies", None, fail)
    assert codat.asked() == 1


@pytest.mark.parametrize(("repeatable", "status", "tries"), [(True, 500, 2), (False, 500, 1), (False, 429, 2)])
def test_what_may_be_done_twice(codat: Codat, status: int, tries: int, *, repeatable: bool) -> None:
    codat.fail(method="POST", status=status)
    try:
        codat.client.post("/companies", body={"name": "A shop"}, repeatable=repeatable)
    except ServerTrouble:
        assert tries == 1
    assert codat.asked() == tries


def test_a_post_may_be_repeated_unless_somebody_says_otherwise(codat: Codat) -> None:
    codat.fail(method="POST", status=500)
    codat.client.post("/companies", body={"name": "A shop"})
    assert codat.asked() == 2


@pytest.mark.parametrize(("seconds", "error"), [(300, None), (301, QuotaSpent)])
def test_the_longest_wait(codat: Codat, seconds: int, error: type[Exception] | None) -> None:
    codat.fail(status=429, headers={"Retry-After": str(seconds)})
    with pytest.raises(error) if error else nullcontext():
        codat.client.get("/companies")
    assert codat.waited == [seconds] * (error is None)


def test_whether_answers_are_compressed(codat: Codat) -> None:
    seen = [codat.client.compressed]
    codat.fail(skip=1, kind="json", body='{"results": [], "totalResults": 0}')
    for _ in range(2):
        codat.client.get("/companies")
        seen.append(codat.client.compressed)
    assert seen == [False, True, True], "some were"


def test_long_waits_are_said_once(codat: Codat, caplog: pytest.LogCaptureFixture) -> None:
    waits = [9.9, 10, 11]
    codat.shops.gate.faults += [Fault(status=429, headers={"Retry-After": str(w)}) for w in waits]
    codat.client.get("/companies")
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert caplog.records[0].message.endswith("Trying again in 10.0 s (attempt 3).")
    assert codat.waited == waits


def test_other_errors_that_ask_for_a_long_wait_are_what_they_are(codat: Codat) -> None:
    codat.fail(status=503, headers={"Retry-After": "301"})
    with pytest.raises(ServerTrouble):
        codat.client.get("/companies")
    assert codat.asked() == 1


def test_what_is_sent_is_json(codat: Codat) -> None:
    assert codat.client.post("/companies", body={"name": "A shop"})["name"] == "A shop"


@pytest.mark.parametrize(("status", "error"), [(300, Redirected), (399, Redirected), (400, BadRequest)])
def test_what_is_no_answer(codat: Codat, status: int, error: type[Exception]) -> None:
    codat.fail(status=status, message="Because.")
    with pytest.raises(error, match=r"Because|redirected"):
        codat.client.get("/companies")
