"""The stand-in's own endpoints, below `/_mock/`: make things happen, make them go wrong, see what was asked.

GET, DELETE  /_mock/asked                        the requests so far; forget them
POST, DELETE /_mock/faults                       add a fault (the fields of `faults.Fault`); remove all
PUT          /_mock/latency                      {"seconds": 0.15}
PUT          /_mock/quota                        {"perDay": 100, "perMinute": 1000}, null for Codat's rule
POST         /_mock/status                       {"companyId", "dataType", "status", "afterGood"}
POST         /_mock/sync                         {"companyId", "connectionId", "dataTypes", "restamp", "add", "remove"}
GET          /_mock/records/{connection}/{type}  what is held, for comparison
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from codat_mock.faults import Fault
from codat_mock.platforms import COMMERCE_TYPES

if TYPE_CHECKING:
    from codat_mock.gate import Gate


class Knobs:
    """The knobs of one stand-in."""

    def __init__(self, gate: Gate) -> None:
        """Turn what is behind the gate."""
        self.gate, self.world = gate, gate.world

    def add_to(self, app: web.Application) -> None:
        """Add the routes to an application."""
        app.add_routes(
            [
                web.get("/_mock/asked", self.asked),
                web.delete("/_mock/asked", self.forget),
                web.post("/_mock/faults", self.add_fault),
                web.delete("/_mock/faults", self.remove_faults),
                web.put("/_mock/latency", self.set_latency),
                web.put("/_mock/quota", self.set_quota),
                web.post("/_mock/status", self.set_status),
                web.post("/_mock/sync", self.sync),
                web.get("/_mock/records/{connection}/{type}", self.records),
            ]
        )

    async def asked(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """Return the requests so far."""
        return self.gate.reply({"asked": [asdict(a) for a in self.gate.asked], "mostAtOnce": self.gate.most_in_flight})

    async def forget(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """Forget the requests so far."""
        self.gate.asked.clear()
        self.gate.most_in_flight = 0
        return self.gate.reply(None, 204)

    async def add_fault(self, request: web.Request) -> web.Response:
        """Add a fault."""
        self.gate.faults.append(self._made(Fault, await request.json()))
        return self.gate.reply(None, 204)

    async def remove_faults(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """Remove all faults."""
        self.gate.faults.clear()
        return self.gate.reply(None, 204)

    async def set_latency(self, request: web.Request) -> web.Response:
        """Set the seconds before each answer."""
        self.gate.latency = float((await request.json())["seconds"])
        return self.gate.reply(None, 204)

    async def set_quota(self, request: web.Request) -> web.Response:
        """Set the requests allowed in a day, counted from the start, and in a minute."""
        body = await request.json()
        self.gate.quota = body.get("perDay")
        self.gate.per_minute = body.get("perMinute", self.gate.per_minute)
        return self.gate.reply(None, 204)

    async def set_status(self, request: web.Request) -> web.Response:
        """Put a data type into a status."""
        body = await request.json()
        after_good = body.get("afterGood", False)
        self.world.set_status(body["companyId"], body["dataType"], body.get("status"), after_good=after_good)
        return self.gate.reply(None, 204)

    async def sync(self, request: web.Request) -> web.Response:
        """Let a sync happen now: of one company or all, one connection or all, some data types or all."""
        body = await request.json()
        types = tuple(body.get("dataTypes") or COMMERCE_TYPES)
        found = {k: int(body.get(k, 0)) for k in ("restamp", "add", "remove")}
        companies = [body["companyId"]] if "companyId" in body else list(self.world.companies)
        done = [o for c in companies for o in self.world.sync(c, body.get("connectionId"), types, **found)]
        return self.gate.reply({"syncIds": [o.id for o in done]})

    async def records(self, request: web.Request) -> web.Response:
        """Return the records of a data set, as they are."""
        connection = next(c for c in self.world.connections() if c.id == request.match_info["connection"])
        data_set = connection.data.get(request.match_info["type"])
        return self.gate.reply(list(data_set.records.values()) if data_set else [])

    @staticmethod
    def _made(kind: type[Fault], body: dict[str, Any]) -> Fault:
        try:
            return kind(**body)
        except TypeError as exc:
            raise web.HTTPBadRequest(reason=str(exc)) from None
