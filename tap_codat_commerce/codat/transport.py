"""One request and its answer over HTTP, bounded in seconds and in bytes.

Each answer has a deadline for its last byte: `deadlines`. And each body is size-checked as it arrives, compressed and
decompressed: a few kilobytes of gzip may hold gigabytes.
"""

from __future__ import annotations

import io
import ssl
import threading
import zlib
from base64 import b64encode
from dataclasses import dataclass
from http import HTTPStatus
from logging import DEBUG, ERROR, getLogger
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import requests
import urllib3

from tap_codat_commerce.codat import errors
from tap_codat_commerce.codat.deadlines import Adapter
from tap_codat_commerce.codat.redaction import hide, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
"""Of the addresses of proxies."""
MAX_BODY = 64 * 2**20
"""Bytes, compressed and decompressed: three times the largest page of 5,000 records that is to be expected."""
REDIRECTS = range(300, 400)
"""Answers whose body nobody needs, as nobody follows them."""
TOLD_BY_BODY = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}
"""Errors that may be none: the body tells. So one that is broken off is worth a retry."""
MAX_ERROR_BODY = 16 * 2**10
"""Bytes of an error's body that are read; the rest is left."""
PIECE = 2**18
"""Bytes that are read, or decompressed, at once."""
GZIP = 31
"""The `wbits` by which zlib expects a gzip header."""
LOST = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ProxyError,
    urllib3.exceptions.ProtocolError,
    urllib3.exceptions.TimeoutError,
    urllib3.exceptions.SSLError,
    urllib3.exceptions.InvalidHeader,
)
"""Errors of urllib3 that are worth a retry."""

logger = getLogger("tap-codat-commerce.codat")


@dataclass(frozen=True)
class Answer:
    """An answer.

    Attributes:
        status: the HTTP status.
        headers: looked up in any case.
        body: decompressed.
        whole: whether its length or its end was announced; if not, it may have been cut off unnoticed.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool


class Transport:
    """Makes requests with the key, from any thread."""

    def __init__(self, base: str, headers: Mapping[str, str], timeout: float) -> None:
        """Set up, without a request.

        Args:
            base: the API's address.
            headers: of each request, the key among them.
            timeout: seconds for making a connection, and for an answer to its last byte.
        """
        self._base, self._timeout = base, timeout
        self._headers = {**headers, "Accept": "application/json", "Accept-Encoding": "gzip"}
        self._local = threading.local()
        if not logger.isEnabledFor(DEBUG):  # what it warns of becomes an error of ours, or is no user's business
            getLogger("urllib3").setLevel(ERROR)

    def exchange(
        self, request: str, method: str, url: str, params: Mapping[str, str | int] | None, payload: bytes | None
    ) -> Answer:
        """Return the answer to one request, whatever its status.

        Raises:
            CodatError: there is no answer, or none within the bounds. Its message names `request`. It has no
                `__cause__`: what `requests` raises may hold the key.
        """
        try:
            return self._exchange(request, method, url, params, payload)
        except (OSError, ValueError, urllib3.exceptions.HTTPError) as exc:
            logger.debug("%s: %r", request, exc)
            failure = _failure(f"{request} at {self._base}: {_reason(exc)}", exc)
        raise failure

    def release(self) -> None:
        """Close this thread's connections."""
        if route := getattr(self._local, "route", None):
            route.adapter.close()
            del self._local.route

    def _exchange(
        self, request: str, method: str, url: str, params: Mapping[str, str | int] | None, payload: bytes | None
    ) -> Answer:
        headers = self._headers if payload is None else {**self._headers, "Content-Type": "application/json"}
        route = self._route
        raw = route.pool.urlopen(
            method,
            _target(url, params),
            body=payload,
            headers=headers,
            timeout=self._timeout,
            redirect=False,
            retries=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            whole = raw.chunked or raw.length_remaining is not None
            body = b"" if raw.status in REDIRECTS else _body(raw, request)
        finally:
            raw.close()
            raw.release_conn()
        if not body:
            self.release()  # a body that follows all the same would be taken for the next answer
        return Answer(raw.status, raw.headers, body, whole)

    @property
    def _route(self) -> _Route:
        """A way to the API for each thread: requests does not promise that an adapter can be shared."""
        route: _Route | None = getattr(self._local, "route", None)
        if route is None:
            route = self._local.route = _route(self._base)
        return route


class _Route(NamedTuple):
    """The way to the API.

    Attributes:
        adapter: what knows of proxies and certificates.
        pool: connections.
    """

    adapter: Adapter
    pool: Any


def _route(base: str) -> _Route:
    """Return the way that the environment's proxies and certificates allow.

    What `requests` does with each request beside this takes as long as the rest; and it would keep cookies, take a
    password from .netrc in place of the key, and read the bodies of redirects.
    """
    with requests.Session() as session:
        settings = session.merge_environment_settings(base, {}, None, None, None)
    in_clear = urllib3.util.parse_url(base).scheme != "https"  # to this machine alone, and so by no proxy
    verify, proxies = settings["verify"], {} if in_clear else settings["proxies"]
    _check_proxy(requests.utils.select_proxy(base, proxies))
    adapter: Any = Adapter()
    pool = adapter.get_connection_with_tls_context(requests.Request("GET", base).prepare(), verify, proxies=proxies)
    adapter.cert_verify(pool, base, verify, None)
    return _Route(adapter, pool)


def _check_proxy(proxy: str | None) -> None:
    """Check that a proxy's address is read as it is meant: else errors would tell a part of its password for its host.

    Its user and password are taken out of whatever is shown from then on.

    Raises:
        ValueError: it is not.
    """
    if not proxy:
        return
    try:
        found = urllib3.util.parse_url(requests.utils.prepend_scheme_if_needed(proxy, "http"))  # type: ignore[no-untyped-call]
        rest = f"{found.path}{found.query}{found.fragment}"
        is_read = found.scheme in SCHEMES and bool(found.host) and "@" not in rest
    except ValueError:
        is_read = False
    if not is_read:
        msg = (
            f"the proxy's address can't be read. It needs a scheme of {', '.join(SCHEMES)}, a host, and a port that"
            " is a number. Write characters such as / # ? of user and password as %2F %23 %3F"
        )
        raise ValueError(msg)
    if any(user := requests.utils.get_auth_from_url(proxy)):
        hide("Basic " + b64encode(":".join(user).encode()).decode())


def _target(url: str, params: Mapping[str, str | int] | None) -> str:
    """Return what the request's first line asks for."""
    parsed = urllib3.util.parse_url(url)
    return parsed.request_uri + (f"{'&' if parsed.query else '?'}{urlencode(params)}" if params else "")


def _body(raw: Any, request: str) -> bytes:
    """Return a body; of most errors as much as came within their bound: the status says what went wrong."""
    is_error = raw.status >= HTTPStatus.BAD_REQUEST
    will_do = is_error and raw.status not in TOLD_BY_BODY
    body = io.BytesIO()  # hands its content out without a copy
    try:
        body.writelines(_pieces(raw, MAX_ERROR_BODY if is_error else MAX_BODY))
        return body.getvalue()
    except OverflowError:
        if is_error:
            return body.getvalue()
        failure: errors.CodatError = errors.TooLarge(f"{request} answered with more than {MAX_BODY // 2**20} MB")
    except (
        zlib.error,
        EOFError,
        ValueError,
    ) as exc:  # a gateway's passing fault, even where all that was announced came
        if will_do:
            return body.getvalue()
        failure = errors.NoAnswer(f"{request}: the body can't be read: {_reason(exc)}")
    except (OSError, urllib3.exceptions.HTTPError):
        if will_do:
            return body.getvalue()
        raise
    finally:
        body.close()  # an error keeps its frames, and what they hold
    raise failure


def _pieces(raw: Any, bound: int) -> Iterator[bytes]:
    """Yield a body, decompressed, as it arrives.

    Raises:
        OverflowError: it has more bytes than the bound allows.
        EOFError: it is compressed, and ends too early.
        zlib.error: it can't be decompressed.
    """
    encoding = raw.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        msg = f"nobody asked for the encoding {quoted(encoding)}"
        raise zlib.error(msg)
    inflater = zlib.decompressobj(GZIP) if encoding.endswith("gzip") else None
    sent = inflated = 0
    for piece in raw.stream(PIECE, decode_content=False):
        sent += len(piece)
        data = piece
        while data:
            some = data
            if inflater:
                some = inflater.decompress(data, PIECE)
                data = inflater.unused_data or inflater.unconsumed_tail
                if inflater.unused_data:
                    inflater = zlib.decompressobj(GZIP)
            else:
                data = b""
            inflated += len(some)
            yield some
            if max(sent, inflated) > bound:
                raise OverflowError
    if inflater and sent and not inflater.eof:
        msg = "it ends too early"
        raise EOFError(msg)


def _failure(what: str, error: BaseException) -> errors.CodatError:
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
        return errors.UntrustedCertificate(what)
    no_certificates = any("NO_CERTIFICATE" in str(getattr(cause, "reason", "")) for cause in _causes(error))
    return errors.NoAnswer(what) if isinstance(error, LOST) and not no_certificates else errors.BadEnvironment(what)


def _reason(error: BaseException) -> str:
    """Return the innermost cause, in words: what requests and urllib3 wrap around it tells a reader nothing."""
    *_, innermost = _causes(error)
    text = str(innermost)
    return quoted(text.rpartition(">: ")[2] or type(innermost).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    seen = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        inner = getattr(cause, "reason", None) or next((a for a in cause.args if isinstance(a, BaseException)), None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__
