"""What can be made to go wrong, on chosen requests."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from aiohttp import web

Kind = Literal["status", "reset", "cut", "garbage", "json", "slow", "spoil", "raw", "bomb"]

MOST_UNSENT = 2**20
SHORTEST = 0.0005
"""Seconds between two pieces: others are to be answered meanwhile."""


@dataclass
class Fault:
    """One rule. The first that fits a request and is not used up is applied.

    Attributes:
        kind: `status` answers with an error; `reset` breaks the connection; `cut` ends it within the body;
            `garbage` answers with something that is no JSON, `json` with `body`; `slow` answers after `seconds`;
            `spoil` puts `body` in the place of what `find` matches first in the true answer; `raw` sends `body` as it
            is, head and all, then `piece` every `seconds` until the client goes (without a `piece`, it waits);
            `bomb` answers with so many `megabytes`, compressed.
        path: a regular expression that is searched for in the path.
        page: only requests for this page.
        asked: a regular expression that is searched for in the parameters, as `name=value&name=value`.
        skip: how many requests that fit are let through first.
        times: how often it is applied, 0 for always.
        status, message, headers: of the error.
        seconds: how slow.
        body, piece: see `kind`; for `spoil` and `raw`, each character stands for the byte of its number.
        find: a regular expression.
    """

    kind: Kind = "status"
    path: str = ""
    method: str = "GET"
    page: int | None = None
    asked: str = ""
    skip: int = 0
    times: int = 1
    status: int = 500
    message: str = "Something went wrong."
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    body: str = "{}"
    find: str = ""
    piece: str = ""
    megabytes: int = 0
    seen: int = 0

    def strikes(self, request: web.Request) -> bool:
        """Say whether this request is to go wrong, and count it."""
        fits = (
            request.method == self.method
            and re.search(self.path, request.path)
            and self.page in {None, int(request.query.get("page", "1"))}
            and re.search(self.asked, "&".join(f"{name}={value}" for name, value in request.query.items()))
        )
        if not fits:
            return False
        self.seen += 1
        return self.seen > self.skip and (not self.times or self.seen <= self.skip + self.times)


async def reset(request: web.Request) -> web.StreamResponse:
    """Break the connection, so that the client sees a reset."""
    if request.transport is not None:
        peer = request.transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response(status=500)


async def cut(request: web.Request, whole: bytes) -> web.StreamResponse:
    """Send half of the body, then close."""
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(whole))})
    await response.prepare(request)
    await response.write(whole[: len(whole) // 2])
    await asyncio.sleep(0)
    if request.transport is not None:
        request.transport.close()
    return response


async def raw(request: web.Request, fault: Fault) -> web.StreamResponse:
    """Send what the fault says, byte for byte, for as long as the client takes it."""
    transport = request.transport
    if transport is not None:
        transport.write(fault.body.encode("latin-1"))
        while (fault.piece or fault.seconds) and not transport.is_closing():
            if transport.get_write_buffer_size() < MOST_UNSENT:
                transport.write(fault.piece.encode("latin-1"))
            await asyncio.sleep(max(fault.seconds, SHORTEST))
        transport.close()
    return web.Response()


def spoilt(answer: web.StreamResponse, fault: Fault) -> web.Response:
    """Return an answer with something else in the place of what the fault finds."""
    body = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
    put = fault.body.encode("latin-1")
    return web.Response(
        body=re.sub(fault.find.encode("latin-1"), lambda _: put, body, count=1), content_type="application/json"
    )


@lru_cache
def bomb(megabytes: int) -> bytes:
    """Return so many megabytes, compressed to a thousandth."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b" " * 2**20) for _ in range(megabytes)) + packer.flush()
