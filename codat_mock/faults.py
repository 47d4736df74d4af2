"""What can be made to go wrong, on chosen requests."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web

Kind = Literal["status", "reset", "cut", "garbage", "json", "slow"]


@dataclass
class Fault:
    """One rule. The first that fits a request and is not used up is applied.

    Attributes:
        kind: `status` answers with an error; `reset` breaks the connection; `cut` ends it within the body;
            `garbage` answers with something that is no JSON, `json` with `body`; `slow` answers after `seconds`.
        path: a regular expression that is searched for in the path.
        page: only requests for this page.
        skip: how many requests that fit are let through first.
        times: how often it is applied, 0 for always.
        status, message, headers: of the error.
        seconds: how slow.
        body: the whole answer.
    """

    kind: Kind = "status"
    path: str = ""
    method: str = "GET"
    page: int | None = None
    skip: int = 0
    times: int = 1
    status: int = 500
    message: str = "Something went wrong."
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    body: str = "{}"
    seen: int = 0

    def strikes(self, request: web.Request) -> bool:
        """Say whether this request is to go wrong, and count it."""
        fits = (
            request.method == self.method
            and re.search(self.path, request.path)
            and self.page in {None, int(request.query.get("page", "1"))}
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
