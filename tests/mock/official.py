"""Asks the stand-in for all that the tap and the commands ask for, by Codat's own clients, in an environment of theirs.

`python official.py ADDRESS AUTHORIZATION` prints an object: of each endpoint, why the client could not take answers.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from codat_lending import CodatLending
from codat_platform import CodatPlatform
from codat_platform.models.shared.security import Security

SALES = (
    *("customers", "disputes", "locations", "orders", "payment_methods"),
    *("payments", "product_categories", "products", "transactions"),
)
found: dict[str, list[str]] = {}


def tried(name: str, call: Any, /, **request: Any) -> Any:
    """Make a request; note what came of it."""
    try:
        answer = call(request=request) if request else call()
    except Exception as exc:  # noqa: BLE001 - whatever a client may raise
        found.setdefault(name, []).append(f"{type(exc).__name__}: {exc}")
        return None
    found.setdefault(name, [])
    return answer


def main(address: str, authorization: str) -> None:
    """Ask for everything, of every company and connection."""
    key = Security(auth_header=authorization)
    platform = CodatPlatform(server_url=address, security=key)
    lending = CodatLending(server_url=address, security=key)
    company = tried("create company", platform.companies.create, name="Blue Door")
    made = company and tried(
        "create connection",
        platform.connections.create,
        company_id=company.id,
        request_body={"platformKey": "fztf"},
    )
    assert made is None or made.link_url
    tried("integrations", platform.integrations.list, page=1, page_size=5)
    tried("integration", platform.integrations.get, platform_key="fztf")
    settings = tried("settings", platform.settings.get_sync_settings)
    if settings:
        body = {
            "clientId": settings.client_id,
            "overridesDefaults": True,
            "settings": settings.model_dump()["settings"],
        }
        tried("set settings", platform.settings.update_sync_settings, **body)
    companies = tried("companies", platform.companies.list, page=1, page_size=100, query="name!=x")
    for one in companies.results if companies else ():
        of_company(platform, lending, one.id)
    json.dump(found, sys.stdout)


def of_company(platform: Any, lending: Any, company_id: str) -> None:
    """Ask for all of a company."""
    tried("company", platform.companies.get, company_id=company_id)
    tried("company's settings", platform.companies.get_company_sync_settings, company_id=company_id)
    tried("data status", platform.refresh_data.get, company_id=company_id)
    operations = tried("history", platform.refresh_data.list_pull_operations, company_id=company_id, page_size=5)
    for operation in operations.results if operations else ():
        tried("operation", platform.refresh_data.get_pull_operation, company_id=company_id, dataset_id=operation.id)
    tried("refresh one", platform.refresh_data.by_data_type, company_id=company_id, data_type="commerce-orders")
    tried("refresh all", platform.refresh_data.all, company_id=company_id)
    connections = tried("connections", platform.connections.list, company_id=company_id, page_size=100)
    for connection in connections.results if connections else ():
        ids = {"company_id": company_id, "connection_id": connection.id}
        tried("connection", platform.connections.get, **ids)
        tried("company info", lending.company_info.get_commerce_profile, **ids)
        for name in SALES:
            tried(name, getattr(lending.sales, name).list, **ids)


if __name__ == "__main__":
    main(*sys.argv[1:])
