"""The streams: companies lead to their data status and to connections, connections lead to data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat.answers import COMMERCE_PREFIX, status_entry
from tap_codat_commerce.codat.errors import CodatError
from tap_codat_commerce.codat.prefetcher import ENDS_THE_RUN
from tap_codat_commerce.records import dates, schemas
from tap_codat_commerce.singer.data_set_stream import DataSetParentStream, DataSetStream
from tap_codat_commerce.singer.stream_base import CodatStream
from tap_codat_commerce.sync.data_set import Paging

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from singer_sdk.helpers.types import Context, Record

    from tap_codat_commerce.records.shaping import Tree
    from tap_codat_commerce.sync.company_selection import ConnectionRef
    from tap_codat_commerce.sync.data_set import ProvenRead


class CompaniesStream(CodatStream):
    """Every company in scope."""

    name = "companies"
    primary_keys = ("id",)
    fields = schemas.COMPANIES
    left_out: Tree = {"dataConnections": {}}  # noqa: RUF012 - a stream of their own

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002 - the SDK's signature
        """Yield the companies, and keep for the child streams the connections of each."""
        for company in self.tap.company_sync.companies():
            self._for_children = {
                "answers": company.answer["dataConnections"],
                "connections": company.connections,
            }
            yield self.shaper(company.answer)
            self.tap.message_writer.flush()  # the next company, or a sync under way, may be waited for

    def generate_child_contexts(self, record: Record, context: Context | None) -> Iterable[Context]:  # noqa: ARG002
        """Lead on to the company's status and connections, with the connections that came in the same answer."""
        yield {"companyId": record["id"], **self._for_children}


class DataStatusStream(CodatStream):
    """How fresh each commerce data type of a company is, for companies with a connection that is read."""

    name = "data_status"
    parent_stream_type = CompaniesStream
    primary_keys = ("companyId", "dataType")
    state_partitioning_keys = ()
    fields = schemas.DATA_STATUS

    def preprocess_context(self, context: Context) -> Context:
        """Keep only ids in the context: it goes into logs and metrics."""
        self._connections: list[ConnectionRef] = context["connections"]
        return {"companyId": context["companyId"]}

    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield a row for each commerce data type; the answer may hold null for one that was never synced."""
        company_id = (context or {})["companyId"]
        run = self.tap.run
        try:
            entries = run.statuses.entries(company_id) if self._connections else {}
        except ENDS_THE_RUN:
            raise
        except CodatError as exc:
            run.summary.failure(self.name, self._connections[0].company, company_id, exc)
            return
        for data_type, entry in entries.items():
            if not data_type.startswith(COMMERCE_PREFIX):
                continue
            try:
                status_entry(entry)
            except CodatError as exc:
                run.summary.unreadable(f"{self.name} of company {company_id}, {data_type}", exc.what)
                continue
            yield self.shaper({**(entry or {}), "dataType": data_type}, {"companyId": company_id})


class ConnectionsStream(DataSetParentStream):
    """Every connection of the companies in scope, even if its data sets are not read."""

    name = "connections"
    parent_stream_type = CompaniesStream
    primary_keys = ("companyId", "id")
    state_partitioning_keys = ()
    fields = schemas.CONNECTIONS

    def preprocess_context(self, context: Context) -> Context:
        """Keep only ids in the context: it goes into logs and metrics."""
        self._answers: list[dict[str, Any]] = context["answers"]
        self._connections: dict[str, ConnectionRef] = {c.connection_id: c for c in context["connections"]}
        return {"companyId": context["companyId"]}

    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield the connections."""
        for answer in self._answers:
            yield self.shaper(answer, {"companyId": (context or {})["companyId"]})

    def generate_child_contexts(self, record: Record, context: Context | None) -> Iterable[Context]:  # noqa: ARG002
        """Lead on to the data sets of the connection, if they are read."""
        if connection := self._connections.get(record["id"]):
            yield {**connection.context, "connection": connection}


class ReadsStream(CodatStream):
    """What the warehouse may rely on: a row for each read of a data set that was proven complete."""

    name = "reads"
    primary_keys = ("companyId", "connectionId", "dataType", "startedAt")
    state_partitioning_keys = ()
    fields = schemas.READS

    def get_batch_config(self, config: Mapping[str, Any]) -> None:
        """Write RECORD messages in any case: each row has to be out before its bookmark moves."""

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002 - the SDK's signature
        """Yield nothing: the rows come while the data sets are read."""
        return ()

    def note(self, context: Context, read: ProvenRead) -> None:
        """Write the row of a read."""
        if self.selected:
            row = {
                **context,
                "dataType": read.data_type,
                "startedAt": dates.utc(read.started_at),
                "endedAt": dates.utc(read.ended_at),
                "syncId": read.sync_id,
                "syncedAt": read.synced_at and dates.utc(read.synced_at),
                "full": read.full,
                "records": read.records,
                "total": read.total,
            }
            self.write_record(row)


class QueriedStream(DataSetStream):
    """A data set that takes queries: only what was modified since the bookmark is asked for."""

    parent_stream_type = ConnectionsStream
    primary_keys: tuple[str, ...] = ("companyId", "connectionId", "id")
    replication_key: str | None = "modifiedDate"


class WholeStream(QueriedStream):
    """A data set that takes no query: all of it is read, unless it is unchanged."""

    replication_key = None


class CustomersStream(QueriedStream):  # noqa: D101 - the name says it, here and below
    name, segment, fields = "customers", "commerce-customers", schemas.CUSTOMERS


class DisputesStream(QueriedStream):  # noqa: D101
    name, segment, fields = "disputes", "commerce-disputes", schemas.DISPUTES


class CompanyInfoStream(WholeStream):
    """The shop itself: one object without an id, so the connection is its key."""

    name, segment, fields = "company_info", "commerce-info", schemas.COMPANY_INFO
    data_type, paging = "commerce-companyInfo", Paging.SINGLE
    primary_keys = ("companyId", "connectionId")


class LocationsStream(WholeStream):
    """Where the shop sells or keeps stock; Codat documents no parameters, so pages are found by links."""

    name, segment, fields = "locations", "commerce-locations", schemas.LOCATIONS
    paging = Paging.LINKED


class OrdersStream(QueriedStream):  # noqa: D101
    name, segment, fields = "orders", "commerce-orders", schemas.ORDERS


class PaymentsStream(QueriedStream):  # noqa: D101
    name, segment, fields = "payments", "commerce-payments", schemas.PAYMENTS


class PaymentMethodsStream(QueriedStream):  # noqa: D101
    name, segment, fields = "payment_methods", "commerce-paymentMethods", schemas.PAYMENT_METHODS


class ProductsStream(QueriedStream):  # noqa: D101
    name, segment, fields = "products", "commerce-products", schemas.PRODUCTS


class ProductCategoriesStream(QueriedStream):  # noqa: D101
    name, segment, fields = "product_categories", "commerce-productCategories", schemas.PRODUCT_CATEGORIES


class TaxComponentsStream(QueriedStream):  # noqa: D101
    name, segment, fields = "tax_components", "commerce-taxComponents", schemas.TAX_COMPONENTS


class TransactionsStream(QueriedStream):  # noqa: D101
    name, segment, fields = "transactions", "commerce-transactions", schemas.TRANSACTIONS


STREAMS: tuple[type[CodatStream], ...] = (
    CompaniesStream,
    DataStatusStream,
    ConnectionsStream,
    ReadsStream,
    CustomersStream,
    DisputesStream,
    CompanyInfoStream,
    LocationsStream,
    OrdersStream,
    PaymentsStream,
    PaymentMethodsStream,
    ProductsStream,
    ProductCategoriesStream,
    TaxComponentsStream,
    TransactionsStream,
)
"""Parents before their children, in the order in which siblings are read."""
