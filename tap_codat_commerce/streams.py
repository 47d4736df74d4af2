"""The streams: companies lead to connections and their data status, connections lead to data sets."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.exceptions import AbortedSyncFailedException, AbortedSyncPausedException

from tap_codat_commerce import reading, schemas
from tap_codat_commerce.bookmarks import REPLICATION_KEY, Bookmarks
from tap_codat_commerce.codat.ahead import ENDS_THE_RUN
from tap_codat_commerce.codat.errors import CodatError
from tap_codat_commerce.readiness import COMMERCE_PREFIX
from tap_codat_commerce.rows import AsMessages, AsRecords
from tap_codat_commerce.stream_base import CodatStream
from tap_codat_commerce.verbatim import Verbatim
from tap_codat_commerce.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Generator, Hashable, Iterable, Iterator

    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.helpers.types import Context, Record

    from tap_codat_commerce.bookmarks import Bookmark
    from tap_codat_commerce.codat.ahead import Position
    from tap_codat_commerce.reading import DataSet, Reading
    from tap_codat_commerce.rows import Rows
    from tap_codat_commerce.scope import Place

PARENT_KEYS = ("companyId", "connectionId")


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
        for number, company in self.tap.lookahead.walk(companies):
            self._connections = company.get("dataConnections") or []
            self._places = self.tap.scope.places(company, number)
            yield self.shape(company)
            report.companies_done += 1
            report.progress(self.tap.client)
        self.tap.waiting.come_back()

    def generate_child_contexts(self, record: Record, context: Context | None) -> Iterable[Context]:  # noqa: ARG002
        """Lead on to the company's connections, which came with it."""
        yield {"companyId": record["id"], "connections": self._connections, "places": self._places}


class DataStatusStream(CodatStream):
    """How fresh each commerce data type of a company is, for companies with a connection that is read."""

    name = "data_status"
    parent_stream_type = CompaniesStream
    primary_keys = ("companyId", "dataType")
    state_partitioning_keys = ()
    fields = schemas.DATA_STATUS

    def preprocess_context(self, context: Context) -> Context:
        """Keep ids only in the context, as it goes into logs and metrics."""
        self._asked = bool(context["places"])
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
        self._places: dict[str, Place] = {place.connection_id: place for place in context["places"]}
        return {"companyId": context["companyId"]}

    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield the connections."""
        for connection in self._connections:
            yield {"companyId": (context or {})["companyId"], **self.shape(connection)}

    def generate_child_contexts(self, record: Record, context: Context | None) -> Iterable[Context]:  # noqa: ARG002
        """Lead on to the data sets of a connection that is to be read."""
        if place := self._places.get(record["id"]):
            self.tap.report.connections += 1
            yield {**place.context, "place": place}

    def _sync_children(self, child_context: Context | None) -> None:
        """Sync only what is due: what the SDK does for a stream that has nothing to read costs more than all else."""
        for stream in self.tap.data_sets:
            with suppress(AbortedSyncFailedException, AbortedSyncPausedException):
                stream.visit(Visit(stream, (child_context or {})["place"]))


class DataSetStream(CodatStream):
    """A data set that takes queries: only what was modified since the bookmark is asked for."""

    parent_stream_type = ConnectionsStream
    primary_keys: tuple[str, ...] = (*PARENT_KEYS, "id")
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

    @cached_property
    def number(self) -> int:
        """Its place among the data sets of a connection."""
        return STREAMS.index(type(self))

    @cached_property
    def verbatim(self) -> Verbatim | None:
        """What tells records that may be passed on as they came; None for data sets without ids, which have one."""
        own = frozenset({*PARENT_KEYS, "unmapped"})
        return Verbatim(self.effective_schema, without=own) if "id" in self.primary_keys else None

    def rows_of(self, context: Context) -> AsMessages | AsRecords:
        """Return what is made of the pages of a data set."""
        if self.plain:
            return AsMessages(self.name, self.shape, self.verbatim, context)
        return AsRecords(self.shape, context)

    def visit(self, visit: Visit) -> None:
        """Sync one data set, if it is due."""
        if visit.is_due():
            self.sync({**visit.place.context, "visit": visit})

    def preprocess_context(self, context: Context) -> Context:
        """Keep ids only in the context, as it goes into state, logs and metrics."""
        visit: Visit = context["visit"]
        self._visit = visit
        return visit.place.context

    def offer(self, data_set: DataSet, token: Hashable, position: Position) -> None:
        """Have the data set asked for ahead, as far as it can be."""
        reading.offer_queried(self.tap.ahead, data_set, token, position)

    def pages_of(self, read: Reading[Any]) -> Iterator[Rows[Any]]:
        """Return how the data set is read."""
        return read.queried()

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002
        """Yield what is new in the data set."""
        for rows in self._visit.rows():
            yield from rows.content

    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Write a page at a time where nothing more is done to its records.

        The SDK's loop costs several times as much as all the rest of a record. It is used for all else.
        """
        if not (self.plain and write_messages):
            yield from super()._sync_records(context, write_messages=write_messages)
            return
        with self.get_record_counter() as counter, self.get_sync_timer() as timer:
            counter.with_context(context)
            timer.with_context(context)
            for rows in self._visit.rows():
                self.tap.message_writer.write_lines(rows.content)
                rows.content.clear()  # a page may be large, and the next one comes while this one is still referred to
                counter.increment(len(rows.ids))
        self._write_state_message()

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

    primary_keys = PARENT_KEYS

    def offer(self, data_set: DataSet, token: Hashable, position: Position) -> None:
        """Have it asked for ahead."""
        reading.offer_single(self.tap.ahead, data_set, token, position)

    def pages_of(self, read: Reading[Any]) -> Iterator[Rows[Any]]:
        """Return how it is read: there is one record."""
        return read.single()


class LocationsStream(WholeDataSetStream):
    """Where the shop sells or keeps stock: documented without parameters, so only its links lead on."""

    name, segment, fields = "locations", "commerce-locations", schemas.LOCATIONS

    def offer(self, data_set: DataSet, token: Hashable, position: Position) -> None:
        """Have the first page asked for ahead."""
        reading.offer_linked(self.tap.ahead, data_set, token, position)

    def pages_of(self, read: Reading[Any]) -> Iterator[Rows[Any]]:
        """Return how it is read."""
        return read.linked()


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
