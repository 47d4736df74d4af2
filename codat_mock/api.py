"""Codat's endpoints, over a world."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import simplejson
from aiohttp import web

from codat_mock import language, views
from codat_mock.gate import ApiError
from codat_mock.holdings import INFO, UNDER_WAY, Company, Connection
from codat_mock.merchants import COMMERCE_TYPES, Merchant
from codat_mock.platforms import BY_KEY, PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from codat_mock.gate import Gate
    from codat_mock.holdings import Operation

COMMON_FIELDS = frozenset({"id", "name", "createdDate", "modifiedDate", "sourceModifiedDate"})
OPERATION_FIELDS = frozenset(
    {"id", "companyId", "connectionId", "dataType", "status", "requested", "completed", "progress"}
)
NOT_FOUND = 404
_NOW = datetime.now(UTC)
_EXAMPLE = Connection("", "", PLATFORMS[0], "", _NOW, Merchant("", PLATFORMS[0]), last_sync=_NOW)
CONNECTION_FIELDS = frozenset(views.connection(_EXAMPLE, ""))
COMPANY_FIELDS = frozenset(views.company(Company("", "", _NOW, connections={"": _EXAMPLE}), "")) - {"tags"}
SETTING = {"dataType": str, "fetchOnFirstLink": bool, "syncSchedule": int, "syncOrder": int}
SEGMENTS = {("commerce-info" if t == INFO else t): t for t in COMMERCE_TYPES}


class Api:
    """Codat's API behind a gate."""

    def __init__(self, gate: Gate) -> None:
        """Serve the gate's world."""
        self.gate, self.world = gate, gate.world
        self._ordered: dict[tuple[Any, ...], list[dict[str, Any]]] = {}

    def add_to(self, app: web.Application) -> None:
        """Add Codat's routes to an application."""
        company, connection = "/companies/{company}", "/companies/{company}/connections/{connection}"
        app.add_routes(
            [
                web.get("/companies", self.list_companies),
                web.post("/companies", self.create_company),
                web.get(company, self.get_company),
                web.get(company + "/connections", self.list_connections),
                web.post(company + "/connections", self.create_connection),
                web.get(connection, self.get_connection),
                web.get(connection + "/data/{segment}", self.get_data),
                web.get(company + "/dataStatus", self.get_data_status),
                web.get(company + "/data/history", self.list_operations),
                web.get(company + "/data/history/{operation}", self.get_operation),
                web.post(company + "/data/queue/{type}", self.queue_type),
                web.post(company + "/data/all", self.queue_all),
                web.get(company + "/syncSettings", self.get_company_settings),
                web.post(company + "/syncSettings", self.set_company_settings),
                web.get("/profile/syncSettings", self.get_settings),
                web.post("/profile/syncSettings", self.set_settings),
                web.get("/integrations", self.list_integrations),
                web.get("/integrations/{key}", self.get_integration),
            ]
        )

    @staticmethod
    def _select(
        asked: Mapping[str, str],
        results: list[dict[str, Any]],
        look_up: language.Resolve,
        ignored: Collection[str] = (),
    ) -> list[dict[str, Any]]:
        if "query" not in ignored and (query := asked.get("query")):
            test = language.parse(query, look_up)
            results = [r for r in results if test(r)]
        if "orderBy" not in ignored and (by := asked.get("orderBy")):
            look_up({}, by.removeprefix("-"))
            results = language.order(results, by, look_up)
        return results

    @staticmethod
    def _check_parameters(request: web.Request, refused: set[str]) -> None:
        if not_taken := refused & request.query.keys():
            raise ApiError(400, f"{request.path} does not take {', '.join(sorted(not_taken))}.")

    # Companies and connections

    def _company(self, request: web.Request) -> Company:
        company = self.world.companies.get(request.match_info["company"])
        if company is None:
            raise ApiError(404, f"Company {request.match_info['company']} not found")
        self.world.settle(company)
        return company

    def _connection(self, request: web.Request) -> Connection:
        connection = self._company(request).connections.get(request.match_info["connection"])
        if connection is None:
            raise ApiError(404, f"Data connection {request.match_info['connection']} not found")
        return connection

    async def list_companies(self, request: web.Request) -> web.Response:
        """GET /companies: `query` is over fields, `tags` over tags."""
        self._check_parameters(request, self.world.companies_refuse)
        if "query" in request.query and "pageSize" not in request.query:
            raise ApiError(400, "pageSize is required with a query.")
        every = [views.company(c, self._base(request)) for c in self.world.companies.values()]
        ignored = self.world.companies_ignore
        try:
            companies = self._select(request.query, every, self._company_field, ignored)
        except language.UnknownPropertyError:
            if "field" not in ignored:
                raise
            companies = every
        if (tags := request.query.get("tags")) and "tags" not in ignored:
            if re.search("[<>]", tags):
                raise ApiError(400, "Tags take the operators =, != and ~.")
            test = language.parse(tags, lambda company, name: company.get("tags", {}).get(name))
            companies = [c for c in companies if test(c)]
        return self.gate.page(request, companies)

    @staticmethod
    def _company_field(company: dict[str, Any], name: str) -> Any:
        """Look up a field of a company; of one of its connections' fields, all values."""
        first, _, rest = name.partition(".")
        if first != "dataConnections":
            return language.resolve(COMPANY_FIELDS, "Company")(company, name)
        of_connection = language.resolve(CONNECTION_FIELDS, "Connection")
        return [of_connection(c, rest) for c in [{}, *company.get(first, ())]]

    async def create_company(self, request: web.Request) -> web.Response:
        """POST /companies."""
        body = await self._body(request)
        if not isinstance(body.get("name"), str) or not body["name"].strip():
            raise ApiError(400, "name is required.")
        tags = body.get("tags") or {}
        if not isinstance(tags, dict) or not all(
            isinstance(v, str) for v in (body.get("description") or "", *tags.values())
        ):
            raise ApiError(400, "description has to be a text, tags an object of texts.")
        company = self.world.add_company(body["name"], body.get("description") or "", tags)
        return self.gate.reply(views.company(company, self._base(request)))

    async def get_company(self, request: web.Request) -> web.Response:
        """GET /companies/{id}."""
        return self.gate.reply(views.company(self._company(request), self._base(request)))

    async def list_connections(self, request: web.Request) -> web.Response:
        """GET /companies/{id}/connections."""
        every = [views.connection(c, self._base(request)) for c in self._company(request).connections.values()]
        look_up = language.resolve(CONNECTION_FIELDS, "Connection")
        return self.gate.page(request, self._select(request.query, every, look_up))

    async def create_connection(self, request: web.Request) -> web.Response:
        """POST /companies/{id}/connections."""
        company, body = self._company(request), await self._body(request)
        if not isinstance(body.get("platformKey"), str):
            raise ApiError(400, "platformKey is required.")
        if body["platformKey"] not in BY_KEY:
            raise ApiError(404, f"Integration {body['platformKey']} not found")
        connection = self.world.connect(company.id, body["platformKey"])
        return self.gate.reply(views.connection(connection, self._base(request)))

    async def get_connection(self, request: web.Request) -> web.Response:
        """GET /companies/{id}/connections/{id}."""
        return self.gate.reply(views.connection(self._connection(request), self._base(request)))

    # Data sets

    async def get_data(self, request: web.Request) -> web.Response:
        """GET a data set: 404 where the platform lacks it, 409 until its first good sync."""
        connection = self._connection(request)
        data_type = SEGMENTS.get(request.match_info["segment"])
        if data_type is None:
            raise ApiError(404, f"Datatype {request.match_info['segment']} not found")
        refusal = self.world.refusal(connection, data_type)
        if refusal == NOT_FOUND:
            raise ApiError(refusal, f"Datatype [{data_type}] not supported by platform(s) [{connection.platform.name}]")
        if refusal is not None:
            raise ApiError(refusal, f"Data type {data_type} has not been requested, or its sync has not finished.")
        if data_type in self.world.no_data:
            raise ApiError(404, f"No data available for {data_type} for ID {connection.id}")
        data_set = connection.data[data_type]
        if data_type == INFO:
            return self.gate.reply(data_set.records[""])
        if data_type == "commerce-locations":
            if {"query", "orderBy"} & request.query.keys():
                raise ApiError(400, "commerce-locations takes neither query nor orderBy.")
            records = self.world.shown(data_set)
        else:
            records = self._ordered_records(request, connection, data_type)
        if not self.world.twice.isdisjoint(data_set.records):
            records = [r for r in records for _ in range(2 if r["id"] in self.world.twice else 1)]
        return self.gate.page(request, records, odd=True)

    def _ordered_records(self, request: web.Request, connection: Connection, data_type: str) -> list[dict[str, Any]]:
        """Filter and order once for all pages of a read, not for each."""
        data_set, world = connection.data[data_type], self.world
        query, by = request.query.get("query"), request.query.get("orderBy", "")
        self._check_parameters(request, world.data_refuses)
        if by.removeprefix("-") in world.refused_orders:
            raise ApiError(400, f"{data_type} can't be ordered by {by}.")
        ways = (by.removeprefix("-") in world.ignored_orders, world.id_order, world.data_queries)
        key = (connection.id, data_type, data_set.version, frozenset(world.unstamped), query, by, *ways)
        if key not in self._ordered or world.unstable_ties:
            records = world.shown(data_set)
            if world.unstable_ties:
                world.random.shuffle(records)
            self._ordered.clear()
            self._ordered[key] = self._selected(request, records, data_type)
        return self._ordered[key]

    def _selected(self, request: web.Request, records: list[dict[str, Any]], data_type: str) -> list[dict[str, Any]]:
        world, asked = self.world, dict(request.query)
        if "query" in asked and world.data_queries == "nothing":
            return []
        if "query" in asked and world.data_queries == "exclusive":
            asked["query"] = asked["query"].replace(">=", ">")
        by = asked.get("orderBy", "")
        ignored = {"orderBy"} if by.removeprefix("-") in world.ignored_orders else set()
        chosen = self._select(asked, records, language.resolve(COMMON_FIELDS.union(*records), data_type), ignored)
        if by.removeprefix("-") == "id" and not ignored and world.id_order == "scattered":
            chosen.sort(key=lambda r: hashlib.sha256(r["id"].encode()).digest(), reverse=by.startswith("-"))
        return chosen

    async def get_data_status(self, request: web.Request) -> web.Response:
        """GET /companies/{id}/dataStatus."""
        return self.gate.reply(views.data_status(self.world, self._company(request)))

    async def list_operations(self, request: web.Request) -> web.Response:
        """GET /companies/{id}/data/history."""
        company, world = self._company(request), self.world
        if world.history_refused is not None:
            raise ApiError(world.history_refused, "The history of operations is not available.")
        self._check_parameters(request, world.history_refuses)
        every = [views.operation(o, company.id) for o in self._kept(world.told(company, None))]
        look_up = language.resolve(OPERATION_FIELDS, "Dataset")
        return self.gate.page(request, self._select(request.query, every, look_up, world.history_ignores))

    async def get_operation(self, request: web.Request) -> web.Response:
        """GET /companies/{id}/data/history/{id}."""
        company = self._company(request)
        for operation in self._kept(company.operations):
            if operation.id == request.match_info["operation"]:
                return self.gate.reply(views.operation(operation, company.id))
        raise ApiError(404, f"Dataset {request.match_info['operation']} not found")

    def _kept(self, operations: list[Operation]) -> list[Operation]:
        keeps = self.world.history_keeps
        return operations if keeps is None else operations[max(0, len(operations) - keeps) :]

    # Refreshing

    async def queue_type(self, request: web.Request) -> web.Response:
        """POST /companies/{id}/data/queue/{type}: refused while one is under way."""
        company, data_type = self._company(request), request.match_info["type"]
        if data_type not in COMMERCE_TYPES:
            raise ApiError(400, f"{data_type} is no data type.")
        connection_id = request.query.get("connectionId")
        if connection_id is not None and connection_id not in company.connections:
            raise ApiError(404, f"Data connection {connection_id} not found")
        under_way = [o for o in company.operations if o.data_type == data_type and o.status in UNDER_WAY]
        of_company = self.world.in_progress_of == "company"
        if any(of_company or connection_id in {None, o.connection_id} for o in under_way):
            before = f"previous sync {under_way[-1].id} is still in progress"
            words = (
                f"DatasetAlreadyInProgressException: {data_type} is being synced.",
                f"Cannot queue {data_type} sync for {company.id} as {before}",
            )[len(company.operations) % 2]
            raise ApiError(self.world.in_progress_status, words)
        begun = self.world.begin(company.id, connection_id, data_type)
        if not begun:
            raise ApiError(400, f"No linked connection of the company offers {data_type}.")
        return self.gate.reply(views.operation(begun[0], company.id))

    async def queue_all(self, request: web.Request) -> web.Response:
        """POST /companies/{id}/data/all: every type that is marked 'fetch on first link'."""
        company = self._company(request)
        for setting in company.settings or self.world.settings:
            if setting["fetchOnFirstLink"] and setting["dataType"] in COMMERCE_TYPES:
                self.world.begin(company.id, None, setting["dataType"])
        return self.gate.reply(None, 204)

    # Sync settings and integrations

    async def get_settings(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """GET /profile/syncSettings."""
        settings = self.world.settings
        return self.gate.reply({"clientId": self.world.client_id, "settings": settings, "overridesDefaults": True})

    async def set_settings(self, request: web.Request) -> web.Response:
        """POST /profile/syncSettings."""
        body = await self._body(request)
        if body.get("clientId") != self.world.client_id or not isinstance(body.get("overridesDefaults"), bool):
            raise ApiError(400, "clientId and overridesDefaults are required.")
        self.world.settings = self._changed(self.world.settings, body.get("settings"))
        return self.gate.reply(None, 204)

    async def get_company_settings(self, request: web.Request) -> web.Response:
        """GET /companies/{id}/syncSettings."""
        company = self._company(request)
        settings = company.settings or self.world.settings
        overrides = company.settings is not None
        return self.gate.reply({"companyId": company.id, "settings": settings, "overridesDefaults": overrides})

    async def set_company_settings(self, request: web.Request) -> web.Response:
        """POST /companies/{id}/syncSettings."""
        company, body = self._company(request), await self._body(request)
        company.settings = self._changed(company.settings or self.world.settings, body.get("settings"))
        return self.gate.reply(None, 204)

    @staticmethod
    def _changed(old: list[dict[str, Any]], new: object) -> list[dict[str, Any]]:
        if not isinstance(new, list) or not all(isinstance(s, dict) for s in new):
            raise ApiError(400, "settings has to be a list of objects.")
        if not all(type(s.get(name)) is kind for s in new for name, kind in SETTING.items()):
            raise ApiError(400, f"Each of settings needs {', '.join(SETTING)}, each of its type.")
        by_type = {s["dataType"]: s for s in old}
        for setting in new:
            before = by_type.get(setting["dataType"])
            if before is None:
                raise ApiError(400, f"{setting['dataType']} is no data type.")
            if before["isLocked"] and any(before.get(k) != v for k, v in setting.items()):
                raise ApiError(400, f"The sync setting of {setting['dataType']} is locked.")
            by_type[setting["dataType"]] = {**before, **setting}
        return list(by_type.values())

    async def list_integrations(self, request: web.Request) -> web.Response:
        """GET /integrations."""
        every = [views.integration(p) for p in PLATFORMS]
        return self.gate.page(
            request, self._select(request.query, every, language.resolve(frozenset(every[0]), "Integration"))
        )

    async def get_integration(self, request: web.Request) -> web.Response:
        """GET /integrations/{key}."""
        platform = BY_KEY.get(request.match_info["key"])
        if platform is None:
            raise ApiError(404, f"Integration {request.match_info['key']} not found")
        return self.gate.reply(views.integration(platform))

    @staticmethod
    async def _body(request: web.Request) -> dict[str, Any]:
        if request.content_type != "application/json":
            raise ApiError(415, f"{request.content_type} is not supported.")
        try:
            body = simplejson.loads(await request.text(), parse_float=Decimal)
        except (ValueError, RecursionError):
            raise ApiError(400, "The body is no JSON.") from None
        if not isinstance(body, dict):
            raise ApiError(400, "The body is no object.")
        return body

    @staticmethod
    def _base(request: web.Request) -> str:
        return f"http://{request.host}"
