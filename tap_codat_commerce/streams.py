"""The streams: companies lead to connections and their data status, connections lead to data sets."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from tap_codat_commerce import schemas
from tap_codat_commerce.bookmarks import REPLICATION_KEY, Bookmarks
from tap_codat_commerce.codat.errors import CodatError, NotReady, NotSupported
from tap_codat_commerce.readiness import COMMERCE_PREFIX, Action, judge
from tap_codat_commerce.reading import DataSet, Reading
from tap_codat_commerce.stream_base import CodatStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers.types import Context, Record

    from tap_codat_commerce.bookmarks import Bookmark


class CompaniesStream(CodatStream):
    """Every company in scope."""

    name = "companies"
    primary_keys = ("id",)
    fields = schemas.COMPANIES
    ignored_fields = frozenset({"dataConnections"})  # a stream of their own

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002 - the SDK's signature
        """Yield the companies."""
        for company in self.tap.scope.companies():
            self._connections = company.get("dataConnections") or []
            yield self.shape(company)

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
        entries = self.tap.readiness.entries(company_id) if self._asked else {}
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
        return {"companyId": context["companyId"]}

    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield the connections."""
        for connection in self._connections:
            self._readable = self.tap.scope.readable(connection)
            yield {"companyId": (context or {})["companyId"], **self.shape(connection)}

    def generate_child_contexts(self, record: Record, context: Context | None) -> Iterable[Context]:  # noqa: ARG002
        """Lead on to the data sets of a connection that is to be read."""
        if self._readable:
            yield {"companyId": record["companyId"], "connectionId": record["id"], "linkUrl": record.get("linkUrl")}


class DataSetStream(CodatStream):
    """A data set that takes queries: only what was modified since the bookmark is asked for."""

    parent_stream_type = ConnectionsStream
    primary_keys: tuple[str, ...] = ("companyId", "connectionId", "id")
    replication_key: str | None = REPLICATION_KEY
    segment: ClassVar[str]
    """Its name in the path. `commerce-` is left out here and in `data_type`."""
    data_type: ClassVar[str | None] = None
    """Its key in the data status, where that differs."""

    @cached_property
    def state_manager(self) -> Bookmarks:
        """The stream's bookmarks, in the place of the SDK's."""
        return Bookmarks(
            tap_name=self.tap_name,
            stream_name=self.name,
            tap_state=self._tap_state,
            state_partitioning_keys=self.state_partitioning_keys,
        )

    def preprocess_context(self, context: Context) -> Context:
        """Keep ids only in the context, as it goes into state, logs and metrics."""
        self._link = context["linkUrl"]
        return {"companyId": context["companyId"], "connectionId": context["connectionId"]}

    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield what is new in the data set, if it may be read; move its bookmark once all of it came."""
        context = context or {}
        where = f"{self.name} of company {context['companyId']}, connection {context['connectionId']}"
        try:
            yield from self._read_if_ready(context, where)
        except NotReady as exc:
            self.logger.warning("%s", exc.at(f"{where}: skipped"))
        except CodatError as exc:
            exc.at(where)
            raise

    def _read_if_ready(self, context: Context, where: str) -> Iterator[Record]:
        company_id = context["companyId"]
        old = self.state_manager.find(context)
        data_type = COMMERCE_PREFIX + (self.data_type or self.segment)
        status = self.tap.readiness.status(company_id, data_type)
        known = old.sync_id if self.tap.settings.skip_unchanged else None
        verdict = judge(status, data_type, known, self._link)
        if verdict.line:
            self.logger.log(verdict.level, "%s: %s.", where, verdict.line)
        if verdict.action is not Action.READ:
            return
        reading = Reading(self.shape)
        try:
            for record in self._ask(reading, self._data_set(context, old)):
                yield {**context, **record}
        except NotSupported:
            # The company's status spoke of another connection. This one has nothing, at least until the next sync.
            self.logger.info("%s: skipped, the platform does not offer it.", where)
        doubt = reading.doubt(status, lambda: self.tap.readiness.status(company_id, data_type, anew=True))
        if doubt:
            self.logger.warning("%s: what came may be incomplete (%s). The next run reads it again.", where, doubt)
        else:
            self.state_manager.move(context, reading.bookmark(old, status.good_sync_id))

    def _data_set(self, context: Context, old: Bookmark) -> DataSet:
        since = None
        if self.replication_method == "INCREMENTAL":
            since = old.stamp or self.tap.settings.start_date
        return DataSet(context["companyId"], context["connectionId"], COMMERCE_PREFIX + self.segment, since)

    def _ask(self, reading: Reading, data_set: DataSet) -> Iterator[Record]:
        return reading.queried(self.tap.client, data_set, self.tap.settings.page_size)


class WholeDataSetStream(DataSetStream):
    """A data set that takes no query: all of it is read, unless it is unchanged."""

    replication_key = None


class CustomersStream(DataSetStream):  # noqa: D101 - the name says it, here and below
    name, segment, fields = "customers", "customers", schemas.CUSTOMERS


class DisputesStream(DataSetStream):  # noqa: D101
    name, segment, fields = "disputes", "disputes", schemas.DISPUTES


class CompanyInfoStream(WholeDataSetStream):
    """The shop itself: one object without an id, so the connection is its key."""

    name, segment, data_type, fields = "company_info", "info", "companyInfo", schemas.COMPANY_INFO
    primary_keys = ("companyId", "connectionId")

    def _ask(self, reading: Reading, data_set: DataSet) -> Iterator[Record]:
        return reading.single(self.tap.client, data_set)


class LocationsStream(WholeDataSetStream):
    """Where the shop sells or keeps stock: documented without parameters, so only its links lead on."""

    name, segment, fields = "locations", "locations", schemas.LOCATIONS

    def _ask(self, reading: Reading, data_set: DataSet) -> Iterator[Record]:
        return reading.linked(self.tap.client, data_set)


class OrdersStream(DataSetStream):  # noqa: D101
    name, segment, fields = "orders", "orders", schemas.ORDERS


class PaymentsStream(DataSetStream):  # noqa: D101
    name, segment, fields = "payments", "payments", schemas.PAYMENTS


class PaymentMethodsStream(DataSetStream):  # noqa: D101
    name, segment, fields = "payment_methods", "paymentMethods", schemas.PAYMENT_METHODS


class ProductsStream(DataSetStream):  # noqa: D101
    name, segment, fields = "products", "products", schemas.PRODUCTS


class ProductCategoriesStream(DataSetStream):  # noqa: D101
    name, segment, fields = "product_categories", "productCategories", schemas.PRODUCT_CATEGORIES


class TaxComponentsStream(DataSetStream):  # noqa: D101
    name, segment, fields = "tax_components", "taxComponents", schemas.TAX_COMPONENTS


class TransactionsStream(DataSetStream):  # noqa: D101
    name, segment, fields = "transactions", "transactions", schemas.TRANSACTIONS


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
