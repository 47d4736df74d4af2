"""Makes requests to Codat, with retries. Each returns the decoded answer, or raises an error of its own class."""

from __future__ import annotations

import base64
import threading
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from logging import getLogger
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import backoff
import msgspec
import requests
import urllib3

from tap_codat_commerce.codat import errors, lossless_json, retry_policy
from tap_codat_commerce.codat.clock import Clock
from tap_codat_commerce.codat.rate_limiter import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backoff.types import Details

    Params = Mapping[str, str | int]

PACKAGE = "tap-codat-commerce"
SHOWN_OF_A_MESSAGE = 300
"""An error line quotes at most so many characters of Codat's message."""

logger = getLogger(f"{PACKAGE}.codat")


@dataclass(frozen=True)
class Quota:
    """The day's quota of requests, by the latest answer's `X-Rate-Limit-…`; None as long as no answer tells."""

    limit: int | None = None
    remaining: int | None = None
    reset: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Quota | None:
        """Return the quota in an answer's headers, None if they hold none."""
        try:
            limit, remaining = (int(headers[f"X-Rate-Limit-{name}"]) for name in ("Limit", "Remaining"))
        except (KeyError, ValueError):
            return None
        return cls(limit, remaining, headers.get("X-Rate-Limit-Reset"))

    def after(self, other: Quota | None) -> Quota:
        """Return the later of two quotas: answers may overtake, but until the reset, less and less is left."""
        if other is None:
            return self
        overtaken = self.reset == other.reset and (self.remaining or 0) < (other.remaining or 0)
        return self if overtaken and self.remaining is not None else other


class Client:
    """Codat's API for one key. May be used from many threads at once.

    Attributes:
        limiter: limits how fast requests go out.
        requests: how many were made so far, those that failed included.
        quota: the day's quota of requests.
        clock: Codat's.
        answered: how many requests were answered, but by 429 or 5xx.
        patient: whether a request that fails is tried again; if not, only after a 429.
    """

    def __init__(  # noqa: PLR0913 - one for each setting
        self,
        api_key: str,
        *,
        api_url: str = "https://api.codat.io",
        timeout: float = 120,
        max_retries: int = 7,
        max_retry_wait: float = 300,
        limiter: RateLimiter | None = None,
    ) -> None:
        """Set up; no request is made yet.

        Args:
            api_key: the raw key, or the whole header value `Basic …`: Codat's Portal shows both.
            api_url: the API's address; if it has a path, the requests' paths follow it.
            timeout: seconds to wait for a connection, and for each next part of an answer.
            max_retries: how often a request is tried again.
            max_retry_wait: the longest pause between two tries, in seconds.
            limiter: limits how fast requests go out; each attempt counts.
        """
        self._base = api_url.rstrip("/")
        self._authorization = authorization(api_key)
        self._secrets = secrets(self._authorization)
        self._timeout = timeout
        self._max_retry_wait = max_retry_wait
        self.limiter = limiter or RateLimiter()
        self._local = threading.local()
        self._lock = threading.Lock()
        self.requests = 0
        self.quota = Quota()
        self.clock = Clock()
        self.answered = 0
        self.patient = True
        self._send = self._with_retries(max_retries, self._is_final)
        self._send_unrepeatable = self._with_retries(max_retries, retry_policy.may_have_been_done)

    def get(
        self, path: str, params: Params | None = None, decode: Callable[[bytes], Any] = lossless_json.decode
    ) -> Any:
        """Return the decoded answer to a GET.

        Args:
            path: from the root of the API, for example `/companies`.
            params: the query parameters, not yet encoded.
            decode: turns the body into a value; raises msgspec.DecodeError, or msgspec.ValidationError for JSON of an
                unexpected form.

        Raises:
            CodatError: the class says what went wrong, see `errors`.
        """
        return self._send("GET", self._base + path, params, decode)

    def post(self, path: str, params: Params | None = None, body: Any = None, *, repeatable: bool = True) -> Any:
        """Return the decoded answer to a POST, None for a 204; raise errors as `get` does.

        Args:
            path: see `get`.
            params: see `get`.
            body: sent as JSON, unless it is None.
            repeatable: whether Codat may act on it twice; if not, it is retried only if Codat has surely not acted yet.
        """
        send = self._send if repeatable else self._send_unrepeatable
        return send("POST", self._base + path, params, lossless_json.decode, body)

    def follow(self, link: str, decode: Callable[[bytes], Any] = lossless_json.decode) -> Any:
        """Return the decoded answer to a GET of a link from an earlier answer (Codat's are relative to the API's root).

        Raises:
            UnsafeLink: the link leads to another scheme, host or port than the API's.
            CodatError: see `get`.
        """
        url = self._base + link if link.startswith("/") and not link.startswith("//") else urljoin(self._base, link)
        if _origin(url) != _origin(self._base):
            msg = f"the answer links to {_shorten(link)}, which is not on {self._base}"
            raise errors.UnsafeLink(msg)
        return self._send("GET", url, None, decode)

    def _is_final(self, error: Exception) -> bool:
        hopeless = not self.patient and not isinstance(error, errors.RateLimited)
        return hopeless or retry_policy.is_final(error)

    def _with_retries(self, max_retries: int, giveup: Callable[[Exception], bool]) -> Callable[..., Any]:
        return backoff.on_exception(
            lambda: retry_policy.pauses(self._max_retry_wait),
            errors.CodatError,
            max_tries=max_retries + 1,
            giveup=giveup,
            jitter=None,
            on_backoff=self._on_retry,
            logger=None,
        )(self._send_once)

    def _send_once(
        self, method: str, url: str, params: Params | None, decode: Callable[[bytes], Any], payload: Any = None
    ) -> Any:
        request = f"{method} {url.removeprefix(self._base)}"
        with self.limiter.request():
            response, body = self._exchange(request, method, url, params, payload)
        logger.debug("%s %s", request, response.status_code)
        with self._lock:
            self.quota = self.quota.after(Quota.of(response.headers))
            self.clock.see(response.headers.get("Date"))
            self.answered += errors.for_status(response.status_code, "").retriable is False
        if response.is_redirect or response.is_permanent_redirect:
            target = _shorten(response.headers["Location"])
            raise errors.Redirected(self._without_secrets(f"{request} was redirected to {target}"))
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            raise self._refusal(request, response, body)
        if response.status_code == HTTPStatus.NO_CONTENT:
            return None
        try:
            return decode(body)
        except msgspec.ValidationError as exc:
            what = f"{request} answered {response.status_code} with JSON of an unexpected form: {exc}"
            raise errors.UnexpectedAnswer(self._without_secrets(what)) from exc
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            kind = response.headers.get("Content-Type", "no content type")
            what = f"{request} answered {response.status_code}, but its {len(body)} bytes ({kind}) are no JSON"
            raise errors.UnreadableAnswer(self._without_secrets(what)) from exc

    def _exchange(
        self, request: str, method: str, url: str, params: Params | None, payload: Any
    ) -> tuple[requests.Response, bytes]:
        with self._lock:
            self.requests += 1
        try:
            response = self._session.request(
                method,
                url,
                params=params,
                data=None if payload is None else lossless_json.encode(payload),
                headers=None if payload is None else {"Content-Type": "application/json"},
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
            # Read in one piece: `response.content` joins many small ones, and for a moment holds the body twice.
            return response, response.raw.read(decode_content=True)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as exc:
            raise errors.NoAnswer(self._without_secrets(f"{request} at {self._base}: {_reason(exc)}")) from exc

    def _on_retry(self, details: Details) -> None:
        failure = details.get("exception")
        if isinstance(failure, errors.RateLimited):
            self.limiter.hold(details["wait"])
        what = f"{getattr(failure, 'what', failure)}."
        logger.warning("%s Trying again in %.1f s (attempt %d).", what, details["wait"], details["tries"] + 1)

    def _refusal(self, request: str, response: requests.Response, content: bytes) -> errors.Refused:
        body = _error_body(content)
        message = self._without_secrets(_shorten(str(body.get("error") or "")))
        correlation_id = self._without_secrets(str(body.get("correlationId") or ""))
        said = f", Codat says '{message}'" if message else ", with no word of Codat's: is api_url right?"
        what = f"{request} answered {response.status_code}{said}"
        if correlation_id:
            what += f" (correlation id {correlation_id})"
        error_class = errors.for_status(response.status_code, message)
        wait = retry_policy.retry_after(response.headers.get("Retry-After"), retry_policy.utc_now())
        if error_class is errors.RateLimited and wait is not None and wait > self._max_retry_wait:
            error_class = errors.QuotaSpent
            reset = response.headers.get("X-Rate-Limit-Reset", f"in {wait:.0f} seconds")
            what += f"; requests are allowed again {reset} (max_retry_wait is {self._max_retry_wait:g} s)"
        what = self._without_secrets(what)
        error = error_class(what, status=response.status_code, message=message, correlation_id=correlation_id)
        error.retry_after = wait
        return error

    @property
    def _session(self) -> requests.Session:
        """A session per thread: requests does not promise that one can be shared."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            # Look up the environment's proxies and certificates once, not at every request. Never look into .netrc:
            # requests would send the password from there in place of our key.
            from_environment = session.merge_environment_settings(self._base, {}, None, None, None)
            session.proxies, session.verify = from_environment["proxies"], from_environment["verify"]
            session.trust_env = False
            session.headers["Authorization"] = self._authorization
            session.headers["User-Agent"] = user_agent()
            session.headers["Accept"] = "application/json"
        return session

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def authorization(api_key: str) -> str:
    """Return the header value for a key that was given raw or as the whole `Basic …` header."""
    api_key = api_key.strip()
    scheme, _, encoded = api_key.partition(" ")
    if scheme.lower() == "basic" and encoded:
        return f"Basic {encoded.strip()}"
    return f"Basic {base64.b64encode(api_key.encode()).decode()}"


def secrets(header: str) -> tuple[str, ...]:
    """Return every form in which the key could show up in a text, the longest first."""
    encoded = header.removeprefix("Basic ")
    try:
        raw = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        raw = ""
    return tuple(sorted(filter(None, {encoded, raw}), key=len, reverse=True))


def user_agent() -> str:
    """Return the package's name and version, by which Codat's support can recognise it."""
    try:
        return f"{PACKAGE}/{version(PACKAGE)}"
    except PackageNotFoundError:
        return PACKAGE


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN_OF_A_MESSAGE else text[:SHOWN_OF_A_MESSAGE] + "…"


def _error_body(content: bytes) -> dict[str, Any]:
    try:
        body = lossless_json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}


def _reason(error: BaseException) -> str:
    """Return the innermost cause: the wrappers of requests and urllib3 tell a reader nothing."""
    cause: BaseException | None = error
    seen = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        error = cause
        inner = getattr(cause, "reason", None) or next((a for a in cause.args if isinstance(a, BaseException)), None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__
    text = str(error).rpartition(">: ")[2] or type(error).__name__
    return _shorten(text)
