"""Makes requests to Codat, with retries. Each returns the decoded answer, or raises an error: see `errors`."""

from __future__ import annotations

import base64
import random
import threading
import time
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from logging import DEBUG, WARNING, getLogger
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import msgspec
from urllib3.util import parse_url

from tap_codat_commerce.codat import (
    broken_entries,
    errors,
    lossless_json,
    nesting,
    redaction,
    retry_policy,
    unicode_repair,
)
from tap_codat_commerce.codat.clock import Clock
from tap_codat_commerce.codat.envelope import Page
from tap_codat_commerce.codat.quota import Quota
from tap_codat_commerce.codat.redaction import host, quoted
from tap_codat_commerce.codat.refusals import refusal
from tap_codat_commerce.codat.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_codat_commerce.codat.rate_limiter import RateLimiter
    from tap_codat_commerce.codat.transport import Answer

    Params = Mapping[str, str | int]

PACKAGE = "tap-codat-commerce"
MOST_COMMAS = 4_000_000
"""In an answer: 800 for each of 5,000 records. Behind each may be an object that takes some hundred bytes of memory."""
MOST_ENTRIES = 100_000
"""Of a page: twenty times as many as may be asked for."""
SHOWN = 3
BUSY = {HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)}
"""Statuses that tell nothing about what was asked for."""
REFUSES_ALL = BUSY | {HTTPStatus.FORBIDDEN}
"""Statuses that everything may be answered with while Codat has trouble, or since the key is outdated."""
LONG_PAUSE = 10.0
"""Seconds. Such a pause is logged as a warning: somebody may be waiting. Those that begin during it are not: there may
be one for each thread."""

logger = getLogger(f"{PACKAGE}.codat")


class Client:
    """Codat's API for one key. May be used from many threads at once.

    Attributes:
        limiter: limits how fast requests go out.
        requests: how many were made so far, failed ones included.
        quota: the day's quota of requests.
        compressed: whether any answer was compressed.
        clock: Codat's clock.
        answered: how many requests were answered, and not by 403, 429 or 5xx.
        retry_limits: how often a request is tried again; may be set anew at any time, also for those under way.
    """

    def __init__(  # noqa: PLR0913 - one for each setting
        self,
        api_key: str,
        *,
        api_url: str,
        timeout: float,
        max_retries: int,
        max_retry_wait: float,
        limiter: RateLimiter,
    ) -> None:
        """Set up, without a request.

        Args:
            api_key: the raw key, or the whole header value `Basic …`: Codat's Portal shows both.
            api_url: the API's address; if it has a path, the requests' paths follow it.
            timeout: seconds for making a connection, and for an answer to its last byte.
            max_retries: how often a request is tried again.
            max_retry_wait: the longest pause between two tries, in seconds.
            limiter: limits how fast requests go out; each try counts as one.
        """
        self._base = api_url.rstrip("/")
        header = authorization(api_key)
        redaction.hide(header)
        self._transport = Transport(self._base, {"Authorization": header, "User-Agent": user_agent()}, timeout)
        self._max_retry_wait = max_retry_wait
        self.limiter = limiter
        self._lock = threading.Lock()
        self.requests = 0
        self.quota = Quota()
        self.compressed = False
        self.clock = Clock()
        self.answered = 0
        self.retry_limits = retry_policy.RetryLimits(max_retries, max_retries)
        self._announced_until = 0.0

    def get(
        self, path: str, params: Params | None = None, decode: Callable[[bytes], Any] = lossless_json.decode
    ) -> Any:
        """Return the decoded answer to a GET.

        Args:
            path: from the root of the API, for example `/companies`.
            params: the query parameters, not yet encoded.
            decode: turns the body into a value; raises msgspec.ValidationError for JSON of an unexpected form, another
                ValueError for what is no JSON.

        Raises:
            CodatError: the class says what went wrong, see `errors`.
        """
        return self._send("GET", self._base + path, params, decode)

    def post(self, path: str, params: Params | None = None, body: Any = None, *, repeatable: bool = True) -> Any:
        """Return the decoded answer to a POST, None if it is empty; raise errors as `get` does.

        Args:
            path: see `get`.
            params: see `get`.
            body: sent as JSON, unless it is None.
            repeatable: whether Codat may act on it twice; if not, it is retried only where Codat surely has not acted.
        """
        payload = None if body is None else lossless_json.encode(body)
        return self._send("POST", self._base + path, params, _decode_if_any, payload, repeatable=repeatable)

    def follow(self, link: str, decode: Callable[[bytes], Any] = lossless_json.decode) -> Any:
        """Return the decoded answer to a GET of a link from an earlier answer (Codat's are relative to the API's root).

        Raises:
            UnsafeLink: it is malformed, or leads to another scheme, host or port than the API's.
            CodatError: see `get`.
        """
        try:
            is_path = link.startswith("/") and not link.startswith("//")
            url = self._base + link if is_path else urljoin(self._base, link)
            safe = _origin(url) == _origin(self._base)
        except ValueError:  # as of a port that is no number, or half an IPv6 address
            safe = False
        if not safe:
            msg = f"the answer links to {host(link)}, which is not on {self._base}"
            raise errors.UnsafeLink(msg)
        return self._send("GET", url, None, decode)

    def release(self) -> None:
        """Close this thread's connections."""
        self._transport.release()

    def _send(  # noqa: PLR0913 - what a request is
        self,
        method: str,
        url: str,
        params: Params | None,
        decode: Callable[[bytes], Any],
        payload: bytes | None = None,
        *,
        repeatable: bool = True,
    ) -> Any:
        """Return the decoded answer, after as many tries as are needed and allowed."""
        retries, longest = 0, self._max_retry_wait
        while True:
            try:
                return self._answer(method, url, params, decode, payload)
            except errors.CodatError as exc:
                limit = self.retry_limits.after(exc, url, repeatable=repeatable)
                if not retry_policy.should_retry(exc, retries, limit, longest):
                    raise
                retries += 1
                seconds = retry_policy.pause(retries, exc.retry_after, longest, random.random())  # noqa: S311
                self._before_pause(exc, seconds, retries + 1)
            time.sleep(seconds)

    def _answer(
        self, method: str, url: str, params: Params | None, decode: Callable[[bytes], Any], payload: bytes | None
    ) -> Any:
        """Return the decoded answer to a single try."""
        request = f"{method} {url.removeprefix(self._base)}"
        with self.limiter.request():
            with self._lock:
                self.requests += 1
            answer = self._transport.exchange(request, method, url, params, payload)
        logger.debug("%s %s", request, answer.status)
        with self._lock:
            self.quota = self.quota.after(Quota.of(answer.headers))
            self.compressed |= "Content-Encoding" in answer.headers
            self.clock.see(answer.headers.get("Date"))
            self.answered += answer.status not in REFUSES_ALL
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise refusal(request, answer, self._max_retry_wait)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            what = f"{request} was redirected to {host(answer.headers.get('Location', ''))}"
            raise errors.Redirected(what)
        try:
            value = decoded(request, answer, decode)
            if isinstance(value, Page):
                value.check_own(request, url, params and params.get("page"))
        except errors.CodatError:
            self.release()  # what can't be read may be a piece of another answer, and the rest may follow
            raise
        return value

    def _before_pause(self, error: errors.CodatError, seconds: float, attempt: int) -> None:
        """Let all requests wait if Codat says that there are too many; log the pause."""
        if isinstance(error, errors.RateLimited):
            self.limiter.hold(seconds)
        now = time.monotonic()
        announce = seconds >= LONG_PAUSE and now > self._announced_until
        if announce:
            self._announced_until = now + seconds
        level = WARNING if announce else DEBUG
        logger.log(level, "%s. Trying again in %.1f s (attempt %d).", error.what, seconds, attempt)


def decoded(request: str, answer: Answer, decode: Callable[[bytes], Any]) -> Any:
    """Return what an answer holds: the one place where Codat's bytes become values.

    Raises:
        TooLarge: it holds so many values that they might not fit into memory.
        UnreadableAnswer: it is no JSON, or is nested too deeply; UnexpectedAnswer if `decode` expects another form.
        NoAnswer: it is no JSON, but may have been cut off.
    """
    if len(answer.body) > 2 * MOST_COMMAS and answer.body.count(b",") > MOST_COMMAS:
        what = f"{request} answered {answer.status} with more than {MOST_COMMAS} values"
        raise errors.TooLarge(what)
    body, mended = unicode_repair.mended(answer.body)
    if mended:
        logger.warning(r"%s: %d characters are no Unicode; they come as \xe9 or \ud83d would.", request, mended)
    try:
        return _bounded(request, decode(body))
    except msgspec.ValidationError as exc:
        what = f"{request} answered {answer.status} with JSON of an unexpected form: {quoted(str(exc))}"
        raise errors.UnexpectedAnswer(what) from exc
    except (ValueError, RecursionError) as exc:
        body, places = broken_entries.taken_out(body) if answer.whole else (body, [])
        if places:
            return _without(request, places, decode, body)
        kind = quoted(answer.headers.get("Content-Type", "no content type"))
        what = f"{request} answered {answer.status}, but its {len(body)} bytes ({kind}) are no JSON"
        if isinstance(exc, nesting.TooDeep | RecursionError):
            what = f"{request} answered {answer.status} with JSON that is nested too deeply"
    raise errors.UnreadableAnswer(what) if answer.whole else errors.NoAnswer(what)


def _without(request: str, places: list[str], decode: Callable[[bytes], Any], body: bytes) -> Any:
    """Return what a page holds without entries that can't be read; say where they stood.

    Raises:
        UnreadableAnswer: the rest is no page either.
    """
    try:
        value = _bounded(request, decode(body))
    except (ValueError, RecursionError) as exc:
        what = f"{request}: its answer is no JSON, also without {quoted(places[0])}"
        raise errors.UnreadableAnswer(what) from exc
    more = f", and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    logger.warning("%s: entries are no JSON that can be read: %s%s.", request, quoted("; ".join(places[:SHOWN])), more)
    return value


def _bounded(request: str, value: Any) -> Any:
    """Return a value, unless it is a page of more entries than anybody asks for.

    Raises:
        TooLarge: it is one.
    """
    if isinstance(value, Page) and len(value.results) > MOST_ENTRIES:
        what = f"{request} answered with a page of more than {MOST_ENTRIES} entries"
        raise errors.TooLarge(what)
    return value


def _decode_if_any(body: bytes) -> Any:
    return lossless_json.decode(body) if body else None


def authorization(api_key: str) -> str:
    """Return the header value for a key that was given raw or as the whole `Basic …` header."""
    api_key = api_key.strip()
    scheme, _, encoded = api_key.partition(" ")
    if scheme.lower() == "basic" and encoded:
        return f"Basic {encoded.strip()}"
    return f"Basic {base64.b64encode(api_key.encode()).decode()}"


def user_agent() -> str:
    """Return the package's name and version, by which Codat's support can recognise it."""
    try:
        return f"{PACKAGE}/{version(PACKAGE)}"
    except PackageNotFoundError:
        return PACKAGE


def _origin(url: str) -> tuple[str | None, str | None, int | None]:
    parts = parse_url(url)  # as the transport does
    return parts.scheme, parts.host, parts.port or {"http": 80, "https": 443}.get(parts.scheme or "")
