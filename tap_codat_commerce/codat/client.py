"""Makes requests to Codat, with retries. Each returns the decoded answer, or raises an error of its own class."""

from __future__ import annotations

import base64
import threading
import time
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from logging import DEBUG, WARNING, getLogger
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import backoff
import msgspec

from tap_codat_commerce.codat import errors, lossless_json, redaction, retry_policy, unicode_repair
from tap_codat_commerce.codat.clock import Clock
from tap_codat_commerce.codat.quota import Quota
from tap_codat_commerce.codat.redaction import quoted
from tap_codat_commerce.codat.refusals import refusal
from tap_codat_commerce.codat.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backoff.types import Details

    from tap_codat_commerce.codat.rate_limiter import RateLimiter
    from tap_codat_commerce.codat.transport import Answer

    Params = Mapping[str, str | int]

PACKAGE = "tap-codat-commerce"
MOST_COMMAS = 4_000_000
"""In an answer: 800 for each of 5,000 records. Each may stand for an object of some hundred bytes in memory."""
BUSY = {HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)}
"""Statuses that are no answer."""
LONG_WAIT = 10.0
"""Seconds. A wait that is longer is said: somebody may watch. Others that begin meanwhile are not, as many may."""

logger = getLogger(f"{PACKAGE}.codat")


class Client:
    """Codat's API for one key. May be used from many threads at once.

    Attributes:
        limiter: limits how fast requests go out.
        requests: how many were made so far, those that failed included.
        quota: the day's quota of requests.
        compressed: whether any answer came compressed.
        clock: Codat's.
        answered: how many requests were answered, but by 429 or 5xx.
        patient: whether a request that fails is tried again; if not, only after a 429.
        weary: whether it is tried again once at most.
        hopeless: ids of companies whose requests are not tried again.
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
        """Set up; no request is made yet.

        Args:
            api_key: the raw key, or the whole header value `Basic …`: Codat's Portal shows both.
            api_url: the API's address; if it has a path, the requests' paths follow it.
            timeout: seconds to wait for a connection, and seconds in which a whole answer has to be there.
            max_retries: how often a request is tried again.
            max_retry_wait: the longest pause between two tries, in seconds.
            limiter: limits how fast requests go out; each attempt counts.
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
        self.patient, self.weary, self.hopeless = True, False, set[str]()
        self._silent_until = 0.0
        self._send = self._with_retries(max_retries, self._is_final)
        self._send_unrepeatable = self._with_retries(max_retries, retry_policy.may_have_been_done)

    def get(
        self, path: str, params: Params | None = None, decode: Callable[[bytes], Any] = lossless_json.decode
    ) -> Any:
        """Return the decoded answer to a GET.

        Args:
            path: from the root of the API, for example `/companies`.
            params: the query parameters, not yet encoded.
            decode: turns the body into a value; raises ValueError, of which msgspec.ValidationError stands for JSON of
                an unexpected form.

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
            repeatable: whether Codat may act on it twice; if not, it is retried only if Codat has surely not acted yet.
        """
        send = self._send if repeatable else self._send_unrepeatable
        return send("POST", self._base + path, params, lambda said: lossless_json.decode(said) if said else None, body)

    def follow(self, link: str, decode: Callable[[bytes], Any] = lossless_json.decode) -> Any:
        """Return the decoded answer to a GET of a link from an earlier answer (Codat's are relative to the API's root).

        Raises:
            UnsafeLink: the link is none, or leads to another scheme, host or port than the API's.
            CodatError: see `get`.
        """
        try:
            own = link.startswith("/") and not link.startswith("//")
            url = self._base + link if own else urljoin(self._base, link)
            safe = _origin(url) == _origin(self._base)
        except ValueError:  # a port that is no number, half an IPv6 address
            safe = False
        if not safe:
            msg = f"the answer links to {quoted(link)}, which is not on {self._base}"
            raise errors.UnsafeLink(msg)
        return self._send("GET", url, None, decode)

    def release(self) -> None:
        """Close this thread's connections."""
        self._transport.release()

    def _is_final(self, error: Exception) -> bool:
        asked = getattr(error, "retry_after", None)
        too_long = asked is not None and asked > self._max_retry_wait
        busy = isinstance(error, errors.RateLimited)
        return too_long or not (self.patient or busy) or retry_policy.is_final(error)

    def _with_retries(self, max_retries: int, giveup: Callable[[Exception], bool]) -> Callable[..., Any]:
        return backoff.on_exception(
            lambda: retry_policy.pauses(self._max_retry_wait),
            errors.CodatError,
            max_tries=lambda: 1 + (min(max_retries, 1) if self.weary else max_retries),
            giveup=giveup,
            jitter=None,
            on_backoff=self._on_retry,
            logger=None,
        )(self._send_once)

    def _send_once(
        self, method: str, url: str, params: Params | None, decode: Callable[[bytes], Any], payload: Any = None
    ) -> Any:
        try:
            return self._answer(method, url, params, decode, payload)
        except errors.CodatError as exc:
            exc.hopeless = any(f"/{company_id}/" in url for company_id in self.hopeless)
            raise

    def _answer(
        self, method: str, url: str, params: Params | None, decode: Callable[[bytes], Any], payload: Any
    ) -> Any:
        request = f"{method} {url.removeprefix(self._base)}"
        body = None if payload is None else lossless_json.encode(payload)
        with self.limiter.request():
            with self._lock:
                self.requests += 1
            answer = self._transport.exchange(request, method, url, params, body)
        logger.debug("%s %s", request, answer.status)
        with self._lock:
            self.quota = self.quota.after(Quota.of(answer.headers))
            self.compressed |= "Content-Encoding" in answer.headers
            self.clock.see(answer.headers.get("Date"))
            self.answered += answer.status not in BUSY
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise refusal(request, answer, self._max_retry_wait)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            target = quoted(answer.headers.get("Location", "nowhere"))
            what = f"{request} was redirected to {target}"
            raise errors.Redirected(what)
        try:
            return decoded(request, answer, decode)
        except errors.CodatError:
            self.release()  # what can't be read may be a piece of another answer
            raise

    def _on_retry(self, details: Details) -> None:
        failure = details.get("exception")
        if isinstance(failure, errors.RateLimited):
            self.limiter.hold(details["wait"])
        what = f"{getattr(failure, 'what', failure)}."
        now = time.monotonic()
        is_news = details["wait"] >= LONG_WAIT and now > self._silent_until
        if is_news:
            self._silent_until = now + details["wait"]
        level = WARNING if is_news else DEBUG
        logger.log(level, "%s Trying again in %.1f s (attempt %d).", what, details["wait"], details["tries"] + 1)


def decoded(request: str, answer: Answer, decode: Callable[[bytes], Any]) -> Any:
    """Return what an answer holds: the one place where Codat's bytes become values.

    Raises:
        TooLarge: it holds so many values that they could take all memory.
        UnreadableAnswer: it is no JSON, or not of the form that `decode` expects.
        NoAnswer: likewise, but it may have been cut.
    """
    if answer.body.count(b",") > MOST_COMMAS:
        what = f"{request} answered {answer.status} with more than {MOST_COMMAS} values"
        raise errors.TooLarge(what)
    body, mended = unicode_repair.mended(answer.body)
    if mended:
        logger.warning(r"%s: %d characters are no Unicode; they come as \xe9 or \ud83d would.", request, mended)
    try:
        return decode(body)
    except msgspec.ValidationError as exc:
        what = f"{request} answered {answer.status} with JSON of an unexpected form: {exc}"
        raise errors.UnexpectedAnswer(what) from exc
    except RecursionError:
        what = f"{request} answered {answer.status} with JSON that is nested too deeply"
    except ValueError:
        kind = quoted(answer.headers.get("Content-Type", "no content type"))
        what = f"{request} answered {answer.status}, but its {len(body)} bytes ({kind}) are no JSON"
    raise errors.UnreadableAnswer(what) if answer.whole else errors.NoAnswer(what)


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


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
