"""Which companies and connections a run reads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from tap_codat_commerce.codat import lossless_json, pages, query
from tap_codat_commerce.codat.errors import BadRequest, CodatError, UnexpectedAnswer

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

    from tap_codat_commerce.codat.prefetcher import Prefetcher
    from tap_codat_commerce.sync.options import SyncOptions

COMMERCE = "Commerce"
NEVER_AUTHORIZED = "PendingAuth"
PATH = "/companies"
READS = 3
"""How often the list is read if it changes while it is being read."""


@dataclass(frozen=True)
class ConnectionRef:
    """A connection of a company.

    Attributes:
        details: the connection as Codat described it.
        several: whether the company has other shops that may have been synced: its data status may be that of one.
        number: of the company in this run.
        index: of the connection in the company.
    """

    company_id: str
    connection_id: str
    details: dict[str, Any]
    several: bool
    number: int
    index: int

    @cached_property
    def context(self) -> dict[str, str]:
        """The stream context: ids only. The same object each time, as the bookmarks of all data sets keep it."""
        return {"companyId": self.company_id, "connectionId": self.connection_id}


class _WithId(msgspec.Struct):
    id: str


_with_id = msgspec.json.Decoder(_WithId).decode


class CompanySelection:
    """The companies and connections that are asked for."""

    def __init__(self, prefetcher: Prefetcher, options: SyncOptions, logger: logging.Logger) -> None:
        """Begin without a request."""
        self._prefetcher, self._options, self._logger = prefetcher, options, logger
        self._companies: int | None = None
        self._shops: set[tuple[Any, Any]] = set()

    def companies(self) -> list[msgspec.Raw]:
        """Return the companies as they came, not parsed yet, as there may be many.

        The whole list is read before the first company is used: were it read page by page while hours pass, a
        company removed meanwhile would make another slip through between two pages.

        Raises:
            CodatError: a request failed.
        """
        wanted = set(self._options.company_ids)
        try:
            found = {i: c for q in self._queries() for i, c in self._matching(q).items()}
        except CodatError as exc:
            exc.at("company_query" if isinstance(exc, BadRequest) and self._options.company_query else "companies")
            raise
        for missing in sorted(wanted - found.keys()):
            self._logger.warning(
                "company %s: in company_ids, but Codat knows no such company%s. Check company_ids.",
                missing,
                " that matches company_query" if self._options.company_query else " for this key",
            )
        self._companies = len(found)
        return [c for i, c in found.items() if (not wanted or i in wanted) and self._in_shard(i)]

    @staticmethod
    def company(raw: msgspec.Raw) -> dict[str, Any]:
        """Return a company, with its connections in `dataConnections`."""
        found: dict[str, Any] = lossless_json.decode_object(raw)
        return found

    def connections(self, company: dict[str, Any], number: int) -> list[ConnectionRef]:
        """Return the connections whose data sets are to be read, of the company with that number in this run."""
        every = company.get("dataConnections") or []
        self._shops |= {(c.get("status"), c.get("integrationKey")) for c in every if is_shop(c)}
        several = sum(is_shop(connection) and connection.get("status") != NEVER_AUTHORIZED for connection in every) > 1
        return [
            ConnectionRef(company["id"], connection["id"], connection, several, number, index)
            for index, connection in enumerate(every)
            if self.readable(connection)
        ]

    def gaps(self) -> Iterator[str]:
        """Yield a line for each thing that is asked for and was not there, once all companies have been looked at."""
        options, statuses = self._options, {status for status, _ in self._shops}
        if self._companies == 0 and options.company_query:
            yield "company_query matches no company. `codat-commerce status` lists all if it is not set."
        elif self._companies == 0 and not options.company_ids:
            yield "There is no company yet. `codat-commerce connect NAME --platform KEY` makes one."
        if not self._companies or options.shard_count > 1:  # other shards may have what this one has not
            return
        if not statuses:
            yield (
                "No company has a connection to a shop yet. "
                "`codat-commerce connect --company NAME --platform KEY` makes one."
            )
        elif statuses == {NEVER_AUTHORIZED}:
            yield "No connection to a shop has been authorised yet. `codat-commerce status` shows the links for that."
        elif statuses.isdisjoint(options.connection_statuses):
            yield "No connection is in one of connection_statuses. `codat-commerce status` shows in which they are."
        platforms = {key for _, key in self._shops if key}
        for key in sorted(options.integration_keys - platforms):
            there = f"; there are {', '.join(sorted(platforms))}" if platforms else ""
            yield f"integration_keys: no connection is of the platform {key!r}{there}. Check the key."

    def readable(self, connection: dict[str, Any]) -> bool:
        """Say whether the data sets of a connection are to be read."""
        options = self._options
        return (
            is_shop(connection)
            and connection.get("status") in options.connection_statuses
            and (not options.integration_keys or connection.get("integrationKey") in options.integration_keys)
        )

    def _in_shard(self, company_id: str) -> bool:
        return shard_of(company_id, self._options.shard_count) == self._options.shard_index

    def _queries(self) -> Iterator[str | None]:
        """Yield the queries that together find the companies: a query that was set, else one over ids, else none."""
        if self._options.company_ids and not self._options.company_query:
            yield from query.any_of("id", self._options.company_ids)
        else:
            yield self._options.company_query

    def _matching(self, condition: str | None) -> dict[str, msgspec.Raw]:
        """Return the companies that match, by id; read again if the list changed while it was read."""
        params: dict[str, str | int] = {"query": condition} if condition else {}
        size = self._options.page_size
        for attempt in range(READS):
            found: dict[str, msgspec.Raw] = {}
            totals, token = set(), (PATH, condition, attempt)
            for page in pages.prefetched_by_number(
                self._prefetcher, PATH, params, size, 1, token=token, position=(-1,)
            ):
                totals.add(page.total)
                found.update({_id(raw): raw for raw in page.results})
            self._prefetcher.drop(token)
            if totals == {len(found)}:
                return found
        what = f"GET {PATH}: {len(found)} different companies came, but the pages spoke of {sorted(totals)}"
        raise UnexpectedAnswer(what)


def shard_of(company_id: str, count: int) -> int:
    """Return which of so many shards a company falls to: the same on every machine, whatever others there are."""
    digest = hashlib.blake2b(company_id.lower().encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count


def is_shop(connection: dict[str, Any]) -> bool:
    """Say whether a connection is one to a shop."""
    return connection.get("sourceType") == COMMERCE


def _id(raw: msgspec.Raw) -> str:
    try:
        return _with_id(raw).id
    except ValueError as exc:
        what = f"GET {PATH} answered with a company that has no id"
        raise UnexpectedAnswer(what) from exc
