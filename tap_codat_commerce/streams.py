"""The streams: companies lead to connections and their data status, connections lead to data sets."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from tap_codat_commerce import schemas
from tap_codat_commerce.bookmarks import REPLICATION_KEY, Bookmarks
from tap_codat_commerce.codat.errors import CodatError
from tap_codat_commerce.readiness import COMMERCE_PREFIX
from tap_codat_commerce.scope import is_shop
from tap_codat_commerce.stream_base import CodatStream
from tap_codat_commerce.visit import ENDS_THE_RUN, Place, Visit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.helpers.types import Context, Record

    from tap_codat_commerce.bookmarks import Bookmark
    from tap_codat_commerce.reading import Reading


class CompaniesStream(CodatStream):
    """Every company in scope."""

    name = "companies"
    primary_keys = ("id",)
    fields = schemas.COMPANIES
    ignored_fields = frozenset({"dataConnections"})  # a stream of their own

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002 - the SDK's signature
        """Yield the companies; at the end, come back to the data sets that were set aside."""
        report, companies = self.tap.report, self.tap.scope.companies()
        report.companies = len(companies)
        for company in companies:
            self._connections = company.get("dataConnections") or []
            yield self.shape(company)
            report.companies_done += 1
            report.progress(self.tap.client)
        self.tap.waiting.come_back()

    def generate_child_contexts(self, record: Record, context: Context | None) -> Iterable[Context]:  # noqa: ARG002
        """Lead on to the company's connections, which came with it."""
        yield {"companyId": record["id"], "connections": self._connections}


class DataStatusStream(CodatStream):
    """How fresh each commerce data type of a company is, for companies with a connection that is read."""

    name = "data_status"
    parent_stream_type = CompaniesStream
    primary_keys = ("companyId", "dataType")
    state_partitioning_keys = ()
    fields = schemas.DATA_STATUS

    def preprocess_context(self, context: Context) -> Context:
        """Keep ids only in the context, as it goes into logs and metrics."""
        self._asked = any(map(self.tap.scope.readable, context["connections"]))
        return {"companyId": context["companyId"]}

    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield a row for each commerce data type; one that was never synced may be just null in the answer."""
        company_id = (context or {})["companyId"]
        try:
            entries = self.tap.readiness.entries(company_id) if self._asked else {}
        except ENDS_THE_RUN:
            raise
        except CodatError as exc:
            self.tap.report.failure(f"{self.name} of company {company_id}", exc)
            return
        for data_type, entry in entries.items():
            if data_type.startswith(COMMERCE_PREFIX):
                yield {"companyId": company_id, **self.shape({**(entry or {}), "dataType": data_type})}


class ConnectionsStream(CodatStream):
    """Every connection of the companies in scope, also those whose data sets are not read."""

    name = "connections"
    parent_stream_type = CompaniesStream
    primary_keys = ("companyId", "id")
    state_partitioning_keys = ()
    fields = schemas.CONNECTIONS

    def preprocess_context(self, context: Context) -> Context:
        """Keep ids only in the context, as it goes into logs and metrics."""
        self._connections = context["connections"]
        self._several = len(list(filter(is_shop, self._connections))) > 1
        return {"companyId": context["companyId"]}

    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield the connections."""
        for connection in self._connections:
            self._connection = connection if self.tap.scope.readable(connection) else None
            yield {"companyId": (context or {})["companyId"], **self.shape(connection)}

    def generate_child_contexts(self, record: Record, context: Context | None) -> Iterable[Context]:  # noqa: ARG002
        """Lead on to the data sets of a connection that is to be read."""
        if self._connection is not None:
            self.tap.report.connections += 1
            place = Place(record["companyId"], record["id"], self._connection, several=self._several)
            yield {**place.context, "place": place}


class DataSetStream(CodatStream):
    """A data set that takes queries: only what was modified since the bookmark is asked for."""

    parent_stream_type = ConnectionsStream
    primary_keys: tuple[str, ...] = ("companyId", "connectionId", "id")
    replication_key: str | None = REPLICATION_KEY
    segment: ClassVar[str]
    """Its name in the path."""
    data_type: ClassVar[str]
    """Its key in the data status."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let the data type be the segment where it is not said otherwise."""
        super().__init_subclass__(**kwargs)
        if "segment" in vars(cls) and "data_type" not in vars(cls):
            cls.data_type = cls.segment

    @cached_property
    def state_manager(self) -> Bookmarks:
        """The stream's bookmarks, in the place of the SDK's."""
        return Bookmarks(
            tap_name=self.tap_name,
            stream_name=self.name,
            tap_state=self._tap_state,
            state_partitioning_keys=self.state_partitioning_keys,
        )

    @property
    def in_batches(self) -> bool:
        """Whether records are not out when they were yielded, but only with the BATCH message that follows."""
        return bool(self.config.get("batch_config"))

    def preprocess_context(self, context: Context) -> Context:
        """Keep ids only in the context, as it goes into state, logs and metrics."""
        place: Place = context["place"]
        self._place = place
        return place.context

    def pages_of(self, reading: Reading) -> Iterator[list[Record]]:
        """Return how the data set is read."""
        return reading.queried()

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002
        """Yield what is new in the data set, if it may be read."""
        return Visit(self, self._place).records()

    def proven(self, context: Context, bookmark: Bookmark) -> None:
        """Move the bookmark: all records of a complete read were yielded."""
        if self.in_batches:
            self._moves.append((context, bookmark))
        else:
            self.state_manager.move(context, bookmark)

    def _sync_batches(self, batch_config: BatchConfig, context: Context | None = None) -> None:
        """Move the bookmark after the last BATCH message: until then the records are in no message."""
        self._moves: list[tuple[Context, Bookmark]] = []
        super()._sync_batches(batch_config, context)
        for proven, bookmark in self._moves:
            self.state_manager.move(proven, bookmark)


class WholeDataSetStream(DataSetStream):
    """A data set that takes no query: all of it is read, unless it is unchanged."""

    replication_key = None


class CustomersStream(DataSetStream):  # noqa: D101 - the name says it, here and below
    name, segment, fields = "customers", "commerce-customers", schemas.CUSTOMERS


class DisputesStream(DataSetStream):  # noqa: D101
    name, segment, fields = "disputes", "commerce-disputes", schemas.DISPUTES


class CompanyInfoStream(WholeDataSetStream):
    """The shop itself: one object without an id, so the connection is its key."""

    name, segment, fields = "company_info", "commerce-info", schemas.COMPANY_INFO
    data_type = "commerce-companyInfo"

    def pages_of(self, reading: Reading) -> Iterator[list[Record]]:
        """Return how it is read: there is one record."""
        return reading.single()

    primary_keys = ("companyId", "connectionId")


class LocationsStream(WholeDataSetStream):
    """Where the shop sells or keeps stock: documented without parameters, so only its links lead on."""

    name, segment, fields = "locations", "commerce-locations", schemas.LOCATIONS

    def pages_of(self, reading: Reading) -> Iterator[list[Record]]:
        """Return how it is read."""
        return reading.linked()


class OrdersStream(DataSetStream):  # noqa: D101
    name, segment, fields = "orders", "commerce-orders", schemas.ORDERS


class PaymentsStream(DataSetStream):  # noqa: D101
    name, segment, fields = "payments", "commerce-payments", schemas.PAYMENTS


class PaymentMethodsStream(DataSetStream):  # noqa: D101
    name, segment, fields = "payment_methods", "commerce-paymentMethods", schemas.PAYMENT_METHODS


class ProductsStream(DataSetStream):  # noqa: D101
    name, segment, fields = "products", "commerce-products", schemas.PRODUCTS


class ProductCategoriesStream(DataSetStream):  # noqa: D101
    name, segment, fields = "product_categories", "commerce-productCategories", schemas.PRODUCT_CATEGORIES


class TaxComponentsStream(DataSetStream):  # noqa: D101
    name, segment, fields = "tax_components", "commerce-taxComponents", schemas.TAX_COMPONENTS


class TransactionsStream(DataSetStream):  # noqa: D101
    name, segment, fields = "transactions", "commerce-transactions", schemas.TRANSACTIONS


STREAMS: tuple[type[CodatStream], ...] = (
    CompaniesStream,
    DataStatusStream,
    ConnectionsStream,
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
