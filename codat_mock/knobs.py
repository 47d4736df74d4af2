"""The stand-in's own endpoints, below `/_mock/`: make things happen, make them go wrong, see what was asked.

GET, DELETE  /_mock/asked                        the requests so far; forget them
POST, DELETE /_mock/faults                       add a fault (the fields of `faults.Fault`); remove all
PUT          /_mock/latency                      {"seconds": 0.15}
PUT          /_mock/quota                        {"perDay": 100, "perMinute": 1000}, null for Codat's rule
POST         /_mock/status                       {"companyId", "dataType", "status", "afterGood"}
POST         /_mock/sync                         {"companyId", "connectionId", "dataTypes", "restamp", "add", "remove"}
POST         /_mock/begin                        {"companyId", "connectionId", "dataType", "status",
                                                 "statusDescription", "restamp", "add", "remove"}: a sync that stays
                                                 under way, as Fetching unless told, and what it will change; answered
                                                 with its id, or those of several connections
POST         /_mock/reveal                       {"id", "count"}: so many of its changes are visible now
POST         /_mock/finish                       {"id", "restamp", "add", "remove"}: the rest too, and more if wanted
POST         /_mock/fail                         {"id", "status"}: the rest never; FetchError unless told
POST         /_mock/remove                       {"connectionId", "dataType", "ids"}: gone, without a sync
PUT          /_mock/world                        how the world uses the freedom that Codat's documentation leaves: any
                                                 of the names below, which `freedoms.Freedoms` explains; any other name
                                                 is answered with 400, and then nothing is set
GET          /_mock/records/{connection}/{type}  what is held, for comparison

{"syncSeconds": 2.0, "statusByRequest": false, "notSupportedOperations": false, "lastSyncMoves": "end", "lag": 0,
 "stamps": "platform", "skewSeconds": 0, "skewed": 0, "unstableTies": false, "twice": [], "unstamped": [],
 "refusedOrders": [], "historyRefused": null, "historyRefuses": [], "historyKeeps": null, "neverSynced": "named",
 "inProgressStatus": 400, "inProgressOf": "connection", "products": ["lending"], "noData": [], "companiesRefuse": [],
 "dataRefuses": [], "companiesIgnore": [], "historyIgnores": [], "dataQueries": "all", "idOrder": "text",
 "ignoredOrders": [], "maxPageSize": 5000, "maxPage": null, "toldPageSize": "own", "totals": "all",
 "greatestTotal": null, "totalsOff": 0, "ownLinks": true, "nextLinks": true, "rateLimitHeaders": true,
 "compressed": true, "samePage": false, "circularLinks": false}
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from codat_mock.faults import Fault
from codat_mock.holdings import UNDER_WAY
from codat_mock.merchants import COMMERCE_TYPES

if TYPE_CHECKING:
    from codat_mock.gate import Gate
    from codat_mock.holdings import Connection, Operation


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
                web.post("/_mock/begin", self.begin),
                web.post("/_mock/reveal", self.reveal),
                web.post("/_mock/finish", self.finish),
                web.post("/_mock/fail", self.fail),
                web.post("/_mock/remove", self.remove),
                web.put("/_mock/world", self.set_world),
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
        changes = self._changes(body)
        companies = [body["companyId"]] if "companyId" in body else list(self.world.companies)
        done = [o for c in companies for o in self.world.sync(c, body.get("connectionId"), types, **changes)]
        return self.gate.reply({"syncIds": [o.id for o in done]})

    async def begin(self, request: web.Request) -> web.Response:
        """Let a sync begin that stays under way, with what it will change."""
        body = await request.json()
        description = body.get("statusDescription", "")
        status = body.get("status", "Fetching")
        which = (body["companyId"], body.get("connectionId"), body["dataType"])
        begun = self.world.begin(*which, status, description=description)
        changes = self._changes(body)
        for operation in begun if any(changes.values()) else ():
            if operation.status in UNDER_WAY:
                self.world.plan(operation, **changes)
        return self.gate.reply({"syncIds": [o.id for o in begun]})

    async def reveal(self, request: web.Request) -> web.Response:
        """Make some of what a sync changes visible."""
        body = await request.json()
        return self.gate.reply({"ids": self.world.reveal(self._operation(body["id"]), int(body["count"]))})

    async def finish(self, request: web.Request) -> web.Response:
        """Let a sync end well."""
        body = await request.json()
        self.world.finish(self._operation(body["id"]), **self._changes(body))
        return self.gate.reply(None, 204)

    async def fail(self, request: web.Request) -> web.Response:
        """Let a sync end in vain."""
        body = await request.json()
        self.world.fail(self._operation(body["id"]), body.get("status", "FetchError"))
        return self.gate.reply(None, 204)

    async def remove(self, request: web.Request) -> web.Response:
        """Remove records without a sync."""
        body = await request.json()
        self.world.remove(self._connection(body["connectionId"]), body["dataType"], body["ids"])
        return self.gate.reply(None, 204)

    async def set_world(self, request: web.Request) -> web.Response:
        """Set how the world uses its freedom."""
        try:
            self.world.set_free(await request.json())
        except ValueError as exc:
            raise web.HTTPBadRequest(text=str(exc)) from None
        return self.gate.reply(None, 204)

    async def records(self, request: web.Request) -> web.Response:
        """Return the records of a data set, as they are."""
        connection = self._connection(request.match_info["connection"])
        data_set = connection.data.get(request.match_info["type"])
        return self.gate.reply(list(data_set.records.values()) if data_set else [])

    @staticmethod
    def _changes(body: dict[str, Any]) -> dict[str, int]:
        return {k: int(body.get(k, 0)) for k in ("restamp", "add", "remove")}

    def _operation(self, operation_id: str) -> Operation:
        for company in self.world.companies.values():
            for operation in company.operations:
                if operation.id == operation_id:
                    return operation
        raise web.HTTPNotFound(text=f"There is no operation {operation_id}.")

    def _connection(self, connection_id: str) -> Connection:
        for connection in self.world.connections():
            if connection.id == connection_id:
                return connection
        raise web.HTTPNotFound(text=f"There is no connection {connection_id} that holds data sets.")

    @staticmethod
    def _made(kind: type[Fault], body: dict[str, Any]) -> Fault:
        try:
            return kind(**body)
        except TypeError as exc:
            raise web.HTTPBadRequest(reason=str(exc)) from None
