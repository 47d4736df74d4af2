"""What every request to the stand-in goes through: key, limits, faults, the log; and how every answer is made."""

from __future__ import annotations

import asyncio
import base64
import math
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import simplejson
from aiohttp import web

from codat_mock import faults, language, views

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from codat_mock.world import World

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

OUTSIDE = ("/_mock/", "/link/")
"""What the paths begin with that need no key: the stand-in's own knobs, and the pages for merchants."""

QUOTA_PER_COMPANY = 1000
CONCURRENT_PER_COMPANY = 10


class ApiError(Exception):
    """An error answer."""

    def __init__(self, status: int, message: str) -> None:
        """Keep status and message."""
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(frozen=True)
class Asked:
    """A request that came in, for tests to count."""

    method: str
    path: str
    query: dict[str, str]
    status: int
    at: float
    """When it came, in seconds of a clock that only goes forward."""


class Gate:
    """The gate before a world's API, for those who have the key (given as raw text).

    Attributes:
        latency: seconds before each answer.
        faults: what is to go wrong.
        asked: the requests so far; `in_flight` and `most_in_flight` count those at once.
        quota: requests a day, None for Codat's rule.
        per_minute: requests a minute.
    """

    def __init__(self, world: World, api_key: str = "codat-mock-key") -> None:
        """Begin with nothing asked."""
        self.world = world
        self.authorization = "Basic " + base64.b64encode(api_key.encode()).decode()
        self.latency = 0.0
        self.faults: list[faults.Fault] = []
        self.asked: list[Asked] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.quota: int | None = None
        self.per_minute = 1000
        self._used = 0
        self._minute: list[float] = []

    @web.middleware
    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through to its handler, and log it; the knobs are outside the gate."""
        if request.path.startswith(OUTSIDE):
            return await handler(request)
        at = asyncio.get_running_loop().time()
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            response = await self._checked(request, handler)
        finally:
            self.in_flight -= 1
        response.headers["Date"] = format_datetime(self.world.now, usegmt=True)
        self.asked.append(Asked(request.method, request.path, dict(request.query), response.status, at))
        return response

    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.latency:
            await asyncio.sleep(self.latency)
        try:
            self._check_key(request)
            if (wait := self._over_limit()) is not None:
                response = self._error(429, "The request rate limit was exceeded.")
                response.headers["Retry-After"] = str(math.ceil(wait))
                return response
            fault = next((f for f in self.faults if f.strikes(request)), None)
            if fault is None or fault.kind == "slow":
                await asyncio.sleep(fault.seconds if fault else 0)
                return await handler(request)
            return await self._spoiled(request, handler, fault)
        except ApiError as exc:
            return self._error(exc.status, exc.message)
        except language.QueryError as exc:
            return self._error(400, f"Error parsing query - {exc}.")
        except web.HTTPException as exc:
            return self._error(exc.status, exc.reason)

    def _check_key(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != self.authorization:
            raise ApiError(401, "Unauthorized")

    async def _spoiled(self, request: web.Request, handler: Handler, fault: faults.Fault) -> web.StreamResponse:
        if fault.kind == "reset":
            return await faults.reset(request)
        if fault.kind == "garbage":
            return web.Response(text="<html><body>502 Bad Gateway</body></html>", content_type="text/html")
        if fault.kind == "json":
            return web.Response(text=fault.body, content_type="application/json")
        if fault.kind == "raw":
            return await faults.raw(request, fault)
        if fault.kind == "bomb":
            return web.Response(body=faults.bomb(fault.megabytes), headers={"Content-Encoding": "gzip"})
        if fault.kind == "spoil":
            return faults.spoilt(await handler(request), fault)
        if fault.kind == "cut":
            whole = await handler(request)
            return await faults.cut(request, bytes(whole.body) if isinstance(whole, web.Response) else b"")  # type: ignore[arg-type]
        response = self._error(fault.status, fault.message)
        response.headers.update(fault.headers)
        return response

    def _over_limit(self) -> float | None:
        """Count the request; return the seconds to wait if it is one too many."""
        clock = asyncio.get_running_loop().time()
        self._minute = [t for t in self._minute if t > clock - 60]
        if len(self._minute) >= self.per_minute:
            return self._minute[0] + 60 - clock
        if self.in_flight > CONCURRENT_PER_COMPANY * max(1, self._active()):
            return 1
        if self._used >= self._quota():
            return (self._midnight() - datetime.now(UTC)).total_seconds()
        self._minute.append(clock)
        self._used += 1
        return None

    def _active(self) -> int:
        return sum(any(c.status == "Linked" for c in o.connections.values()) for o in self.world.companies.values())

    def _quota(self) -> int:
        return self.quota if self.quota is not None else QUOTA_PER_COMPANY * (1 + self._active())

    @staticmethod
    def _midnight() -> datetime:
        return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)

    def reply(self, body: Any, status: int = 200) -> web.Response:
        """Return an answer with Codat's rate-limit headers."""
        quota = self._quota()
        told = {
            "X-Rate-Limit-Limit": str(quota),
            "X-Rate-Limit-Remaining": str(max(0, quota - self._used)),
            "X-Rate-Limit-Reset": f"{self._midnight():%a, %d %b %Y %H:%M:%S GMT}",
        }
        headers = told if self.world.rate_limit_headers else {}
        if status == 204:  # noqa: PLR2004
            return web.Response(status=status, headers=headers)
        text = simplejson.dumps(body, use_decimal=True, ensure_ascii=False)
        response = web.Response(text=text, status=status, headers=headers, content_type="application/json")
        if self.world.compressed:
            response.enable_compression()
        return response

    def _error(self, status: int, message: str) -> web.Response:
        return self.reply(views.error(status, message, uuid.uuid4().hex), status)

    def page(self, request: web.Request, results: list[dict[str, Any]], *, odd: bool = False) -> web.Response:
        """Return the page of a list that a request asks for.

        Args:
            request: what was asked.
            results: the whole list.
            odd: whether the page may be as the world's freedoms have those of data sets.
        """
        page, size, world = self._whole(request, "page", 1), self._whole(request, "pageSize", 100), self.world
        if not 1 <= size <= world.max_page_size:
            raise ApiError(400, f"pageSize must be between 1 and {world.max_page_size}.")
        if page < 1:
            raise ApiError(400, "page must be 1 or more.")
        asked, size = size, min(size, world.max_page or size)
        same, circular = odd and world.same_page, world.circular_links
        told = asked if world.told_page_size == "asked" else size
        where = request.path, request.query, page, size
        body = views.envelope(results, *where, told=told, same=same, circular=circular)
        if odd:
            self._tell_oddly(body, last=page * size)
        left_out = {"next": not world.next_links, "self": not world.own_links, "current": not world.own_links}
        body["_links"] = {name: link for name, link in body["_links"].items() if not left_out.get(name)}
        return self.reply(body)

    def _tell_oddly(self, body: dict[str, Any], last: int) -> None:
        """Have the page of a data set, which ends at the record of the number `last`, tell another total."""
        world, greatest = self.world, self.world.greatest_total
        total = len(body["results"]) if world.totals == "page" else body["totalResults"]
        body["totalResults"] = total + world.totals_off if greatest is None else min(total, greatest)
        if greatest is not None and last >= greatest:
            body["_links"].pop("next", None)

    @staticmethod
    def _whole(request: web.Request, name: str, default: int) -> int:
        try:
            return int(request.query.get(name, default))
        except ValueError:
            raise ApiError(400, f"{name} must be a whole number.") from None
