"""A tap for the same API, written as the SDK's template and its guides have it, to compare with.

No look at data status, no proof, no limits: companies lead to connections, connections to data sets, a page at a time.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import APIKeyAuthenticator
from singer_sdk.pagination import BasePageNumberPaginator
from singer_sdk.streams import RESTStream

from tap_codat_commerce.records import schemas

if TYPE_CHECKING:
    from collections.abc import Iterable

    import requests
    from singer_sdk.helpers.types import Context, Record


class Pages(BasePageNumberPaginator):
    """Counts pages as long as there is a next one."""

    def has_more(self, response: requests.Response) -> bool:
        """Say whether there is."""
        return "next" in response.json().get("_links", {})


class PlainStream(RESTStream[int]):
    """What all streams share."""

    records_jsonpath = "$.results[*]"

    @property
    def url_base(self) -> str:
        """Where the API is."""
        return str(self.config["api_url"])

    @property
    def authenticator(self) -> APIKeyAuthenticator:
        """The key."""
        key = base64.b64encode(self.config["api_key"].encode()).decode()
        return APIKeyAuthenticator(key="Authorization", value=f"Basic {key}", location="header")

    def get_new_paginator(self) -> Pages:
        """Begin with page one."""
        return Pages(1)

    def get_url_params(self, context: Context | None, next_page_token: int | None) -> dict[str, Any]:
        """Ask for a page of what was modified since the bookmark."""
        params: dict[str, Any] = {"page": next_page_token or 1, "pageSize": self.config["page_size"]}
        if self.replication_key:
            params["orderBy"] = self.replication_key
            if start := self.get_starting_replication_key_value(context):
                params["query"] = f"{self.replication_key}>={start}"
        return params


class Companies(PlainStream):
    """Companies."""

    name, path, primary_keys, schema = "companies", "/companies", ("id",), schemas.COMPANIES

    def get_child_context(self, record: Record, context: Context | None) -> Context | None:  # noqa: ARG002
        """Lead on to its connections."""
        return {"companyId": record["id"], "connections": record["dataConnections"]}


class Connections(PlainStream):
    """Connections, which come with their company."""

    name, path, primary_keys, schema = "connections", "", ("companyId", "id"), schemas.CONNECTIONS
    parent_stream_type = Companies
    state_partitioning_keys = ("companyId",)

    def get_records(self, context: Context | None) -> Iterable[dict[str, Any]]:
        """Yield them."""
        yield from (context or {})["connections"]

    def get_child_context(self, record: Record, context: Context | None) -> Context | None:
        """Lead on to its data sets."""
        return {"companyId": (context or {})["companyId"], "connectionId": record["id"]}


class DataSet(PlainStream):
    """A data set."""

    parent_stream_type = Connections
    primary_keys: tuple[str, ...] = ("companyId", "connectionId", "id")
    replication_key: str | None = "modifiedDate"


class Info(DataSet):
    """The shop itself."""

    records_jsonpath = "$"
    primary_keys = ("companyId", "connectionId")
    replication_key = None


def data_set(name: str, segment: str, base: type[DataSet] = DataSet) -> type[DataSet]:
    """Return the stream of a data set."""
    path = "/companies/{companyId}/connections/{connectionId}/data/" + segment
    return type(name, (base,), {"name": name, "path": path, "schema": getattr(schemas, name.upper())})


class PlainTap(Tap):
    """The tap."""

    name = "plain-tap"
    package_name = "tap-codat-commerce"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("api_key", th.StringType, required=True, secret=True),
        th.Property("api_url", th.StringType, required=True),
        th.Property("page_size", th.IntegerType, default=1000),
    ).to_dict()

    def discover_streams(self) -> list[PlainStream]:
        """Return the streams."""
        return [
            Companies(self),
            Connections(self),
            *(
                data_set(name, segment, Info if name == "company_info" else DataSet)(self)
                for name, segment in (
                    ("customers", "commerce-customers"),
                    ("disputes", "commerce-disputes"),
                    ("company_info", "commerce-info"),
                    ("locations", "commerce-locations"),
                    ("orders", "commerce-orders"),
                    ("payments", "commerce-payments"),
                    ("payment_methods", "commerce-paymentMethods"),
                    ("products", "commerce-products"),
                    ("product_categories", "commerce-productCategories"),
                    ("tax_components", "commerce-taxComponents"),
                    ("transactions", "commerce-transactions"),
                )
            ),
        ]


if __name__ == "__main__":
    PlainTap.cli()
