"""How the stand-in's things look in Codat's answers."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from codat_mock.holdings import FAILED
from codat_mock.merchants import COMMERCE_TYPES
from codat_mock.platforms import OTHER_TYPES, Platform, written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from codat_mock.holdings import Company, Connection, Operation
    from codat_mock.world import World

Fields = dict[str, Any]
IDS = uuid.UUID("6f0a1f3e-54a5-4a43-9a53-1e3b0d1c0f55")


def present(fields: Fields) -> Fields:
    """Return fields as Codat shows them: what there is not is left out, not null."""
    return {name: value for name, value in fields.items() if value is not None}


def _date(moment: datetime | None) -> str | None:
    return written(moment, "ticks") if moment else None


def company(one: Company, base: str) -> Fields:
    """Return a company with its connections."""
    syncs = [c.last_sync for c in one.connections.values() if c.last_sync]
    fields = {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "platform": "",
        "redirect": f"{base}/link/company/{one.id}?{_password(one.id)}",
        "lastSync": _date(max(syncs, default=None)),
        "created": _date(one.created),
        "createdByUserName": "Ada Okafor",
        "products": list(one.products),
        "ownerUserIds": [str(uuid.uuid5(IDS, f"owner/{one.id}"))],
        "tags": one.tags,
        "referenceSubsidiaryCompanies": [],
        "dataConnections": [connection(c, base) for c in one.connections.values()],
    }
    return present(fields)


def connection(one: Connection, base: str) -> Fields:
    """Return a connection."""
    fields = {
        "id": one.id,
        "integrationId": _integration_id(one.platform),
        **({} if one.keyless else {"integrationKey": one.platform.key}),
        "sourceId": str(uuid.uuid5(IDS, f"source/{one.platform.key}")),
        "platformName": one.platform.name,
        "linkUrl": f"{base}/link/company/{one.company_id}/connection/{one.id}?{_password(one.id)}",
        "status": one.status,
        "lastSync": _date(one.last_sync),
        "created": _date(one.created),
        "sourceType": one.platform.source_type,
        "dataConnectionErrors": _errors(one),
        "connectionInfo": {"shop": one.merchant.name, "scopes": ["read"]} if one.syncs else None,
    }
    return present(fields)


def _errors(one: Connection) -> list[Fields]:
    if one.status != "Deauthorized":
        return []
    details = {"statusCode": "401", "statusText": "Unauthorized", "errorMessage": "The shop has withdrawn its consent."}
    return [{**details, "erroredOnUtc": _date(one.created), "status": "Active", "resolvedOnUtc": None}]


def data_status(world: World, one: Company) -> Fields:
    """Return the status of each data type. Of those never synced, some are null and some hold only their name."""
    answer: Fields = {}
    for position, data_type in enumerate((*OTHER_TYPES, *COMMERCE_TYPES)):
        told = world.told(one, data_type)
        latest = world.latest(one, data_type, operations=told)
        good = world.latest_good(one, data_type, operations=told)
        if latest is None:
            offered = [c for c in one.connections.values() if c.syncs and data_type not in c.platform.lacks]
            if data_type in COMMERCE_TYPES and not offered and any(c.syncs for c in one.connections.values()):
                answer[data_type] = {"dataType": data_type, "currentStatus": "NotSupported"}
            elif world.never_synced == "named":
                answer[data_type] = None if position % 2 else {"dataType": data_type}
            continue
        answer[data_type] = {"dataType": data_type, "currentStatus": latest.status, "latestSyncId": latest.id}
        if good:
            answer[data_type] |= {"lastSuccessfulSync": _date(good.completed), "latestSuccessfulSyncId": good.id}
    return answer


def operation(one: Operation, company_id: str) -> Fields:
    """Return a pull operation."""
    fields = {
        "id": one.id,
        "companyId": company_id,
        "connectionId": one.connection_id,
        "dataType": one.data_type,
        "status": one.status,
        "statusDescription": one.status_description,
        "errorMessage": "The platform answered with an error." if one.status in FAILED else None,
        "requested": _date(one.requested),
        "completed": _date(one.completed),
        "progress": 100 if one.good else 0,
        "isCompleted": one.good,
        "isErrored": one.status in FAILED,
    }
    return present(fields)


def integration(one: Platform) -> Fields:
    """Return a platform as an integration."""
    return {
        "key": one.key,
        "logoUrl": f"https://static.example/{one.key}.png",
        "name": one.name,
        "enabled": True,
        "sourceId": str(uuid.uuid5(IDS, f"source/{one.key}")),
        "sourceType": one.source_type,
        "integrationId": _integration_id(one),
        "isOfflineConnector": False,
        "isBeta": False,
        "dataProvidedBy": one.name,
    }


def envelope(  # noqa: PLR0913 - the parts of an address, and what may be odd
    results: list[Fields],
    path: str,
    query: Mapping[str, str],
    page: int,
    size: int,
    *,
    told: int,
    same: bool = False,
    circular: bool = False,
) -> Fields:
    """Return one page of a list, in Codat's envelope, which tells a size; with `same` always the first."""

    def link(number: int) -> Fields:
        others = {k: v for k, v in query.items() if k not in {"page", "pageSize"}}
        return {"href": f"{path}?{urlencode({'page': number, 'pageSize': told, **others})}"}

    links = {"self": {"href": path}, "current": link(page)}
    if same or page * size < len(results):
        links["next"] = link(page + 1)
    elif circular:
        links["next"] = link(1)
    if page > 1:
        links["previous"] = link(page - 1)
    first = 0 if same else (page - 1) * size
    return {
        "results": results[first : first + size],
        "pageNumber": page,
        "pageSize": told,
        "totalResults": len(results),
        "_links": links,
    }


def error(status: int, message: str, correlation_id: str) -> Fields:
    """Return an error in Codat's form; that of an account's limits says the reason elsewhere."""
    limit = status == 402  # noqa: PLR2004 - the status itself is the clearest name
    item = {"itemId": None, "message": message, "validatorName": None}
    return {
        "statusCode": status,
        "service": "PublicApi",
        "error": "Payment Required" if limit else message,
        "correlationId": correlation_id,
        "validation": {"errors": [item], "warnings": None} if limit else None,
        "canBeRetried": "True" if status >= 429 else "False",  # noqa: PLR2004
        "detailedErrorCode": 0,
    }


def _password(of: str) -> str:
    """Return the one-time password that a link may carry."""
    return f"otp={uuid.uuid5(IDS, f'password/{of}').hex}"


def _integration_id(one: Platform) -> str:
    return str(uuid.uuid5(IDS, f"integration/{one.key}"))
