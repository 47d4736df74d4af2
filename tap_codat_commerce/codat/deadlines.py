"""Connections that are made, and whose answers come, before a deadline.

What `requests` and urllib3 call a timeout begins anew with each byte, and with each address of a host: an answer that
trickles in would last for ever.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import urllib3
from requests.adapters import HTTPAdapter


class _UntilDeadline(io.RawIOBase):
    """What a socket receives, until as many seconds have passed as its timeout was at the beginning."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._sock = raw, sock
        self._seconds = sock.gettimeout() or 0.0
        self._deadline = time.monotonic() + self._seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        with suppress(TimeoutError):
            left = self._deadline - time.monotonic()
            if left > 0:
                self._sock.settimeout(left)
                return self._raw.readinto(buffer)
        msg = f"the answer was not there within {self._seconds:g} s"
        raise TimeoutError(msg)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer with a deadline. It closes the socket also if its head is broken off."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_UntilDeadline(self.fp.detach(), sock))

    def begin(self) -> None:
        try:
            super().begin()
        except BaseException:
            self.close()
            raise

    def _read_status(self) -> tuple[str, int, str]:
        """Skip all interim answers. http.client skips 100 alone: the final one would be taken for the next answer."""
        line: tuple[str, int, str]
        while HTTPStatus.CONTINUE <= (line := super()._read_status())[1] < HTTPStatus.OK:  # type: ignore[misc]
            http.client.parse_headers(self.fp)
        return line


class _Connection(urllib3.connection.HTTPConnection):
    """A connection that is made, and each of whose answers comes, before a deadline."""

    response_class: Any = _Response

    @property
    def is_connected(self) -> bool:
        """Whether the next answer may come here: not if bytes are left of the last one, as TLS may hold them unseen."""
        return super().is_connected and not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending())

    def _new_conn(self) -> socket.socket:
        """Try the host's addresses in turn, each for its share of the time left. urllib3 gives each all of it."""
        if hasattr(self, "_socks_options"):  # the proxy looks the name up
            return super()._new_conn()
        host, seconds = self._dns_host, self.timeout
        deadline = time.monotonic() + (seconds or 0.0)
        *others, last = _addresses(host, self.port)
        try:
            for number, self._dns_host in enumerate(others):
                self.timeout = _left(deadline) / (len(others) + 1 - number)
                with suppress(urllib3.exceptions.HTTPError):
                    return super()._new_conn()
            self._dns_host, self.timeout = last, _left(deadline)
            return super()._new_conn()
        finally:
            self._dns_host, self.timeout = host, seconds


class Adapter(HTTPAdapter):
    """Makes connections that have deadlines, through proxies too."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return a pool of such connections."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        kind = pool.ConnectionCls
        if not issubclass(kind, _Connection):
            pool.ConnectionCls = type(kind.__name__, (_Connection, kind), {})
        return pool


def _addresses(host: str, port: int | None) -> list[str]:
    """Return a host's addresses; the host itself if they can't be looked up: urllib3 then says why."""
    try:
        return list(
            dict.fromkeys(str(found[-1][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        )
    except (OSError, UnicodeError):
        return [host]


def _left(deadline: float) -> float:
    return max(0.01, deadline - time.monotonic())
