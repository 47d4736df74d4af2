"""The streams: companies lead to their data status and to connections, connections lead to data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_codat_commerce.records import schemas
from tap_codat_commerce.singer.data_set_stream import DataSetStream
from tap_codat_commerce.singer.stream_base import CodatStream
from tap_codat_commerce.sync.data_set import DataSet, Paging

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk.helpers.types import Context

    from tap_codat_commerce.sync.bookmark import Bookmark

DATA_SETS = (
    DataSet("customers", "commerce-customers", schemas.CUSTOMERS),
    DataSet("disputes", "commerce-disputes", schemas.DISPUTES),
    DataSet("company_info", "commerce-info", schemas.COMPANY_INFO, "commerce-companyInfo", Paging.SINGLE),
    DataSet("locations", "commerce-locations", schemas.LOCATIONS, paging=Paging.LINKED),
    DataSet("orders", "commerce-orders", schemas.ORDERS),
    DataSet("payments", "commerce-payments", schemas.PAYMENTS),
    DataSet("payment_methods", "commerce-paymentMethods", schemas.PAYMENT_METHODS),
    DataSet("products", "commerce-products", schemas.PRODUCTS),
    DataSet("product_categories", "commerce-productCategories", schemas.PRODUCT_CATEGORIES),
    DataSet("tax_components", "commerce-taxComponents", schemas.TAX_COMPONENTS),
    DataSet("transactions", "commerce-transactions", schemas.TRANSACTIONS),
)
"""Every data set: its stream's name, its name in the path, its schema and, where it is another, its data type."""


class CompaniesStream(CodatStream):
    """Every company in scope."""

    name = "companies"
    primary_keys = ("id",)
    fields = schemas.COMPANIES


class DataStatusStream(CodatStream):
    """How fresh each commerce data type of a company is, for companies with a connection that is read."""

    name = "data_status"
    parent_stream_type = CompaniesStream
    primary_keys = ("companyId", "dataType")
    state_partitioning_keys = ()
    fields = schemas.DATA_STATUS


class ConnectionsStream(CodatStream):
    """Every connection of the companies in scope, even if its data sets are not read."""

    name = "connections"
    parent_stream_type = CompaniesStream
    primary_keys = ("companyId", "id")
    state_partitioning_keys = ()
    fields = schemas.CONNECTIONS


class CommerceStream(DataSetStream):
    """A data set of the connections to shops."""

    parent_stream_type = ConnectionsStream


class ReadsStream(CodatStream):
    """What the warehouse may rely on: a row for each read of a data set that was proven complete.

    It comes twice: with the read, and once its records have surely arrived.
    """

    name = "reads"
    primary_keys = ("companyId", "connectionId", "dataType", "startedAt")
    state_partitioning_keys = ()
    fields = schemas.READS

    def get_batch_config(self, config: Mapping[str, object]) -> None:
        """Write RECORD messages in any case: each row has to be out before its bookmark moves."""

    def write_read(self, context: Context, data_type: str, bookmark: Bookmark) -> None:
        """Write the row of the read that a bookmark rests on."""
        if (read := bookmark.read) is not None:
            row = {
                **context,
                "dataType": data_type,
                "startedAt": read.started_at,
                "endedAt": read.ended_at,
                "syncId": bookmark.sync_id,
                "syncedAt": read.synced_at,
                "full": read.full,
                "records": read.records,
                "total": read.records if read.full else None,
                "arrived": read.arrived,
            }
            self.write(self.record(row))
